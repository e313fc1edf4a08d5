from __future__ import annotations

from dataclasses import replace

import pytest

from corelab.reading.acceptance import Accepted, Awaited, Awaiting
from corelab.reading.event import AmendmentStarted, ReadOpened, ReadSuperseded
from corelab.reading.fold import with_event
from corelab.reading.result import Result
from corelab.reading.room import Room
from corelab.trial import Agreeing
from corelab.vocab import Hemisphere, ReadStatus
from tests.reading.events import RULES
from tests.reading.rooms import (
    CASE,
    assignment,
    double_read,
    following,
    read_of,
    read_through,
    ready_room,
    signing,
    with_events,
)


def stands(room: Room) -> Accepted:
    found = room.accepted(CASE)
    assert isinstance(found, Accepted)
    return found


def waits_for(room: Room) -> Awaited:
    found = room.accepted(CASE)
    assert isinstance(found, Awaiting)
    return found.awaited


def test_a_case_that_nobody_is_to_read_waits_for_nothing() -> None:
    assert Room().accepted(CASE) is None


def test_two_agreeing_readers_are_accepted_with_their_mean() -> None:
    found = stands(double_read(10.0, 12.5))
    assert found.read_status is ReadStatus.DOUBLE
    assert found.infarct_volume_ml == 11.25
    assert (found.n_components, found.hemisphere) == (2, Hemisphere.LEFT)
    assert [read.reader for read in found.reads] == ["ada", "ben"]
    assert len(found.mask_sha256) == 2


def test_the_first_named_reader_is_accepted_where_the_trial_says_so() -> None:
    rules = replace(RULES, agreeing=Agreeing.FIRST)
    room = with_events(ready_room(rules), "mia", assignment("ben"), assignment("ada"))
    room = read_through(room, read_of(room, "ben"), 12.5)
    found = stands(read_through(room, read_of(room, "ada"), 10.0))
    assert (found.read_status, found.infarct_volume_ml) == (ReadStatus.DOUBLE, 10.0)
    assert [read.reader for read in found.reads] == ["ada"]


def test_one_of_two_reads_is_not_accepted() -> None:
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    assert waits_for(read_through(room, read_of(room, "ada"), 10.0)) is Awaited.READS


def test_one_read_is_accepted_where_the_trial_asks_for_one() -> None:
    rules = replace(RULES, readers=1)
    room = with_event(ready_room(rules), "mia", assignment("ada"))
    found = stands(read_through(room, read_of(room, "ada"), 10.0))
    assert (found.read_status, found.infarct_volume_ml) == (ReadStatus.SINGLE, 10.0)


def test_no_infarct_of_both_readers_is_zero_and_not_missing() -> None:
    found = stands(double_read(0.0, 0.0))
    assert (found.result, found.infarct_volume_ml) == (Result.NO_INFARCT, 0.0)


def test_not_assessable_for_both_readers_is_a_result_without_a_volume() -> None:
    found = stands(double_read(None, None))
    assert (found.result, found.infarct_volume_ml) == (Result.NOT_ASSESSABLE, None)
    assert found.mask_sha256 == ()


@pytest.mark.parametrize(
    ("first_ml", "second_ml", "dice"),
    [(10.0, 20.0, 0.9), (10.0, 10.0, 0.5), (0.0, 1.0, 0.9), (None, 10.0, 0.9)],
)
def test_disagreeing_readers_wait_for_the_adjudicator_whose_read_is_accepted(
    first_ml: float | None, second_ml: float | None, dice: float
) -> None:
    room = double_read(first_ml, second_ml, dice=dice)
    assert waits_for(room) is Awaited.ADJUDICATION
    found = stands(read_through(room, read_of(room, "cleo"), 17.0, dice=dice))
    assert (found.read_status, found.infarct_volume_ml) == (ReadStatus.ADJUDICATED, 17.0)
    assert [read.reader for read in found.reads] == ["cleo"]


def test_of_three_readers_the_two_furthest_apart_are_judged() -> None:
    rules = replace(RULES, readers=3, names=("ada", "ben", "dora"))
    names = ("ada", "ben", "dora")
    room = with_events(ready_room(rules), "mia", *map(assignment, names))
    for name, volume_ml in zip(names, (30.0, 10.0, 20.0), strict=True):
        room = read_through(room, read_of(room, name), volume_ml)
    pair = room.adjudication_of(read_of(room, "cleo").read_id)
    assert {read.reader for read in pair} == {"ada", "ben"}


def test_masks_that_nobody_compared_are_not_accepted() -> None:
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    room = read_through(room, read_of(room, "ada"), 10.0)
    ben = read_of(room, "ben")
    opened = with_events(room, "ben", *_opening(ben.read_id))
    room = with_event(opened, "ben", signing(opened.read(ben.read_id), 10.0))
    assert waits_for(room) is Awaited.COMPARISON
    assert stands(following(room, "ben")).read_status is ReadStatus.DOUBLE


def test_a_read_that_is_being_amended_is_not_accepted_until_it_is_signed_anew() -> None:
    room = double_read(10.0, 12.0)
    ada = read_of(room, "ada")
    room = with_event(room, "ada", AmendmentStarted(read_id=ada.read_id, reason="missed a part"))
    assert waits_for(room) is Awaited.AMENDMENT
    room = with_event(room, "ada", signing(room.read(ada.read_id), 14.0))
    assert stands(following(room, "ada")).infarct_volume_ml == 13.0


def test_a_superseded_read_counts_no_more() -> None:
    room = double_read(10.0, 12.0)
    gone = ReadSuperseded(read_id=read_of(room, "ada").read_id, reason="image changed")
    assert waits_for(with_event(room, "mia", gone)) is Awaited.READS


def test_what_two_readers_do_not_share_is_left_open_by_their_mean() -> None:
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    room = read_through(room, read_of(room, "ada"), 10.0)
    ben = read_of(room, "ben")
    room = with_events(room, "ben", *_opening(ben.read_id))
    other = replace(signing(ben, 10.0), n_components=1, hemisphere=Hemisphere.BILATERAL)
    found = stands(following(with_event(room, "ben", other), "ben"))
    assert (found.n_components, found.hemisphere) == (None, None)


def _opening(read_id: str) -> list[ReadOpened]:
    return [ReadOpened(read_id=read_id)]
