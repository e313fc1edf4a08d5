"""The reading room as the events so far have made it, and what one may ask of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from corelab.errors import LedgerError
from corelab.reading.acceptance import (
    Accepted,
    Awaiting,
    accepted,
    disagreeing,
    independent_of,
    uncompared,
)
from corelab.reading.event import RulesSet
from corelab.reading.lifecycle import ReadState
from corelab.reading.records import HumanRead, OfferedCase, Query, Rating, ReadKind, User
from corelab.trial import AutomaticVolume
from corelab.vocab import Case, QaVerdict


class Block(StrEnum):
    """What keeps a case from the endpoint until somebody deals with it."""

    QA_FAIL = "qa_fail"
    QA_NOT_ASSESSABLE = "qa_not_assessable"
    QUERY_OPEN = "query_open"
    NOT_RELEASED = "not_released"


_BLOCKING = {
    QaVerdict.FAIL: Block.QA_FAIL,
    QaVerdict.NOT_ASSESSABLE: Block.QA_NOT_ASSESSABLE,
}


_UNSIGNED = frozenset({ReadState.ASSIGNED, ReadState.OPENED, ReadState.DRAFT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """State of the reading room after ``sequence`` entries of its ledger; never stored.

    ``releases`` holds the images of a case that a person ticked, ``overlaps`` the Dice of each
    pair of masks that was compared. ``lock_id`` is that of the data's lock while it holds, and
    ``unlock_asked_by`` the first of the two people who lift it.
    """

    sequence: int = 0
    rules: RulesSet | None = None
    seed_sha256: str | None = None
    users: Mapping[str, User] = field(default_factory=dict)
    cases: Mapping[Case, OfferedCase] = field(default_factory=dict)
    reads: Mapping[str, HumanRead] = field(default_factory=dict)
    ratings: Mapping[Case, tuple[Rating, ...]] = field(default_factory=dict)
    queries: Mapping[str, Query] = field(default_factory=dict)
    releases: Mapping[Case, frozenset[str]] = field(default_factory=dict)
    exclusions: Mapping[Case, str] = field(default_factory=dict)
    overlaps: Mapping[frozenset[str], float] = field(default_factory=dict)
    lock_id: str | None = None
    unlock_asked_by: str | None = None

    def read(self, read_id: str) -> HumanRead:
        """Look up a read.

        Raises
        ------
        LedgerError
            When there is none of this id.
        """
        try:
            return self.reads[read_id]
        except KeyError:
            raise LedgerError(f"there is no read {read_id}") from None

    def reads_of(self, reader: str) -> tuple[HumanRead, ...]:
        """Every read of a person, reads before adjudications, each in the person's own order."""
        mine = (read for read in self.reads.values() if read.reader == reader)
        return tuple(sorted(mine, key=lambda read: (read.kind is not ReadKind.READ, read.number)))

    def worklist(self, reader: str) -> tuple[HumanRead, ...]:
        """Return what a person sees: their live reads, in their own order."""
        return tuple(read for read in self.reads_of(reader) if read.is_live)

    def next_of(self, reader: str, kind: ReadKind) -> HumanRead | None:
        """Return the first read of a kind that the person has not signed yet, begun or not."""
        return next(
            (
                read
                for read in self.worklist(reader)
                if read.kind is kind and read.state in _UNSIGNED and self.is_readable(read)
            ),
            None,
        )

    def may_open(self, read: HumanRead) -> bool:
        """Whether its reader may look at it now: it is begun, signed or the next of its kind.

        Reads are signed one after another: a repeat that could be looked at before the first
        read is signed would be no repeat, and a rule for repeats alone would give them away.
        """
        if read.state is ReadState.ASSIGNED:
            return read == self.next_of(read.reader, read.kind)
        return read.is_live

    def may_see_automatic(self, read: HumanRead) -> bool:
        """Whether a reader is told the automatic volume of a read.

        Where it is hidden it comes after signing, but not for reads of a trial with repeats: both
        reads of a scan would show the same number, and a repeat that is known is none.
        """
        if self.rules is None:
            return False
        if self.rules.automatic_volume is AutomaticVolume.SHOWN:
            return True
        may_come_again = read.kind is ReadKind.READ and self.rules.repeat_share > 0
        return read.version > 0 and not may_come_again

    def is_readable(self, read: HumanRead) -> bool:
        """Whether a read's case still counts, with the image that the read is of."""
        offered = self.cases.get(read.case)
        is_current = offered is not None and offered.image_sha256 == read.image_sha256
        return is_current and read.case not in self.exclusions and self.is_released(read.case)

    def reads_of_case(self, case: Case) -> tuple[HumanRead, ...]:
        """Live reads of the image that counts, in the order that they were assigned."""
        offered = self.cases.get(case)
        image = offered.image_sha256 if offered else None
        return tuple(
            read
            for read in self.reads.values()
            if read.case == case and read.is_live and read.image_sha256 == image
        )

    def accepted(self, case: Case) -> Accepted | Awaiting | None:
        """Return what stands for a case; ``None`` where no person is to read it."""
        if self.rules is None or case not in self.cases:
            return None
        return accepted(self.reads_of_case(case), self.rules, self.overlaps)

    def disagreement(self, case: Case) -> tuple[HumanRead, HumanRead] | None:
        """Two reads of a case that a third person must judge, once all of them are signed."""
        independent = independent_of(self.reads_of_case(case))
        is_whole = all(read.standing for read in independent)
        if self.rules is None or len(independent) < self.rules.readers or not is_whole:
            return None
        if uncompared(independent, self.overlaps):
            return None
        return disagreeing(independent, self.rules, self.overlaps)

    def adjudication_of(self, read_id: str) -> tuple[HumanRead, HumanRead]:
        """Return the two reads that an adjudication is of, as A and B.

        Which is A follows from the adjudication's id alone: it tells nobody who read what.

        Raises
        ------
        LedgerError
            When the read is no adjudication, or there is nothing to judge any more.
        """
        read = self.read(read_id)
        pair = self.disagreement(read.case)
        if read.kind is not ReadKind.ADJUDICATION or pair is None:
            raise LedgerError(f"the read {read_id} has no two masks to judge")
        first, second = sorted(pair, key=lambda one: _shuffled(read_id, one.read_id))
        return first, second

    def qa_of(self, case: Case) -> tuple[Rating, ...]:
        """Return the verdict of each QA reviewer that stands, oldest first.

        A verdict on an image that is not the case's any more is history.
        """
        history = self.ratings.get(case, ())
        latest = {rating.rater: rating for rating in history}
        image = self._image_of(case)
        return tuple(
            rating
            for rating in history
            if latest[rating.rater] is rating and rating.given.image_sha256 == image
        )

    def open_queries(self, case: Case) -> tuple[Query, ...]:
        """Return the queries of a case that nobody has answered."""
        return tuple(
            query for query in self.queries.values() if query.opened.case == case and query.is_open
        )

    def blocks_of(self, case: Case) -> tuple[Block, ...]:
        """Return what keeps a case from the endpoint until somebody deals with it."""
        verdicts = {rating.given.verdict for rating in self.qa_of(case)}
        found = {block for verdict, block in _BLOCKING.items() if verdict in verdicts}
        if self.open_queries(case):
            found.add(Block.QUERY_OPEN)
        if not self.is_released(case):
            found.add(Block.NOT_RELEASED)
        return tuple(sorted(found))

    def is_blocked(self, case: Case) -> bool:
        """Whether anything keeps a case from the endpoint until somebody deals with it."""
        return bool(self.blocks_of(case))

    def is_released(self, case: Case) -> bool:
        """Whether readers may see the case: ticked by a person, where the trial asks for that."""
        if self.rules is None or not self.rules.needs_release:
            return True
        return self._image_of(case) in self.releases.get(case, frozenset())

    def _image_of(self, case: Case) -> str | None:
        """Image that counts: as offered, or as the last verdict saw it where none was offered."""
        if case in self.cases:
            return self.cases[case].image_sha256
        history = self.ratings.get(case, ())
        return history[-1].given.image_sha256 if history else None


def _shuffled(*words: str) -> str:
    return hashlib.sha256("|".join(words).encode()).hexdigest()
