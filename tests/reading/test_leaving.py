"""What becomes of reads whose reader leaves: disabled, or named by the trial no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.reading.acceptance import Accepted, independent_of
from corelab.reading.assignment import assignments
from corelab.reading.event import AmendmentStarted, DraftSaved, Event, ReadOpened, UserDisabled
from corelab.reading.fold import with_event
from corelab.reading.lifecycle import ReadState
from corelab.reading.planning import READER_LEFT, ended_reads
from corelab.reading.records import HumanRead
from corelab.reading.refusal import RefusedError
from corelab.reading.room import Room
from tests.reading.events import RULES
from tests.reading.rooms import (
    CASE,
    SEED,
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

STAFF = replace(RULES, names=("ada", "ben", "dora"), repeat_share=0.0)
AMENDED_ML = 30.0

Act = Callable[[HumanRead], Event]
ACTS: dict[str, Act] = {
    "open": lambda read: ReadOpened(read_id=read.read_id),
    "save": lambda read: DraftSaved(
        read_id=read.read_id,
        edition=read.edition + 1,
        mask_sha256=sha((read.read_id, read.edition + 1)),
    ),
    "sign": lambda read: signing(read, 10.0 + read.version),
    "find unassessable": lambda read: signing(read, None),
    "amend": lambda read: AmendmentStarted(read_id=read.read_id, reason="missed a part"),
}


def disabled(room: Room, name: str) -> Room:
    return with_event(room, "mia", UserDisabled(name=name, reason="left the lab"))


def left_out(room: Room, name: str) -> Room:
    assert room.rules
    names, judges = ((who for who in who_all if who != name) for who_all in people_of(room))
    rules = replace(room.rules, names=tuple(names), adjudicators=tuple(judges))
    return with_event(room, "mia", rules)


def people_of(room: Room) -> tuple[tuple[str, ...], tuple[str, ...]]:
    assert room.rules
    return room.rules.names, room.rules.adjudicators


LEAVINGS = (disabled, left_out)


def planned(room: Room) -> Room:
    """The room after a plan, as the data manager's command makes it."""
    room = with_events(room, "mia", *ended_reads(room))
    room = with_events(room, "mia", *assignments(room, SEED))
    return following(room, "mia")


@given(acts=st.lists(st.sampled_from(sorted(ACTS)), max_size=14), leave=st.sampled_from(LEAVINGS))
def test_what_was_signed_stands_whenever_its_reader_leaves(
    acts: list[str], leave: Callable[[Room, str], Room]
) -> None:
    room = with_events(ready_room(STAFF), "mia", assignment("ada"), assignment("ben"))
    read_id = read_of(room, "ada").read_id
    for name in acts:
        try:
            room = with_event(room, "ada", ACTS[name](room.read(read_id)))
        except RefusedError:
            continue  # not allowed as the read stands
    signatures = room.read(read_id).signatures
    room = planned(leave(room, "ada"))
    read = room.read(read_id)
    readers = {one.reader for one in independent_of(room.reads_of_case(CASE))}
    assert read.signatures == signatures
    if signatures:
        assert read.standing == signatures[-1].signed
        assert readers == {"ada", "ben"}
        assert read.own_mask_sha256 == (read.standing.mask_sha256 or read.draft_mask_sha256)
    else:
        assert read.state is ReadState.SUPERSEDED
        assert readers == {"ben", "dora"}
    assert planned(room) == room, "twice is as once"


def amending_room() -> Room:
    """Ada and ben agree; ada then takes hers up again, and has drawn something else."""
    room = with_events(ready_room(STAFF), "mia", assignment("ada"), assignment("ben"))
    for name in ("ada", "ben"):
        room = read_through(room, read_of(room, name), 10.0)
    read_id = read_of(room, "ada").read_id
    for act in ("amend", "save"):
        room = with_event(room, "ada", ACTS[act](room.read(read_id)))
    return room


@pytest.mark.parametrize("leave", LEAVINGS)
def test_an_amendment_ends_with_its_reader_and_the_case_is_accepted_as_it_was(
    leave: Callable[[Room, str], Room],
) -> None:
    before = amending_room()
    room = planned(leave(before, "ada"))
    read = read_of(room, "ada")
    assert read.reasons == ("missed a part", READER_LEFT)
    found = room.accepted(CASE)
    assert isinstance(found, Accepted)
    assert found.infarct_volume_ml == 10.0
    assert {one.reader for one in found.reads} == {"ada", "ben"}
    assert read.draft_mask_sha256 == read.signatures[-1].signed.mask_sha256, (
        "what was drawn since is not the mask of the version that stands"
    )


def test_who_comes_back_amends_what_they_signed() -> None:
    room = planned(left_out(amending_room(), "ada"))
    room = with_event(room, "mia", STAFF)
    read = read_of(room, "ada")
    room = with_event(room, "ada", ACTS["amend"](read))
    room = with_event(room, "ada", ACTS["save"](room.read(read.read_id)))
    room = with_event(room, "ada", signing(room.read(read.read_id), AMENDED_ML))
    standing = room.read(read.read_id).standing
    assert standing
    assert (standing.version, standing.infarct_volume_ml) == (2, AMENDED_ML)


def test_a_judge_who_leaves_in_an_amendment_leaves_the_judgement() -> None:
    room = double_read(10.0, 20.0)
    third = read_of(room, "cleo")
    room = read_through(room, third, 17.0)
    room = with_event(room, "cleo", ACTS["amend"](room.read(third.read_id)))
    room = planned(disabled(room, "cleo"))
    found = room.accepted(CASE)
    assert isinstance(found, Accepted)
    assert (found.infarct_volume_ml, [read.reader for read in found.reads]) == (17.0, ["cleo"])
