"""The ledger and the room that follows from it, kept together for the server's routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from corelab.kernels.overlap import dice
from corelab.reading.consequence import next_consequence
from corelab.reading.event import Event, event_to_json
from corelab.reading.fold import fold, with_event
from corelab.reading.room import Room
from corelab.review.denial import DenialCode, DeniedError
from corelab.store.ledger import Ledger, StaleError
from corelab.store.ledger_mask import unpack_mask
from corelab.store.signing import Signer
from corelab.vocab import Case

_MOST_TRIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An event to be written, with the masks that come with it and those that it replaces."""

    event: Event
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    drop: tuple[str, ...] = ()


class RoomKeeper:
    """Folds what anybody wrote, and writes what the rules allow.

    Parameters
    ----------
    ledger
        Open; other processes may write to it too.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._room = Room()
        self._turn = Lock()

    def room(self) -> Room:
        """Return the room as it is now.

        Raises
        ------
        LedgerError
            When the ledger holds what the rules do not allow.
        """
        with self._turn:
            entries = self.ledger.entries(after=self._room.sequence)
            self._room = fold(entries, self._room)
            return self._room

    def write(self, signer: Signer, decide: Callable[[Room], Step | None]) -> Room:
        """Write one event, decided anew whenever somebody else was quicker.

        Parameters
        ----------
        signer
            Whose event it is.
        decide
            Returns what is to be written into a room, ``None`` where that has happened already.

        Returns
        -------
        Room
            After it.

        Raises
        ------
        LedgerError
            When the rules do not allow it.
        StoreError
            When it cannot be written.
        """
        for _ in range(_MOST_TRIES):
            room = self.room()
            step = decide(room)
            if step is None:
                return room
            with_event(room, signer.name, step.event)
            try:
                self._append(signer, step, after=room.sequence)
            except StaleError:
                continue
            return self.room()
        raise DeniedError(DenialCode.STATE, "Too many people write at this moment. Try again.")

    def follow(self, signer: Signer, case: Case) -> None:
        """Write whatever follows from what has just happened to a case."""

        def decide(room: Room) -> Step | None:
            event = next_consequence(room, case, self._dice)
            return None if event is None else Step(event=event)

        before = self.room().sequence
        while (after := self.write(signer, decide).sequence) != before:
            before = after

    def _append(self, signer: Signer, step: Step, *, after: int) -> None:
        self.ledger.append(
            signer,
            step.event.kind,
            event_to_json(step.event),
            after=after,
            blobs=step.blobs,
            drop=step.drop,
        )

    def _dice(self, first_sha256: str, second_sha256: str) -> float:
        first, second = (
            unpack_mask(self.ledger.blob(name)) for name in (first_sha256, second_sha256)
        )
        return dice(first, second)
