"""How far the reading room is: who still reads, what waits for whom, and what keeps cases back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from corelab.reading.acceptance import Accepted, Awaited, Awaiting
from corelab.reading.fold import fold
from corelab.reading.room import Block, Room
from corelab.store.layout import Layout
from corelab.store.ledger import read_ledger
from corelab.vocab import Case
from pipelines.reads import Load, loads_of, offers_of, stranded_cases
from pipelines.screen import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedCase:
    """A case that does not count until somebody deals with it."""

    case: Case
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingState:
    """How far the reading room is.

    ``awaited`` counts cases by what they wait for; ``stranded`` wait for an adjudicator whom
    nobody has named. ``unplanned`` were measured, or measured on another image, since the last
    plan; ``gone`` were to be read, and OUT holds them no more. Cases that were excluded are in none
    of them.
    """

    loads: tuple[Load, ...]
    n_cases: int
    n_accepted: int
    n_excluded: int
    awaited: Counter[Awaited]
    stranded: tuple[Case, ...]
    blocked: tuple[BlockedCase, ...]
    n_open_queries: int
    unplanned: tuple[Case, ...]
    gone: tuple[Case, ...]

    @property
    def n_open_reads(self) -> int:
        """Reads, repeats and adjudications that are not signed."""
        return sum(load.waiting + load.begun + load.amending for load in self.loads)

    @property
    def open_ends(self) -> tuple[str, ...]:
        """Return what must be done before the data are final, in words; empty where nothing is."""
        return tuple(_open_ends(self))


def reading_state_of(layout: Layout) -> ReadingState | None:
    """Look at the ledger of an OUT; ``None`` where there is none.

    Raises
    ------
    StoreError
        When the ledger cannot be read, or holds what the rules do not allow.
    """
    if not layout.ledger.exists():
        return None
    with read_ledger(layout.ledger) as ledger:
        room = fold(ledger.entries())
    found = {case: room.accepted(case) for case in room.cases if case not in room.exclusions}
    queried = {query.opened.case for query in room.queries.values()}
    asked = sorted({*room.cases, *room.ratings, *queried} - room.exclusions.keys())
    blocked = [BlockedCase(case=case, blocks=room.blocks_of(case)) for case in asked]
    return ReadingState(
        loads=tuple(loads_of(room)),
        n_cases=len(room.cases),
        n_accepted=sum(isinstance(one, Accepted) for one in found.values()),
        n_excluded=len(room.exclusions),
        awaited=Counter(one.awaited for one in found.values() if isinstance(one, Awaiting)),
        stranded=stranded_cases(room),
        blocked=tuple(one for one in blocked if one.blocks),
        n_open_queries=sum(query.is_open for query in room.queries.values()),
        unplanned=_unplanned(room, layout),
        gone=_gone(room, layout),
    )


def _gone(room: Room, layout: Layout) -> tuple[Case, ...]:
    """Cases that were offered and that OUT has no record of."""
    known = sorted(room.cases.keys() - room.exclusions.keys())
    return tuple(case for case in known if not layout.read(case).exists())


def _unplanned(room: Room, layout: Layout) -> tuple[Case, ...]:
    """Cases that nobody was given to read as they are now; none before the first plan."""
    if room.rules is None:
        return ()
    offers = [offer for offer in offers_of(layout) if offer.case not in room.exclusions]
    return tuple(
        offer.case
        for offer in offers
        if offer.case not in room.cases or room.cases[offer.case].image_sha256 != offer.image_sha256
    )


def _open_ends(state: ReadingState) -> Iterator[str]:
    if state.unplanned:
        yield f"{counted(len(state.unplanned), 'case')} not planned for reading"
    if state.gone:
        yield f"{counted(len(state.gone), 'case')} read and not in OUT any more"
    if state.n_open_reads:
        yield f"{counted(state.n_open_reads, 'read')} not signed"
    if state.stranded:
        yield f"{counted(len(state.stranded), 'case')} without an adjudicator"
    waiting = sum(state.awaited.values())
    if waiting:
        yield f"{counted(waiting, 'case')} without an accepted value"
    if state.blocked:
        yield f"{counted(len(state.blocked), 'case')} blocked by QA, a query or a missing release"
    if state.n_open_queries:
        yield f"open queries: {state.n_open_queries}"
