"""What every answer carries, and the few kinds of answers there are."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response

from corelab.store.files import Json

FRAMED_BY_NOBODY = "frame-ancestors 'none'"
NOTHING_RUNS = "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'"
OWN_FILES_ONLY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def reply(
    content: bytes, *, media_type: str, policy: str = NOTHING_RUNS, status: int = 200
) -> Response:
    """Answer with some bytes, and with the headers that every answer has."""
    headers = {**_HEADERS, "Content-Security-Policy": f"{policy}; {FRAMED_BY_NOBODY}"}
    return Response(content, status_code=status, media_type=media_type, headers=headers)


def page(text: str, *, policy: str = NOTHING_RUNS) -> Response:
    """Answer with a page."""
    return reply(text.encode("utf-8"), media_type="text/html", policy=policy)


def json_reply(content: Mapping[str, Json], *, status: int = 200) -> Response:
    """Answer with a JSON object."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return reply(text.encode("utf-8"), media_type="application/json", status=status)


def download(content: bytes, *, name: str, media_type: str) -> Response:
    """Answer with a file to keep, under a fixed and harmless name."""
    answer = reply(content, media_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def absent() -> Response:
    """One answer for what is not there and what is not allowed."""
    return reply(b"Not found\n", media_type="text/plain", status=404)


def not_there() -> HTTPException:
    """Raise this for what is not there and what is not allowed."""
    return HTTPException(404)
