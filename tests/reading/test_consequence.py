from __future__ import annotations

from dataclasses import replace

import pytest

from corelab.errors import LedgerError
from corelab.reading.consequence import next_consequence
from corelab.reading.event import (
    AmendmentStarted,
    CaseExcluded,
    PairCompared,
    Purpose,
    ReadOpened,
    ReadSuperseded,
    UserDisabled,
)
from corelab.reading.fold import with_event
from corelab.reading.lifecycle import ReadState
from corelab.reading.records import HumanRead, ReadKind
from corelab.reading.room import Room
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.reading.events import EXAMPLES, RULES
from tests.reading.rooms import (
    CASE,
    assignment,
    double_read,
    following,
    read_of,
    read_through,
    ready_room,
    sha,
    signing,
    with_events,
)


def adjudications(room: Room) -> list[HumanRead]:
    return [read for read in room.reads.values() if read.kind is ReadKind.ADJUDICATION]


def no_dice(_one: str, _other: str) -> float:
    raise AssertionError("no masks are to be compared")


def test_agreeing_reads_call_for_nothing() -> None:
    room = double_read(10.0, 11.0)
    assert next_consequence(room, CASE, no_dice) is None
    assert adjudications(room) == []


def test_the_first_of_two_signatures_calls_for_nothing() -> None:
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    room = read_through(room, read_of(room, "ada"), 10.0)
    assert next_consequence(room, CASE, no_dice) is None


def test_two_infarct_masks_are_compared_before_anything_else() -> None:
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    room = read_through(room, read_of(room, "ada"), 10.0)
    ben = read_of(room, "ben").read_id
    room = with_event(room, "ben", ReadOpened(read_id=ben))
    room = with_event(room, "ben", signing(room.read(ben), 90.0, mask=sha("of ben")))
    found = next_consequence(room, CASE, lambda _one, _other: 0.25)
    assert isinstance(found, PairCompared)
    assert found.dice == 0.25
    assert {found.first_mask_sha256, found.second_mask_sha256} == {
        sha("of ben"),
        read_of(room, "ada").signatures[0].signed.mask_sha256,
    }


def test_equal_masks_need_no_comparison() -> None:
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    for name in ("ada", "ben"):
        read_id = read_of(room, name).read_id
        room = with_event(room, name, ReadOpened(read_id=read_id))
        room = with_event(room, name, signing(room.read(read_id), 90.0, mask=sha("one")))
    assert next_consequence(room, CASE, no_dice) is None


def test_disagreeing_reads_open_one_adjudication_that_the_second_signer_may_write() -> None:
    room = double_read(10.0, 20.0)
    (third,) = adjudications(room)
    assert (third.reader, third.number, third.state) == ("cleo", 1, ReadState.ASSIGNED)
    assert next_consequence(room, CASE, no_dice) is None


def test_the_adjudicator_gets_both_masks_in_an_order_that_says_nothing_of_the_readers() -> None:
    room = double_read(10.0, 20.0)
    (third,) = adjudications(room)
    pair = room.adjudication_of(third.read_id)
    assert {read.reader for read in pair} == {"ada", "ben"}
    firsts = {_first_shown(number) for number in range(20)}
    assert firsts == {"ada", "ben"}


def _first_shown(number: int) -> str:
    case = Case(SubjectCode(f"AB{number}"), VisitLabel("fu24h"))
    reads = [
        replace(assignment(name, case=case), read_id=sha((name, number))[:16])
        for name in ("ada", "ben")
    ]
    room = with_events(ready_room(cases=(case,)), "mia", *reads)
    for name in ("ada", "ben"):
        room = read_through(room, read_of(room, name), 10.0 if name == "ada" else 20.0)
    return room.adjudication_of(adjudications(room)[0].read_id)[0].reader


def test_a_read_that_is_no_adjudication_has_no_two_masks() -> None:
    room = double_read(10.0, 20.0)
    with pytest.raises(LedgerError, match="no two masks"):
        room.adjudication_of(read_of(room, "ada").read_id)


def test_nobody_adjudicates_a_case_that_they_read() -> None:
    rules = replace(RULES, names=("ada", "ben", "cleo"), adjudicators=("ada", "cleo"))
    room = with_events(ready_room(rules), "mia", assignment("ada"), assignment("ben"))
    for name, volume_ml in (("ada", 10.0), ("ben", 20.0)):
        room = read_through(room, read_of(room, name), volume_ml)
    assert [read.reader for read in adjudications(room)] == ["cleo"]


def test_without_a_free_adjudicator_the_case_waits() -> None:
    rules = replace(RULES, names=("ada", "ben", "cleo"), adjudicators=("ada",))
    room = with_events(ready_room(rules), "mia", assignment("ada"), assignment("ben"))
    for name, volume_ml in (("ada", 10.0), ("ben", 20.0)):
        room = read_through(room, read_of(room, name), volume_ml)
    assert adjudications(room) == []
    room = with_event(room, "mia", replace(rules, adjudicators=("ada", "dora")))
    assert [read.reader for read in adjudications(following(room, "mia"))] == ["dora"]


def test_adjudications_go_to_who_has_fewest() -> None:
    cases = [Case(SubjectCode(f"AB{number}"), VisitLabel("fu24h")) for number in range(4)]
    room = ready_room(replace(RULES, adjudicators=("cleo", "dora")), cases)
    for number, case in enumerate(cases, start=1):
        reads = [assignment(name, number, case=case) for name in ("ada", "ben")]
        room = with_events(room, "mia", *reads)
        for read, volume_ml in zip(reads, (10.0, 20.0), strict=True):
            room = read_through(room, room.read(read.read_id), volume_ml)
    assert sorted(read.reader for read in adjudications(room)) == ["cleo", "cleo", "dora", "dora"]


def test_an_amendment_ends_the_open_adjudication_and_the_new_version_is_judged_anew() -> None:
    room = double_read(10.0, 20.0)
    (first,) = adjudications(room)
    ada = read_of(room, "ada").read_id
    room = with_event(room, "ada", AmendmentStarted(read_id=ada, reason="missed a part"))
    room = following(room, "ada")
    assert room.read(first.read_id).state is ReadState.SUPERSEDED
    still = with_event(room, "ada", signing(room.read(ada), 11.0))
    (_, second) = adjudications(following(still, "ada"))
    assert (second.state, second.number) == (ReadState.ASSIGNED, 2)
    agreed = with_event(room, "ada", signing(room.read(ada), 19.0))
    assert len(adjudications(following(agreed, "ada"))) == 1


def test_an_adjudication_that_its_reader_left_is_given_to_another() -> None:
    rules = replace(RULES, adjudicators=("cleo", "dora"))
    room = with_events(ready_room(rules), "mia", assignment("ada"), assignment("ben"))
    for name, volume_ml in (("ada", 10.0), ("ben", 20.0)):
        room = read_through(room, read_of(room, name), volume_ml)
    (first,) = adjudications(room)
    room = with_event(room, "mia", UserDisabled(name=first.reader, reason="left the lab"))
    gone = ReadSuperseded(read_id=first.read_id, reason="its reader left")
    room = following(with_event(room, "mia", gone), "mia")
    other = adjudications(room)[-1].reader
    assert {first.reader, other} == {"cleo", "dora"}


def test_an_excluded_case_is_not_adjudicated() -> None:
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    room = read_through(room, read_of(room, "ada"), 10.0)
    ben = read_of(room, "ben").read_id
    room = with_event(room, "ben", ReadOpened(read_id=ben))
    room = with_event(room, "ben", signing(room.read(ben), 0.0))
    gone = CaseExcluded(subject_code=CASE.subject_code, visit=CASE.visit, reason="withdrawn")
    room = with_event(room, "mia", gone)
    assert next_consequence(room, CASE, no_dice) is None


def test_a_case_whose_release_is_awaited_is_not_adjudicated_until_then() -> None:
    rules = replace(RULES, adjudicators=())
    room = with_events(ready_room(rules), "mia", assignment("ada"), assignment("ben"))
    for name, volume_ml in (("ada", 10.0), ("ben", 20.0)):
        room = read_through(room, read_of(room, name), volume_ml)
    room = with_event(room, "mia", replace(RULES, needs_release=True))
    assert next_consequence(room, CASE, no_dice) is None
    room = following(with_event(room, "quinn", EXAMPLES["case_released"]), "mia")
    assert [read.reader for read in adjudications(room)] == ["cleo"]


def test_a_repeat_is_never_compared_with_anything() -> None:
    room = double_read(10.0, 11.0)
    repeat = assignment("ada", 2, purpose=Purpose.REPEAT)
    room = with_event(room, "mia", repeat)
    room = read_through(room, room.read(repeat.read_id), 90.0)
    assert next_consequence(room, CASE, no_dice) is None
    assert adjudications(room) == []
