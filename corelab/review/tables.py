"""What statisticians pull: every table of OUT as a file to keep."""

from __future__ import annotations

import html
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.review.answers import OWN_FILES_ONLY, download, not_there, page
from corelab.review.session import Session
from corelab.store.layout import Layout
from corelab.store.ledger_file import is_locked

_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
_TOLD: dict[str, str] = {
    "volumes.csv": "one row per case",
    "volumes.parquet": "the same with types",
    "volumes.json": "what each of its columns means",
    "growth.csv": "growth from the first visit, one row per subject and later visit",
    "growth.json": "what each of its columns means",
    "reads.csv": "one row per read",
    "problems.csv": "cases and series that were not measured, and why",
    "lock.json": "SHA-256 of every file, as it was locked",
}


class Tables:
    """Routes of statisticians.

    Parameters
    ----------
    layout
        Where the tables are.
    session
        Who sits before the browser.
    """

    def __init__(self, layout: Layout, session: Session) -> None:
        self._layout = layout
        self._session = session

    @property
    def routes(self) -> list[Route]:
        """Return them."""
        return [Route("/tables/{name}", self._table, methods=["GET"])]

    def page(self) -> Response:
        """List the tables that are there."""
        name = html.escape(self._session.signer().name)
        rows = "".join(
            f'<tr><td><a href="/tables/{path.name}">{path.name}</a></td>'
            f"<td>{_TOLD[path.name]}</td><td>{path.stat().st_size / 1000:.1f} kB</td></tr>"
            for path in self._paths()
        )
        state = "locked" if is_locked(self._layout) else "not locked: numbers may still change"
        return page(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tables</title>'
            '<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/room.css">'
            '<link rel="stylesheet" href="/static/home.css">'
            '<script type="module" src="/static/leave.js"></script></head><body>'
            f'<header><strong>Tables</strong><span class="faint">{name}</span>'
            '<button id="leave" type="button" disabled>Sign out</button></header>'
            f"<main><h1>Tables</h1><p>The trial is {state}.</p><table><thead><tr>"
            '<th scope="col">File</th><th scope="col">Holds</th><th scope="col">Size</th>'
            f"</tr></thead><tbody>{rows}</tbody></table></main></body></html>",
            policy=OWN_FILES_ONLY,
        )

    def _table(self, request: Request) -> Response:
        self._session.signer()
        asked = request.path_params["name"]
        path = next((path for path in self._paths() if path.name == asked), None)
        if path is None:
            raise not_there()
        return download(path.read_bytes(), name=path.name, media_type=_TYPES[path.suffix])

    def _paths(self) -> list[Path]:
        """Tables that are there, and no link that leads out of OUT."""
        root = self._layout.root
        return [root / name for name in _TOLD if _is_plain(root / name)]


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
