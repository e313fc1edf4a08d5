"""Folders and files that must not lie inside each other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from corelab.errors import StoreError

LAST_RESULT = "unchanged.json"
"""In the vault: what a run leaves there where the next may find that it has nothing to do."""

Place = tuple[str, Path | None, Path, str]
"""Name, path if one was asked for, the folder it must not lie in, that folder's name with why."""


def places_of_delivery(incoming: Path, out: Path, subjects_file: Path | None) -> tuple[Place, ...]:
    """List what a delivery, OUT and the list of who is who must not be to each other."""
    return (
        ("OUT", out, incoming, "INCOMING: the next run would read its own results"),
        ("INCOMING", incoming, out, "OUT: blinded readers open OUT"),
        ("the subjects file", subjects_file, out, "OUT: it names patients"),
    )


def refuse_nested(places: Iterable[Place]) -> None:
    """Refuse the first that lies inside a folder it must not lie in.

    Raises
    ------
    StoreError
        With its name and the reason.
    """
    for name, inner, outer, why in places:
        if inner and inner.resolve().is_relative_to(outer.resolve()):
            raise StoreError(f"{name} must not lie inside {why}")
