from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corelab.errors import LedgerError
from corelab.reading.assignment import assignments
from corelab.reading.event import (
    AmendmentStarted,
    OrderCommitted,
    Purpose,
    ReadAssigned,
    ReadOpened,
    ReadSuperseded,
    RulesSet,
    UserDisabled,
)
from corelab.reading.fold import with_event
from corelab.reading.refusal import Refusal, RefusedError
from corelab.reading.room import Room
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.reading.events import EXAMPLES, RULES
from tests.reading.rooms import (
    SEED,
    assignment,
    following,
    offer,
    read_of,
    read_through,
    ready_room,
    sha,
    staffed_room,
    with_events,
)

VISITS = ("baseline", "fu24h", "fu_late")
PEOPLE = ("ada", "ben", "cleo")


def cases_of(n_subjects: int, n_visits: int = 3, *, first: int = 0) -> list[Case]:
    return [
        Case(SubjectCode(f"S{number:03d}"), VisitLabel(visit))
        for number in range(first, first + n_subjects)
        for visit in VISITS[:n_visits]
    ]


def room_with(cases: list[Case], *, seed: bytes = SEED, rules: RulesSet = RULES) -> Room:
    room = with_events(staffed_room(), "mia", rules)
    committed = OrderCommitted(seed_sha256=hashlib.sha256(seed).hexdigest())
    return with_events(room, "mia", committed, *map(offer, cases))


def dealt(room: Room, *, seed: bytes = SEED) -> Room:
    return with_events(room, "mia", *assignments(room, seed))


def order_of(room: Room, reader: str) -> list[Case]:
    return [read.case for read in room.worklist(reader)]


def test_every_case_is_read_by_its_readers_once() -> None:
    room = dealt(room_with(cases_of(20), rules=replace(RULES, names=PEOPLE)))
    firsts = [read for read in room.reads.values() if read.purpose is Purpose.INDEPENDENT]
    assert set(Counter(read.case for read in firsts).values()) == {2}
    assert len({(read.case, read.reader) for read in firsts}) == len(firsts)


def test_readers_have_equal_shares_of_the_cases() -> None:
    room = dealt(room_with(cases_of(20), rules=replace(RULES, names=PEOPLE, repeat_share=0.0)))
    loads = Counter(read.reader for read in room.reads.values())
    assert max(loads.values()) - min(loads.values()) <= 1


def test_each_reader_has_an_order_of_their_own() -> None:
    room = dealt(room_with(cases_of(20), rules=replace(RULES, repeat_share=0.0)))
    ada, ben = order_of(room, "ada"), order_of(room, "ben")
    assert set(ada) == set(ben) == set(cases_of(20))
    assert ada != ben
    assert ada != sorted(ada)


def test_the_same_seed_draws_the_same_and_another_seed_another() -> None:
    other = b"t" * 32
    once, again = (dealt(room_with(cases_of(10))) for _ in range(2))
    assert once.reads == again.reads
    assert order_of(once, "ada") != order_of(
        dealt(room_with(cases_of(10), seed=other), seed=other), "ada"
    )


def test_the_order_of_delivery_does_not_show_in_the_order_of_reading() -> None:
    """Rank correlation of the two orders over 60 seeds: its mean lies near 0."""
    cases = cases_of(30, 1)
    total = 0.0
    for number in range(60):
        seed = bytes([number]) * 32
        ranks = [
            cases.index(c) for c in order_of(dealt(room_with(cases, seed=seed), seed=seed), "ada")
        ]
        n = len(ranks)
        total += sum((2 * i - n + 1) * (2 * r - n + 1) for i, r in enumerate(ranks)) * 3 / n**3
    assert abs(total / 60) < 0.1


def test_a_tenth_of_a_readers_cases_comes_twice() -> None:
    room = dealt(room_with(cases_of(20)))
    for reader in ("ada", "ben"):
        repeats = [r for r in room.worklist(reader) if r.purpose is Purpose.REPEAT]
        assert len(repeats) == 6
        assert len({read.case for read in repeats}) == 6


def test_readers_do_not_all_have_the_same_cases_twice() -> None:
    room = dealt(room_with(cases_of(20)))
    twice = {
        reader: {r.case for r in room.worklist(reader) if r.purpose is Purpose.REPEAT}
        for reader in ("ada", "ben")
    }
    assert twice["ada"] != twice["ben"]


def test_a_repeat_stands_ten_reads_from_its_first_where_there_are_enough() -> None:
    room = dealt(room_with(cases_of(20)))
    assert min(_distances(room, "ada")) >= 10


@given(
    waves=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    share=st.sampled_from([0.1, 0.3, 1.0]),
    seed=st.binary(min_size=32, max_size=32),
)
@settings(max_examples=60, deadline=None)
def test_a_repeat_never_follows_its_first_read_and_late_waves_move_nothing(
    waves: list[int], share: float, seed: bytes
) -> None:
    room = room_with([], seed=seed, rules=replace(RULES, repeat_share=share))
    to_come = cases_of(15)
    arrived = 0
    for n_cases in waves:
        before = order_of(room, "ada")
        offers = [offer(case) for case in to_come[arrived : arrived + n_cases]]
        room = dealt(with_events(room, "mia", *offers), seed=seed)
        arrived += n_cases
        assert order_of(room, "ada")[: len(before)] == before
        numbers = [read.number for read in room.worklist("ada")]
        assert numbers == list(range(1, len(numbers) + 1))
    assert min(_distances(room, "ada"), default=2) >= 2
    assert len(_distances(room, "ada")) <= int(share * arrived + 0.5)


def _distances(room: Room, reader: str) -> list[int]:
    reads = room.worklist(reader)
    firsts = {read.case: read.number for read in reads if read.purpose is Purpose.INDEPENDENT}
    return [r.number - firsts[r.case] for r in reads if r.purpose is Purpose.REPEAT]


def test_repeats_that_a_small_wave_has_no_room_for_come_with_a_later_one() -> None:
    room = dealt(room_with(cases_of(1, 1), rules=replace(RULES, repeat_share=1.0)))
    assert _distances(room, "ada") == []
    room = dealt(with_events(room, "mia", *map(offer, cases_of(8, 1, first=1))))
    assert len(_distances(room, "ada")) >= 6


def test_nothing_of_a_repeat_tells_it_from_a_first_read() -> None:
    """What a reader may see: id, number, kind and state; ids of repeats look as others do."""
    room = dealt(room_with(cases_of(20)))
    reads = room.worklist("ada")
    assert len({read.read_id for read in reads}) == len(reads)
    assert {read.kind for read in reads} == {"read"}
    assert {read.state for read in reads} == {"assigned"}
    repeats = [read.number for read in reads if read.purpose is Purpose.REPEAT]
    assert repeats != list(range(61, 67))


def test_three_other_reads_or_more_lie_between_two_visits_of_a_subject() -> None:
    for number in range(20):
        seed = bytes([number]) * 32
        rules = replace(RULES, repeat_share=0.0)
        order = order_of(dealt(room_with(cases_of(20), seed=seed, rules=rules), seed=seed), "ada")
        places: dict[str, list[int]] = {}
        for place, case in enumerate(order):
            places.setdefault(case.subject_code, []).append(place)
        assert min(b - a for found in places.values() for a, b in pairwise(found)) >= 4


def test_a_repeat_stands_beside_no_visit_of_its_subject() -> None:
    for number in range(20):
        seed = bytes([number]) * 32
        order = order_of(dealt(room_with(cases_of(20), seed=seed), seed=seed), "ada")
        assert not [1 for one, other in pairwise(order) if one.subject_code == other.subject_code]


def test_a_second_plan_without_new_cases_assigns_nothing() -> None:
    room = dealt(room_with(cases_of(5)))
    assert assignments(room, SEED) == ()


def test_a_case_with_a_new_image_is_dealt_again() -> None:
    case = cases_of(1)[0]
    room = dealt(room_with([case]))
    room = with_event(room, "mia", offer(case, image="e" * 64))
    again = assignments(room, SEED)
    assert {(event.reader, event.case, event.number) for event in again} == {
        ("ada", case, 2),
        ("ben", case, 2),
    }


def test_excluded_and_unreleased_cases_are_not_dealt() -> None:
    room = with_event(ready_room(), "mia", EXAMPLES["case_excluded"])
    assert assignments(room, SEED) == ()
    room = ready_room(replace(RULES, needs_release=True))
    assert assignments(room, SEED) == ()
    room = with_event(room, "quinn", EXAMPLES["case_released"])
    assert {event.reader for event in assignments(room, SEED)} == {"ada", "ben"}


def test_another_seed_than_the_committed_one_is_refused() -> None:
    with pytest.raises(LedgerError, match="not the one that the ledger binds"):
        assignments(room_with(cases_of(1)), b"x" * 32)


def test_too_few_readers_are_named_with_the_case() -> None:
    room = with_event(
        room_with(cases_of(1, 1)), "mia", UserDisabled(name="ada", reason="left the lab")
    )
    with pytest.raises(LedgerError, match=r"S000 baseline: found 1 free, expected 2"):
        assignments(room, SEED)


def test_a_read_that_ended_is_made_good_by_another_reader() -> None:
    rules = replace(RULES, names=PEOPLE)
    room = with_events(ready_room(rules), "mia", assignment("ada"), assignment("ben"))
    ended = replace(EXAMPLES["read_superseded"], read_id=read_of(room, "ada").read_id)
    room = with_event(room, "mia", ended)
    (event,) = assignments(room, SEED)
    assert isinstance(event, ReadAssigned)
    assert event.reader in {"ada", "cleo"}


def test_nobody_reads_a_case_whose_masks_they_were_to_judge() -> None:
    rules = replace(RULES, names=("ada", "ben", "cleo", "dora"), adjudicators=("cleo",))
    room = with_events(ready_room(rules), "mia", assignment("ada"), assignment("ben"))
    for name, volume_ml in (("ada", 10.0), ("ben", 20.0)):
        room = read_through(room, read_of(room, name), volume_ml)
    third = read_of(room, "cleo").read_id
    room = with_event(room, "cleo", ReadOpened(read_id=third))
    started = AmendmentStarted(read_id=read_of(room, "ada").read_id, reason="missed a part")
    room = following(with_event(room, "ada", started), "ada")
    gone = ReadSuperseded(read_id=read_of(room, "ada").read_id, reason="its reader left")
    room = with_event(room, "mia", gone)
    room = with_event(room, "mia", UserDisabled(name="ada", reason="left the lab"))
    assert [event.reader for event in assignments(room, SEED)] == ["dora"]
    with pytest.raises(RefusedError) as refused:
        with_event(room, "mia", assignment("cleo"))
    assert refused.value.refusal is Refusal.JUDGED_ALREADY


def test_ids_tell_nothing_of_reader_or_number_without_the_seed() -> None:
    room = dealt(room_with(cases_of(3)))
    guesses = {sha(f"read|ada|{number}")[:16] for number in range(1, 20)}
    assert guesses.isdisjoint(room.reads)
