"""A fault of ours: the browser is told a number, the log where it happened.

The message of an error may hold a path, and a path the code of a subject: a reader starts the
server and sees its log, so that neither holds more than the place in our own code.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from corelab.errors import CorelabError
from corelab.review.answers import json_reply, reply

_LOG = logging.getLogger(__name__)
_NUMBER_BYTES = 4
_UNTOLD = "Something went wrong"


class ToldError(CorelabError):
    """A fault of ours of which the browser is told in these words: they name no case, no path."""


class Incidents:
    """Answers in place of whatever failed inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request; an error that nobody expected becomes a number."""
        begun: list[Message] = []

        async def noted(message: Message) -> None:
            begun.append(message)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - none may reach the browser or the log in words
            number = secrets.token_hex(_NUMBER_BYTES)
            _LOG.error("incident %s: %s at %s", number, type(error).__name__, _place(error))
            if scope["type"] == "http" and not begun:
                words = str(error) if isinstance(error, ToldError) else _UNTOLD
                await _answer(scope["path"], f"{words}. Incident {number}")(scope, receive, send)


def _answer(path: str, text: str) -> Response:
    if path.startswith("/api/"):
        return json_reply({"error": "incident", "message": text}, status=500)
    return reply(f"{text}\n".encode(), media_type="text/plain", status=500)


def _place(error: Exception) -> str:
    """Files and lines that led to an error, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
