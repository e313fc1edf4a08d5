"""Who reads what: the cases under OUT and a trial's rules to a plan in the ledger of reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from corelab.errors import ConfigError, Fault, StoreError
from corelab.reading.assignment import assignments, seed_digest
from corelab.reading.consequence import adjudicator_for
from corelab.reading.event import (
    CaseExcluded,
    CaseOffered,
    CaseReleased,
    Event,
    OrderCommitted,
    RulesSet,
)
from corelab.reading.lifecycle import ReadState
from corelab.reading.planning import ended_reads, new_offers, rules_of, unknown_people
from corelab.reading.records import ReadKind
from corelab.reading.room import Room
from corelab.review.keeper import RoomKeeper, Step
from corelab.stages.publish import publication_from
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger
from corelab.store.record import load_read
from corelab.store.signing import Signer
from corelab.trial import Trial
from corelab.vocab import Case, Read
from pipelines.order_seed import draw_seed, load_seed

_INFARCT_MASK = "infarct_mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a plan wrote, by the kind of its events."""

    counts: Counter[str]
    stranded: tuple[Case, ...]
    gone: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How far a person is with their reads, or with their adjudications."""

    reader: str
    kind: ReadKind
    waiting: int
    begun: int
    signed: int
    amending: int


class Planner:
    """Writes what a data manager decides of reads.

    Parameters
    ----------
    layout
        Where the cases lie.
    ledger
        Of the reads.
    signer
        The data manager.
    """

    def __init__(self, layout: Layout, ledger: Ledger, signer: Signer) -> None:
        self._layout = layout
        self._ledger = ledger
        self._signer = signer
        self._keeper = RoomKeeper(ledger)

    def plan(self, trial: Trial, trial_file: Path) -> Planned:
        """Bring the ledger up to the cases under OUT and the trial's rules; twice is as once.

        Raises
        ------
        ConfigError
            When the trial names nobody, or people who may not read.
        StoreError
            When the seed is gone, a case cannot be offered, or the rules do not allow it.
        """
        rules = rules_of(trial)
        first = self._keeper.room().sequence
        self._check(rules, trial_file)
        offers = offers_of(self._layout)
        self._set_rules(rules)
        self._write_all(new_offers(self._keeper.room(), offers))
        self._write_all(ended_reads(self._keeper.room()))
        self._write_all(assignments(self._keeper.room(), load_seed(self._layout.order_seed)))
        for case in self._keeper.room().cases:
            self._keeper.follow(self._signer, case)
        return self._planned(first, offers)

    def release(self, case: Case) -> None:
        """Let readers see a case whose images somebody has looked at.

        Raises
        ------
        StoreError
            When the case was not offered.
        """
        offered = self._keeper.room().cases.get(case)
        if offered is None:
            raise _not_offered(case)
        self._write_all(
            [
                CaseReleased(
                    subject_code=case.subject_code,
                    visit=case.visit,
                    image_sha256=offered.image_sha256,
                )
            ]
        )

    def exclude(self, case: Case, reason: str) -> None:
        """Take a case out of the endpoint, and end its reads.

        Raises
        ------
        StoreError
            When the case was not offered, or is excluded.
        """
        if case not in self._keeper.room().cases:
            raise _not_offered(case)
        excluded = CaseExcluded(subject_code=case.subject_code, visit=case.visit, reason=reason)
        self._write_all([excluded])
        self._write_all(ended_reads(self._keeper.room()))

    def _check(self, rules: RulesSet, trial_file: Path) -> None:
        measured_for = publication_from(self._layout).trial_id
        faults = people_faults(self._keeper.room(), rules)
        if measured_for != rules.trial_id:
            expected = f"'{measured_for}', for which OUT was measured"
            faults = (Fault(key="trial.id", found=f"'{rules.trial_id}'", expected=expected),)
        if faults:
            raise ConfigError(str(trial_file), faults)

    def _set_rules(self, rules: RulesSet) -> None:
        room = self._keeper.room()
        if room.rules != rules:
            self._write_all([rules])
        if room.seed_sha256 is None:
            seed = draw_seed(self._layout.order_seed)
            self._write_all([OrderCommitted(seed_sha256=seed_digest(seed))])

    def _write_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self._keeper.write(self._signer, _deciding_for(event))

    def _planned(self, first: int, offers: Iterable[CaseOffered]) -> Planned:
        room = self._keeper.room()
        written = self._ledger.entries(after=first)
        present = {offer.case for offer in offers}
        return Planned(
            counts=Counter(entry.kind for entry in written),
            stranded=stranded_cases(room),
            gone=tuple(sorted(room.cases.keys() - present - room.exclusions.keys())),
        )


def offers_of(layout: Layout) -> tuple[CaseOffered, ...]:
    """Every case under OUT that has an automatic read, as it can be offered.

    Raises
    ------
    StoreError
        When a read does not say what it was measured on.
    """
    return tuple(_offer_of(load_read(path)) for path in layout.reads())


def people_faults(room: Room, rules: RulesSet) -> tuple[Fault, ...]:
    """Say what is wrong with the people whom a trial names."""
    if not rules.names:
        expected = f"at least {rules.readers} names of readers"
        return (Fault(key="reads.names", found="none", expected=expected),)
    return tuple(
        Fault(
            key="reads.names" if name in rules.names else "reads.adjudicators",
            found=f"'{name}', {_who_is(room, name)}",
            expected=f"a reader: corelab users add OUT {name} --role reader",
        )
        for name in unknown_people(room, rules)
    )


def loads_of(room: Room) -> Iterator[Load]:
    """How far each person is, in the order of the trial's names."""
    names = dict.fromkeys(read.reader for read in room.reads.values())
    for kind in ReadKind:
        for name in sorted(names):
            states = Counter(read.state for read in room.worklist(name) if read.kind is kind)
            if states:
                yield Load(
                    reader=name,
                    kind=kind,
                    waiting=states[ReadState.ASSIGNED],
                    begun=states[ReadState.OPENED] + states[ReadState.DRAFT],
                    signed=states[ReadState.SIGNED],
                    amending=states[ReadState.AMENDING],
                )


def stranded_cases(room: Room) -> tuple[Case, ...]:
    """Cases whose readers disagree and that no adjudicator is free to judge."""
    return tuple(
        case
        for case in room.cases
        if case not in room.exclusions
        and room.disagreement(case)
        and adjudicator_for(room, case) is None
        and not any(read.kind is ReadKind.ADJUDICATION for read in room.reads_of_case(case))
    )


def _offer_of(read: Read) -> CaseOffered:
    digests = {digest.role: digest.sha256 for digest in read.digests}
    image = digests.get(read.modality.contrast.value)
    mask = digests.get(_INFARCT_MASK)
    if image is None or mask is None:
        told = "its read does not say which image and mask it is of: run it again"
        raise StoreError(f"{read.subject_code} {read.visit} cannot be offered: {told}")
    return CaseOffered(
        subject_code=read.subject_code,
        visit=read.visit,
        image_sha256=image,
        mask_sha256=mask,
        modality=read.modality,
    )


def _deciding_for(event: Event) -> Callable[[Room], Step]:
    return lambda _room: Step(event=event)


def _who_is(room: Room, name: str) -> str:
    user = room.users.get(name)
    if user is None:
        return "who is no user of the reading room"
    return f"who is {user.role}" if user.is_enabled else "who is disabled"


def _not_offered(case: Case) -> StoreError:
    return StoreError(f"{case.subject_code} {case.visit} was not offered: corelab reads plan")
