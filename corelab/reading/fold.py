"""Entries of the ledger to the room, one after another, each held against the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import singledispatch
from typing import TypeVar

from corelab.reading.act import Act, EntryLike, act_of, proposed
from corelab.reading.event import (
    AmendmentEnded,
    AmendmentStarted,
    CaseExcluded,
    CaseOffered,
    CaseReleased,
    DataLocked,
    DataUnlocked,
    DraftSaved,
    Event,
    OrderCommitted,
    PairCompared,
    QaVerdictGiven,
    QueryAnswered,
    QueryOpened,
    ReadAssigned,
    ReadOpened,
    ReadSigned,
    ReadSuperseded,
    RulesSet,
    UnlockAsked,
    UserAdded,
    UserDisabled,
)
from corelab.reading.gate import check
from corelab.reading.lifecycle import ReadEvent, next_state
from corelab.reading.records import (
    Answer,
    HumanRead,
    OfferedCase,
    Query,
    Rating,
    Signature,
    User,
)
from corelab.reading.room import Room

Key = TypeVar("Key")
Value = TypeVar("Value")


def fold(entries: Iterable[EntryLike], room: Room | None = None) -> Room:
    """Return the room after these entries.

    Parameters
    ----------
    entries
        Of the ledger, in order; those after ``room.sequence`` where a room is given.
    room
        Where to go on from; without one, an empty room.

    Raises
    ------
    LedgerError
        Naming the first entry that is not known or not allowed.
    """
    room = room or Room()
    for entry in entries:
        room = with_entry(room, entry)
    return room


def with_entry(room: Room, entry: EntryLike) -> Room:
    """Return the room after one more entry; raises as :func:`fold`."""
    return _admit(room, act_of(entry))


def with_event(room: Room, author: str, event: Event) -> Room:
    """Return the room as an event would leave it: whoever writes asks this before writing.

    Parameters
    ----------
    room
        The room after every entry of the ledger.
    author
        Who is about to do it.
    event
        What they are about to do.

    Raises
    ------
    LedgerError
        When a field does not fit; ``RefusedError`` with the rule that it breaks.
    """
    return _admit(room, proposed(room.sequence + 1, author, event))


def _admit(room: Room, act: Act) -> Room:
    check(room, act)
    return replace(_step(act.event, room, act), sequence=act.sequence)


@singledispatch
def _step(event: Event, room: Room, act: Act) -> Room:
    raise NotImplementedError(type(event).__name__)


@_step.register
def _(event: UserAdded, room: Room, _act: Act) -> Room:
    user = User(name=event.name, role=event.role, public_key_hex=event.public_key_hex)
    return replace(room, users=_with(room.users, event.name, user))


@_step.register
def _(event: UserDisabled, room: Room, _act: Act) -> Room:
    user = replace(room.users[event.name], is_enabled=False)
    return replace(room, users=_with(room.users, event.name, user))


@_step.register
def _(event: RulesSet, room: Room, _act: Act) -> Room:
    return replace(room, rules=event)


@_step.register
def _(event: OrderCommitted, room: Room, _act: Act) -> Room:
    return replace(room, seed_sha256=event.seed_sha256)


@_step.register
def _(event: CaseOffered, room: Room, _act: Act) -> Room:
    offered = OfferedCase(
        case=event.case,
        image_sha256=event.image_sha256,
        mask_sha256=event.mask_sha256,
        modality=event.modality,
    )
    return replace(room, cases=_with(room.cases, event.case, offered))


@_step.register
def _(event: ReadAssigned, room: Room, _act: Act) -> Room:
    read = HumanRead(
        read_id=event.read_id,
        reader=event.reader,
        number=event.number,
        case=event.case,
        image_sha256=event.image_sha256,
        purpose=event.purpose,
    )
    return replace(room, reads=_with(room.reads, event.read_id, read))


@_step.register
def _(event: ReadOpened, room: Room, _act: Act) -> Room:
    read = room.reads[event.read_id]
    first_mask = room.cases[read.case].mask_sha256
    return _moved(room, replace(read, first_mask_sha256=first_mask), ReadEvent.OPEN)


@_step.register
def _(event: DraftSaved, room: Room, _act: Act) -> Room:
    read = replace(
        room.reads[event.read_id], edition=event.edition, draft_mask_sha256=event.mask_sha256
    )
    return _moved(room, read, ReadEvent.EDIT)


@_step.register
def _(event: ReadSigned, room: Room, act: Act) -> Room:
    read = room.reads[event.read_id]
    signatures = (*read.signatures, Signature(at_utc=act.at_utc, signed=event))
    return _moved(room, replace(read, signatures=signatures), ReadEvent.SIGN)


@_step.register
def _(event: AmendmentStarted, room: Room, _act: Act) -> Room:
    return _moved(room, _reasoned(room, event.read_id, event.reason), ReadEvent.AMEND)


@_step.register
def _(event: AmendmentEnded, room: Room, _act: Act) -> Room:
    read = _reasoned(room, event.read_id, event.reason)
    # What was drawn for the amendment goes with it, where the version that stands has a mask.
    standing = read.signatures[-1].signed.mask_sha256 or read.draft_mask_sha256
    return _moved(room, replace(read, draft_mask_sha256=standing), ReadEvent.END_AMENDMENT)


@_step.register
def _(event: ReadSuperseded, room: Room, _act: Act) -> Room:
    return _moved(room, _reasoned(room, event.read_id, event.reason), ReadEvent.SUPERSEDE)


@_step.register
def _(event: PairCompared, room: Room, _act: Act) -> Room:
    pair = frozenset({event.first_mask_sha256, event.second_mask_sha256})
    return replace(room, overlaps=_with(room.overlaps, pair, event.dice))


@_step.register
def _(event: QaVerdictGiven, room: Room, act: Act) -> Room:
    rating = Rating(rater=act.author, at_utc=act.at_utc, given=event)
    history = (*room.ratings.get(event.case, ()), rating)
    return replace(room, ratings=_with(room.ratings, event.case, history))


@_step.register
def _(event: QueryOpened, room: Room, act: Act) -> Room:
    query = Query(author=act.author, at_utc=act.at_utc, opened=event)
    return replace(room, queries=_with(room.queries, event.query_id, query))


@_step.register
def _(event: QueryAnswered, room: Room, act: Act) -> Room:
    answer = Answer(author=act.author, at_utc=act.at_utc, answered=event)
    query = replace(room.queries[event.query_id], answer=answer)
    return replace(room, queries=_with(room.queries, event.query_id, query))


@_step.register
def _(event: CaseReleased, room: Room, _act: Act) -> Room:
    released = room.releases.get(event.case, frozenset()) | {event.image_sha256}
    return replace(room, releases=_with(room.releases, event.case, released))


@_step.register
def _(event: CaseExcluded, room: Room, _act: Act) -> Room:
    return replace(room, exclusions=_with(room.exclusions, event.case, event.reason))


@_step.register
def _(event: DataLocked, room: Room, _act: Act) -> Room:
    return replace(room, lock_id=event.lock_id, unlock_asked_by=None)


@_step.register
def _(_event: UnlockAsked, room: Room, act: Act) -> Room:
    return replace(room, unlock_asked_by=act.author)


@_step.register
def _(_event: DataUnlocked, room: Room, _act: Act) -> Room:
    return replace(room, lock_id=None, unlock_asked_by=None)


def _moved(room: Room, read: HumanRead, event: ReadEvent) -> Room:
    moved = replace(read, state=next_state(read.state, event))
    return replace(room, reads=_with(room.reads, read.read_id, moved))


def _reasoned(room: Room, read_id: str, reason: str) -> HumanRead:
    read = room.reads[read_id]
    return replace(read, reasons=(*read.reasons, reason))


def _with(known: Mapping[Key, Value], key: Key, value: Value) -> dict[Key, Value]:
    return {**known, key: value}
