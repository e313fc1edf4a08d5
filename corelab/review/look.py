"""Read-only look at OUT without a role: the QA page and the full-size mosaics."""

from __future__ import annotations

import html
import secrets
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.errors import StoreError
from corelab.review.answers import NOTHING_RUNS, absent, page, reply
from corelab.review.gate import TOKEN_BYTES
from corelab.store.layout import Layout
from corelab.store.qa_page import policy_of
from corelab.vocab import Case, SubjectCode, VisitLabel


class _Mosaics:
    """Table of mosaics under OUT; ids are random and keep for as long as the server runs."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._ids: dict[Case, str] = {}
        self._cases: dict[str, Case] = {}

    def listed(self) -> list[tuple[str, Case]]:
        """Id and case of every mosaic that exists now, by case."""
        found = []
        for folder in sorted(self._layout.root.glob("sub-*/ses-*")):
            case = Case(
                SubjectCode(folder.parent.name.removeprefix("sub-")),
                VisitLabel(folder.name.removeprefix("ses-")),
            )
            if self._is_inside(self._layout.mosaic(case)):
                identifier = self._ids.setdefault(case, secrets.token_urlsafe(TOKEN_BYTES))
                self._cases[identifier] = case
                found.append((identifier, case))
        return found

    def read(self, identifier: str) -> bytes | None:
        """Mosaic of this id, None where there is none."""
        case = self._cases.get(identifier)
        if case is None:
            return None
        path = self._layout.mosaic(case)
        return path.read_bytes() if self._is_inside(path) else None

    def _is_inside(self, path: Path) -> bool:
        """Whether a file exists in OUT itself, and not where a link leads out of it."""
        return path.is_file() and path.resolve().is_relative_to(self._layout.root.resolve())


def look_routes(layout: Layout) -> list[Route]:
    """Routes of the look.

    Raises
    ------
    StoreError
        When OUT has no QA page.
    """
    if not layout.qa_page.is_file():
        raise StoreError("OUT has no QA page: run a batch into it first")
    mosaics = _Mosaics(layout)
    return [
        Route("/", lambda _: _qa_page(layout)),
        Route("/cases", lambda _: _case_list(mosaics)),
        Route("/mosaic/{identifier}", lambda request: _mosaic(mosaics, request)),
    ]


def _qa_page(layout: Layout) -> Response:
    text = layout.qa_page.read_text(encoding="utf-8")
    return page(text, policy=policy_of(text) or NOTHING_RUNS)


def _case_list(mosaics: _Mosaics) -> Response:
    items = "".join(
        f'<li><a href="/mosaic/{identifier}">{html.escape(f"{case.subject_code} {case.visit}")}'
        "</a></li>"
        for identifier, case in mosaics.listed()
    )
    return page(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Full-size overlays</title>'
        f'<h1>Full-size overlays</h1><p><a href="/">QA page</a></p><ul>{items}</ul></html>'
    )


def _mosaic(mosaics: _Mosaics, request: Request) -> Response:
    content = mosaics.read(request.path_params["identifier"])
    if content is None:
        return absent()
    answer = reply(content, media_type="image/png")
    answer.headers["Content-Disposition"] = 'inline; filename="overlay.png"'
    return answer
