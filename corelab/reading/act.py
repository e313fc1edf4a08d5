"""An event with who did it and when: what an entry of the ledger says, its proof aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from corelab.reading.event import Event, Json, event_from_json, event_to_json


class EntryLike(Protocol):
    """What the fold reads of an entry of the ledger."""

    @property
    def sequence(self) -> int:
        """Place in the ledger, from 1."""

    @property
    def at_utc(self) -> str:
        """When it was written, ISO 8601, UTC."""

    @property
    def author(self) -> str:
        """Name of the user who wrote it."""

    @property
    def kind(self) -> str:
        """Kind of the event."""

    @property
    def payload(self) -> Mapping[str, Json]:
        """Fields of the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that a person did, or is about to do."""

    sequence: int
    at_utc: str
    author: str
    event: Event


def act_of(entry: EntryLike) -> Act:
    """Return what an entry says.

    Raises
    ------
    LedgerError
        When its kind or its fields are not known.
    """
    return Act(
        sequence=entry.sequence,
        at_utc=entry.at_utc,
        author=entry.author,
        event=event_from_json(entry.kind, entry.payload),
    )


def proposed(sequence: int, author: str, event: Event) -> Act:
    """Return an act that is not written yet, its event checked field by field.

    Raises
    ------
    LedgerError
        When a field of the event does not fit.
    """
    checked = event_from_json(event.kind, event_to_json(event))
    return Act(sequence=sequence, at_utc="", author=author, event=checked)
