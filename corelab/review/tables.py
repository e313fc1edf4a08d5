"""What statisticians pull: every table of the lock as a file to keep."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.review.answers import OWN_FILES_ONLY, download, not_there, page
from corelab.review.keeper import RoomKeeper
from corelab.review.session import Session
from corelab.store.layout import Layout

_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".sqlite": "application/vnd.sqlite3",
    ".xml": "application/xml",
    ".xpt": "application/octet-stream",
}
_TOLD: dict[str, str] = {
    "volumes": "one row per case",
    "growth": "growth from the first visit, one row per subject and later visit",
    "reads": "one row per read and version",
    "qa": "one row per verdict",
    "nv": "reads as an SDTM-like domain",
    # Not by its name of four letters, a first name as well: the audit must not take that for ours.
    "adinf": "volumes as an analysis data set",
    "tables": "all of them in one database",
    "define": "what each column means, Define-XML",
    "problems": "cases and series that were not measured, and why",
}
_NOT_YET = "The trial is not locked: its tables come with the lock."


class Tables:
    """Routes of statisticians.

    Parameters
    ----------
    layout
        Where the tables are.
    session
        Who sits before the browser.
    keeper
        Knows whether OUT is locked, and as what.
    """

    def __init__(self, layout: Layout, session: Session, keeper: RoomKeeper) -> None:
        self._layout = layout
        self._session = session
        self._keeper = keeper

    @property
    def routes(self) -> list[Route]:
        """Return them."""
        return [Route("/tables/{name}", self._table, methods=["GET"])]

    def page(self) -> Response:
        """List the tables of the lock; none before it, when numbers may still change."""
        name, paths = html.escape(self._session.signer().name), self._paths()
        return page(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tables</title>'
            '<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/room.css">'
            '<link rel="stylesheet" href="/static/home.css">'
            '<script type="module" src="/static/leave.js"></script></head><body>'
            f'<header><strong>Tables</strong><span class="faint">{name}</span>'
            '<button id="leave" type="button" disabled>Sign out</button></header>'
            f"<main><h1>Tables</h1>{_listed(paths) if paths else f'<p>{_NOT_YET}</p>'}</main>"
            "</body></html>",
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
        """Tables of the lock that holds, and no link that leads out of OUT."""
        lock_id = self._keeper.room().lock_id
        if lock_id is None:
            return []
        folder = self._layout.locked_tables(lock_id)
        return sorted(
            path for path in folder.glob("*") if _is_plain(path) and path.suffix in _TYPES
        )


def _listed(paths: Iterable[Path]) -> str:
    rows = "".join(
        f'<tr><td><a href="/tables/{path.name}">{path.name}</a></td>'
        f"<td>{_TOLD.get(path.stem, '')}</td><td>{path.stat().st_size / 1000:.1f} kB</td></tr>"
        for path in paths
    )
    return (
        "<p>The trial is locked: these tables do not change.</p><table><thead><tr>"
        '<th scope="col">File</th><th scope="col">Holds</th><th scope="col">Size</th>'
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
