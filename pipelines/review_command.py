"""The web application from the command line; a reader's process knows nothing of the vault."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from corelab.reading.roles import Role
from corelab.review.app import look_app, room_app
from corelab.review.serve import serve
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger
from pipelines.cli import ReviewRole
from pipelines.telling import told

_SECONDS = 60


@told
def look_command(out: Path, port: int) -> int:
    """Serve the QA page of OUT until interrupted."""
    serve(partial(look_app, out), port=port)
    return 0


@told
def room_command(out: Path, role: ReviewRole, *, port: int, idle_min: float) -> int:
    """Serve the room of one role until interrupted."""
    with open_ledger(Layout(out).ledger) as ledger:
        make = partial(room_app, out, Role(role), ledger, idle_s=idle_min * _SECONDS)
        serve(make, port=port)
    return 0
