"""What must follow from what has happened: comparisons, adjudications, reads that end.

Whoever writes to the ledger asks for the next consequence until there is none, so that a writer
that died between a signature and what follows from it is made good by the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from corelab.reading.acceptance import independent_of, uncompared
from corelab.reading.event import Event, PairCompared, Purpose, ReadAssigned, ReadSuperseded
from corelab.reading.lifecycle import ReadState
from corelab.reading.records import HumanRead, ReadKind
from corelab.reading.roles import Role
from corelab.reading.room import Room
from corelab.vocab import Case

ID_LENGTH = 16
PAIR_CHANGED = "the two reads that it was to judge have changed"

DiceOf = Callable[[str, str], float]
"""Overlap of two masks, by the SHA-256 of their labels."""


def next_consequence(room: Room, case: Case, dice_of: DiceOf) -> Event | None:
    """Return the next event that must follow for a case; ``None`` where nothing must.

    Parameters
    ----------
    room
        The room as it stands.
    case
        The case that something has just happened to.
    dice_of
        Computes the Dice of two masks of the ledger, 0 to 1.
    """
    pair = next(iter(uncompared(independent_of(room.reads_of_case(case)), room.overlaps)), None)
    if pair:
        first, second = (signed.mask_sha256 or "" for signed in pair)
        dice = dice_of(first, second)
        return PairCompared(first_mask_sha256=first, second_mask_sha256=second, dice=dice)
    return ended(room, case) or called_for(room, case)


def ended(room: Room, case: Case) -> ReadSuperseded | None:
    """Return the end of an adjudication whose two reads are not what they were."""
    asked = _adjudication_id(room, case)
    return next(
        (
            ReadSuperseded(read_id=read.read_id, reason=PAIR_CHANGED)
            for read in room.reads_of_case(case)
            if read.kind is ReadKind.ADJUDICATION and read.read_id != asked
        ),
        None,
    )


def called_for(room: Room, case: Case) -> ReadAssigned | None:
    """Return the adjudication that a case needs; ``None`` also where nobody is free to do it."""
    asked, adjudicator = _adjudication_id(room, case), adjudicator_for(room, case)
    if asked is None or adjudicator is None or asked in room.reads:
        return None
    if case in room.exclusions or not room.is_released(case):
        return None
    return ReadAssigned(
        read_id=asked,
        reader=adjudicator,
        number=next_number(room, adjudicator, ReadKind.ADJUDICATION),
        subject_code=case.subject_code,
        visit=case.visit,
        image_sha256=room.cases[case].image_sha256,
        purpose=Purpose.ADJUDICATION,
    )


def adjudicator_for(room: Room, case: Case) -> str | None:
    """Return who judges a case: of those who never read it, who has fewest adjudications so far."""
    named = room.rules.adjudicators if room.rules else ()
    readers = {
        read.reader
        for read in room.reads.values()
        if read.case == case and read.kind is ReadKind.READ
    }
    free = [name for name in named if name not in readers and is_reader(room, name)]
    return min(free, key=lambda name: _n_adjudications(room, name), default=None)


def judges_of(room: Room, case: Case) -> frozenset[str]:
    """Return who was ever to judge a case: they may have seen what others drew."""
    return frozenset(
        read.reader
        for read in room.reads.values()
        if read.case == case and read.kind is ReadKind.ADJUDICATION
    )


def is_reader(room: Room, name: str) -> bool:
    """Whether a name is of a person who may read."""
    user = room.users.get(name)
    return user is not None and user.is_enabled and user.role is Role.READER


def still_reads(room: Room, read: HumanRead) -> bool:
    """Whether the person of a read may still work on it: enabled, and named by the trial for it."""
    rules = room.rules
    named = (rules.names, rules.adjudicators) if rules else ((), ())
    return read.reader in named[read.kind is ReadKind.ADJUDICATION] and is_reader(room, read.reader)


def next_number(room: Room, reader: str, kind: ReadKind) -> int:
    """Return the number of the next read of a kind that a person is given."""
    numbers = [read.number for read in room.reads_of(reader) if read.kind is kind]
    return max(numbers, default=0) + 1


def _n_adjudications(room: Room, name: str) -> int:
    return sum(read.kind is ReadKind.ADJUDICATION for read in room.worklist(name))


def _adjudication_id(room: Room, case: Case) -> str | None:
    """Id of the adjudication of these versions of these reads: other versions, another one.

    One that was ended is never taken up again: those that follow it count from it.
    """
    pair = room.disagreement(case)
    if pair is None:
        return None
    words = sorted(f"{read.read_id}.{read.version}" for read in pair)
    ended_before = sum(
        read.case == case and read.kind is ReadKind.ADJUDICATION and not read.is_live
        for read in room.reads.values()
    )
    told = "|".join(["adjudication", str(ended_before), *words])
    return hashlib.sha256(told.encode()).hexdigest()[:ID_LENGTH]


def judged(room: Room, case: Case) -> HumanRead | None:
    """Return the adjudication of a case that was ever signed and is live."""
    return next(
        (
            read
            for read in room.reads_of_case(case)
            if read.kind is ReadKind.ADJUDICATION
            and read.state in {ReadState.SIGNED, ReadState.AMENDING}
        ),
        None,
    )
