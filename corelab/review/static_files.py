"""The scripts, styles and pages that corelab itself brings: a table, never a path."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.review.answers import OWN_FILES_ONLY, absent, page, reply

FOLDER = Path(__file__).with_name("static")
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


class StaticFiles:
    """Every file of ours by its name below ``static``, as it lay there at the start."""

    def __init__(self) -> None:
        paths = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*.*")}
        self._files = {
            name: (path.read_bytes(), _TYPES[path.suffix])
            for name, path in paths.items()
            if path.suffix in _TYPES
        }
        self._pages = {
            name.removesuffix(".html"): path.read_text(encoding="utf-8")
            for name, path in paths.items()
            if path.suffix == ".html"
        }

    @property
    def route(self) -> Route:
        """Route of everything but pages, which are served where they belong."""
        return Route("/static/{name:path}", self._file)

    def page(self, name: str) -> Response:
        """One of our pages: it runs our files only."""
        return page(self._pages[name], policy=OWN_FILES_ONLY)

    def _file(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        return absent() if found is None else reply(found[0], media_type=found[1])
