"""Rooms that tests begin with, written event by event as a ledger would have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from corelab.reading.consequence import next_consequence
from corelab.reading.event import (
    CaseOffered,
    DraftSaved,
    Event,
    OrderCommitted,
    Purpose,
    ReadAssigned,
    ReadOpened,
    ReadSigned,
    RulesSet,
    UserAdded,
)
from corelab.reading.fold import with_event
from corelab.reading.records import HumanRead
from corelab.reading.result import Result, Unassessable
from corelab.reading.roles import Role
from corelab.reading.room import Room
from corelab.vocab import Case, Hemisphere, Modality, SubjectCode, VisitLabel
from tests.reading.events import IMAGE, KEY, MASK, RULES, SIGNED

SEED = b"s" * 32
CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
PEOPLE = {
    "mia": Role.DATA_MANAGER,
    "ada": Role.READER,
    "ben": Role.READER,
    "cleo": Role.READER,
    "dora": Role.READER,
    "quinn": Role.QA,
    "stan": Role.STATISTICIAN,
}


def sha(word: object) -> str:
    return hashlib.sha256(str(word).encode()).hexdigest()


def offer(case: Case = CASE, *, image: str = IMAGE, mask: str = MASK) -> CaseOffered:
    return CaseOffered(
        subject_code=case.subject_code,
        visit=case.visit,
        image_sha256=image,
        mask_sha256=mask,
        modality=Modality.NCCT,
    )


def staffed_room() -> Room:
    room = Room()
    for name, role in PEOPLE.items():
        room = with_event(room, "mia", UserAdded(name=name, role=role, public_key_hex=KEY))
    return room


def ready_room(rules: RulesSet = RULES, cases: Iterable[Case] = (CASE,)) -> Room:
    """Users, rules, a seed and cases; nothing assigned."""
    room = with_event(staffed_room(), "mia", rules)
    committed = OrderCommitted(seed_sha256=hashlib.sha256(SEED).hexdigest())
    room = with_event(room, "mia", committed)
    for case in cases:
        room = with_event(room, "mia", offer(case))
    return room


def assignment(
    reader: str,
    number: int = 1,
    *,
    case: Case = CASE,
    purpose: Purpose = Purpose.INDEPENDENT,
    image: str = IMAGE,
) -> ReadAssigned:
    return ReadAssigned(
        read_id=sha((reader, number, purpose))[:16],
        reader=reader,
        number=number,
        subject_code=case.subject_code,
        visit=case.visit,
        image_sha256=image,
        purpose=purpose,
    )


def read_of(room: Room, reader: str) -> HumanRead:
    """The first live read of a person."""
    return room.worklist(reader)[0]


def signing(read: HumanRead, volume_ml: float | None, *, mask: str | None = None) -> ReadSigned:
    """A sound signature: ``None`` for a scan that cannot be assessed."""
    signed = replace(
        SIGNED,
        read_id=read.read_id,
        version=read.version + 1,
        edition=read.edition,
        image_sha256=read.image_sha256,
        mask_sha256=read.draft_mask_sha256 or mask or sha(read.read_id),
        infarct_volume_ml=volume_ml,
        haemorrhage_in_infarct_ml=0.0,
    )
    if volume_ml is None:
        return replace(
            signed,
            result=Result.NOT_ASSESSABLE,
            reasons=(Unassessable.MOTION,),
            mask_sha256=None,
            haemorrhage_in_infarct_ml=None,
            n_components=None,
            hemisphere=None,
        )
    if volume_ml == 0:
        nothing = replace(signed, result=Result.NO_INFARCT, n_components=0)
        return replace(nothing, hemisphere=Hemisphere.NONE)
    return signed


def following(room: Room, author: str, case: Case = CASE, *, dice: float = 0.9) -> Room:
    """The room with all that must follow."""
    while event := next_consequence(room, case, lambda _one, _other: dice):
        room = with_event(room, author, event)
    return room


def with_events(room: Room, author: str, *events: Event) -> Room:
    for event in events:
        room = with_event(room, author, event)
    return room


def read_through(
    room: Room, read: HumanRead, volume_ml: float | None, *, dice: float = 0.9
) -> Room:
    """The room after a reader has opened, edited and signed a read, with what follows."""
    room = with_event(room, read.reader, ReadOpened(read_id=read.read_id))
    draft = DraftSaved(read_id=read.read_id, edition=1, mask_sha256=sha((read.read_id, 1)))
    room = with_event(room, read.reader, draft)
    signed = signing(room.read(read.read_id), volume_ml)
    room = with_event(room, read.reader, signed)
    return following(room, read.reader, read.case, dice=dice)


def double_read(first_ml: float | None, second_ml: float | None, *, dice: float = 0.9) -> Room:
    """One case that ada and ben have read and signed."""
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    room = read_through(room, read_of(room, "ada"), first_ml, dice=dice)
    return read_through(room, read_of(room, "ben"), second_ml, dice=dice)
