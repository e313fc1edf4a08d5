from __future__ import annotations

from dataclasses import replace

import pytest

from corelab.errors import LedgerError
from corelab.reading.act import EntryLike
from corelab.reading.event import (
    CaseReleased,
    Event,
    QaVerdict,
    QaVerdictGiven,
    QueryAnswered,
    QueryOpened,
    UserAdded,
    event_to_json,
)
from corelab.reading.fold import fold, with_event
from corelab.reading.refusal import RefusedError
from corelab.reading.roles import Role
from corelab.reading.room import Room
from corelab.store.ledger import Entry
from tests.reading.events import EXAMPLES, IMAGE, KEY, MASK, QUERY_ID, RULES
from tests.reading.rooms import (
    CASE,
    PEOPLE,
    assignment,
    double_read,
    offer,
    ready_room,
    staffed_room,
    with_events,
)

KEYS = {"subject_code": CASE.subject_code, "visit": CASE.visit}


def verdict(word: QaVerdict, image: str = IMAGE) -> QaVerdictGiven:
    return QaVerdictGiven(
        **KEYS, image_sha256=image, mask_sha256=MASK, verdict=word, reasons=(), comment=""
    )


def second_reviewer(room: Room) -> Room:
    added = UserAdded(name="rosa", role=Role.QA, public_key_hex=KEY)
    return with_event(room, "mia", added)


def entry(sequence: int, author: str, event: Event) -> EntryLike:
    return Entry(
        sequence=sequence,
        at_utc=f"2026-01-01T00:00:{sequence:02}.000+00:00",
        author=author,
        kind=event.kind,
        payload=event_to_json(event),
        previous=bytes(32),
        digest=bytes(32),
        signature=bytes(64),
    )


def written() -> list[EntryLike]:
    """A ledger of users, rules, seed, a case and its two reads."""
    events: list[Event] = [
        UserAdded(name=name, role=role, public_key_hex=KEY) for name, role in PEOPLE.items()
    ]
    events += [RULES, EXAMPLES["order_committed"], offer(), assignment("ada"), assignment("ben")]
    return [entry(number, "mia", event) for number, event in enumerate(events, start=1)]


def test_entries_of_the_ledger_fold_to_the_room() -> None:
    room = fold(written())
    assert room.sequence == len(written())
    assert {read.reader for read in room.reads_of_case(CASE)} == {"ada", "ben"}


def test_folding_in_two_parts_is_folding_at_once() -> None:
    entries = written()
    for cut in range(len(entries) + 1):
        assert fold(entries[cut:], fold(entries[:cut])) == fold(entries)


def test_an_entry_that_the_rules_do_not_allow_stops_the_fold() -> None:
    twice = entry(99, "mia", RULES)
    with pytest.raises(RefusedError, match="order_committed"):
        fold([*written(), twice, entry(100, "mia", EXAMPLES["order_committed"])])


def test_an_entry_of_an_unknown_kind_stops_the_fold() -> None:
    strange = replace(written()[0], kind="user_promoted")  # type: ignore[type-var]
    with pytest.raises(LedgerError, match="user_promoted"):
        fold([strange])


def test_a_room_is_not_changed_by_what_comes_after_it() -> None:
    before = ready_room()
    after = with_events(before, "mia", assignment("ada"))
    assert (len(before.reads), len(after.reads)) == (0, 1)


def test_the_last_verdict_of_each_reviewer_stands() -> None:
    room = second_reviewer(ready_room())
    room = with_events(room, "quinn", verdict(QaVerdict.FAIL), verdict(QaVerdict.WARN))
    room = with_event(room, "rosa", verdict(QaVerdict.PASS))
    standing = [(rating.rater, rating.given.verdict) for rating in room.qa_of(CASE)]
    assert standing == [("quinn", "warn"), ("rosa", "pass")]
    assert len(room.ratings[CASE]) == 3


def test_one_reviewers_fail_is_not_lifted_by_anothers_pass() -> None:
    room = with_event(second_reviewer(ready_room()), "quinn", verdict(QaVerdict.FAIL))
    room = with_event(room, "rosa", verdict(QaVerdict.PASS))
    assert room.blocks_of(CASE) == ("qa_fail",)
    room = with_event(room, "quinn", verdict(QaVerdict.PASS))
    assert not room.is_blocked(CASE)


def test_a_verdict_on_an_image_of_before_is_history() -> None:
    room = with_event(ready_room(), "quinn", verdict(QaVerdict.FAIL))
    room = with_event(room, "mia", offer(image="e" * 64))
    assert room.qa_of(CASE) == ()
    assert not room.is_blocked(CASE)


def test_a_case_that_nobody_planned_may_be_rated_and_blocked() -> None:
    room = with_event(staffed_room(), "quinn", verdict(QaVerdict.FAIL))
    assert room.blocks_of(CASE) == ("qa_fail",)
    assert room.accepted(CASE) is None


def test_a_query_blocks_until_it_is_answered_and_keeps_its_answer() -> None:
    asked = QueryOpened(**KEYS, query_id=QUERY_ID, text="Is this the same head?")
    room = with_event(ready_room(), "quinn", asked)
    assert room.blocks_of(CASE) == ("query_open",)
    room = with_event(room, "mia", QueryAnswered(query_id=QUERY_ID, text="It is."))
    assert room.open_queries(CASE) == ()
    answer = room.queries[QUERY_ID].answer
    assert answer
    assert (answer.author, answer.answered.text) == ("mia", "It is.")


def test_a_release_is_of_one_image_and_asked_for_only_where_the_trial_says_so() -> None:
    assert ready_room().is_released(CASE)
    room = ready_room(replace(RULES, needs_release=True))
    assert room.blocks_of(CASE) == ("not_released",)
    room = with_event(room, "quinn", CaseReleased(**KEYS, image_sha256=IMAGE))
    assert room.is_released(CASE)
    room = with_event(room, "mia", offer(image="e" * 64))
    assert not room.is_released(CASE)


def test_what_a_person_sees_is_their_own_and_in_their_own_order() -> None:
    room = double_read(10.0, 20.0)
    assert {read.reader for read in room.worklist("ada")} == {"ada"}
    assert [read.kind for read in room.worklist("cleo")] == ["adjudication"]
    assert room.worklist("stan") == ()


def test_a_read_that_is_not_there_is_named() -> None:
    with pytest.raises(LedgerError, match=f"no read {'f' * 16}"):
        ready_room().read("f" * 16)
