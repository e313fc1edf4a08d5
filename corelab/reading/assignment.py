"""Who reads what, in which order: drawn from a secret seed, one wave after another.

Every draw is an HMAC of the seed, so that whoever is shown the seed after the lock can draw all
of it again and finds the same, and nobody can before. Cases that arrive later join behind what is
assigned already, as a new wave.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from corelab.errors import LedgerError
from corelab.reading.acceptance import independent_of
from corelab.reading.consequence import ID_LENGTH, is_reader, judges_of, next_number
from corelab.reading.event import Purpose, ReadAssigned, RulesSet
from corelab.reading.records import HumanRead, ReadKind
from corelab.reading.room import Room
from corelab.vocab import Case

SEED_BYTES = 32
SUBJECT_GAP = 4
"""Reads between two visits of one subject in a reader's order, where there are others enough."""
REPEAT_GAP = 10
"""Reads from a first read to its repeat, where there are enough."""
FEWEST_GAP = 2
"""The same, always: a repeat never follows its first read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A read that is to be assigned."""

    case: Case
    purpose: Purpose


def seed_digest(seed: bytes) -> str:
    """Return what binds a seed without telling it: its SHA-256."""
    return hashlib.sha256(seed).hexdigest()


def assignments(room: Room, seed: bytes) -> tuple[ReadAssigned, ...]:
    """Return the reads that are to be assigned now: none where every case has its readers.

    Parameters
    ----------
    room
        The room as it stands, its rules set and its seed committed.
    seed
        The secret seed.

    Raises
    ------
    LedgerError
        When the seed is not the one that was committed, or there are too few readers.
    """
    if room.rules is None or room.seed_sha256 != seed_digest(seed):
        raise LedgerError("the seed of the orders is not the one that the ledger binds")
    wave = _Wave(room=room, rules=room.rules, seed=seed)
    return tuple(
        wave.assigned(reader, number, turn)
        for reader, cases in sorted(wave.deal().items())
        for number, turn in enumerate(wave.line(reader, cases), start=wave.start_of(reader))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wave:
    """What the seed draws for the cases that lack readers now."""

    room: Room
    rules: RulesSet
    seed: bytes

    def deal(self) -> dict[str, list[Case]]:
        """Give each case the readers that it lacks, those first who have fewest cases."""
        names = [name for name in self.rules.names if is_reader(self.room, name)]
        loads = {name: len(self._first_reads(name)) for name in names}
        dealt: dict[str, list[Case]] = {name: [] for name in names}
        for case in self._shuffled(self._waiting(), "deal"):
            taken = {read.reader for read in self._independent(case)}
            # Whoever judged a case has seen what others drew in it.
            free = [name for name in names if name not in taken | judges_of(self.room, case)]
            lacking = self.rules.readers - len(taken)
            if len(free) < lacking:
                told = f"found {len(free)} free, expected {lacking}"
                raise LedgerError(f"too few readers for {case.subject_code} {case.visit}: {told}")
            ranks = {name: (loads[name], self._draw("deal", case.stem, name)) for name in free}
            for name in sorted(free, key=lambda name: ranks[name])[:lacking]:
                dealt[name].append(case)
                loads[name] += 1
        return {name: cases for name, cases in dealt.items() if cases}

    def line(self, reader: str, cases: Sequence[Case]) -> list[_Turn]:
        """Order a reader's new cases, with the repeats that are due among them."""
        ordered = _subjects_apart(self._shuffled(cases, "order", reader))
        line = [_Turn(case=case, purpose=Purpose.INDEPENDENT) for case in ordered]
        start = self.start_of(reader)
        earlier = {read.case: read.number - start for read in self._first_reads(reader)}
        worklist = self.room.worklist(reader)
        repeated = {read.case for read in worklist if read.purpose is Purpose.REPEAT}
        candidates = self._shuffled({*earlier, *cases} - repeated, "repeat", reader)
        due = int(self.rules.repeat_share * (len(earlier) + len(cases)) + 0.5) - len(repeated)
        for gap in range(REPEAT_GAP, FEWEST_GAP - 1, -1):
            for case in tuple(candidates):
                spots = _spots(line, case, earlier_place=earlier.get(case), gap=gap)
                if due > 0 and spots:
                    spot = spots[
                        int.from_bytes(self._draw("place", reader, case.stem)) % len(spots)
                    ]
                    line.insert(spot, _Turn(case=case, purpose=Purpose.REPEAT))
                    candidates.remove(case)
                    due -= 1
        return line

    def start_of(self, reader: str) -> int:
        """Return the number of a reader's first read of this wave."""
        return next_number(self.room, reader, ReadKind.READ)

    def assigned(self, reader: str, number: int, turn: _Turn) -> ReadAssigned:
        """Return the event; its id is told by the seed, the reader and the number alone."""
        told = f"read|{reader}|{number}".encode()
        return ReadAssigned(
            read_id=hmac.new(self.seed, told, hashlib.sha256).hexdigest()[:ID_LENGTH],
            reader=reader,
            number=number,
            subject_code=turn.case.subject_code,
            visit=turn.case.visit,
            image_sha256=self.room.cases[turn.case].image_sha256,
            purpose=turn.purpose,
        )

    def _waiting(self) -> list[Case]:
        """Cases that lack readers and may have them."""
        return [
            case
            for case in self.room.cases
            if case not in self.room.exclusions
            and self.room.is_released(case)
            and len(self._independent(case)) < self.rules.readers
        ]

    def _independent(self, case: Case) -> tuple[HumanRead, ...]:
        return independent_of(self.room.reads_of_case(case))

    def _first_reads(self, reader: str) -> list[HumanRead]:
        return [
            read
            for read in self.room.worklist(reader)
            if read.purpose is Purpose.INDEPENDENT and self.room.is_readable(read)
        ]

    def _shuffled(self, cases: Iterable[Case], *words: str) -> list[Case]:
        return sorted(cases, key=lambda case: self._draw(*words, case.stem))

    def _draw(self, *words: str) -> bytes:
        """Return a number that nobody can tell without the seed; each wave has its own."""
        told = "|".join((f"wave {len(self.room.reads)}", *words)).encode()
        return hmac.new(self.seed, told, hashlib.sha256).digest()


def _subjects_apart(cases: Sequence[Case]) -> list[Case]:
    """Keep the order but where two visits of a subject would stand too near each other."""
    left, line = list(cases), list[Case]()
    while left:
        lately = [case.subject_code for case in line[-SUBJECT_GAP:]]
        counts = Counter(case.subject_code for case in left)
        urgent = {code for code, count in counts.items() if _room_for(count) >= len(left)}
        # Whose subject was seen longest ago; of those, whose visits need all the room that is
        # left; of those, the earliest in order.
        best = min(left, key=lambda c: (_recency(c, lately), c.subject_code not in urgent))
        left.remove(best)
        line.append(best)
    return line


def _room_for(n_visits: int) -> int:
    """Return how many reads so many visits of a subject need to stand apart."""
    return (n_visits - 1) * (SUBJECT_GAP + 1) + 1


def _recency(case: Case, lately: Sequence[str]) -> int:
    """0 for a subject that was not read lately, else more the later it was."""
    places = [place for place, code in enumerate(lately, start=1) if code == case.subject_code]
    return max(places, default=0)


def _spots(line: Sequence[_Turn], case: Case, *, earlier_place: int | None, gap: int) -> list[int]:
    """Places in a line where a repeat may be put in: far from its first read and its subject.

    ``earlier_place`` is below 0: of a first read that was assigned in an earlier wave.
    """
    own = (place for place, turn in enumerate(line) if turn.case == case)
    place = next(own) if earlier_place is None else earlier_place
    return [
        spot
        for spot in range(max(place + gap, 0), len(line) + 1)
        if all(
            turn.case.subject_code != case.subject_code
            for turn in line[max(spot - 1, 0) : spot + 1]
        )
    ]
