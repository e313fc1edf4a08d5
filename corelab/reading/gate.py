"""What the rules do not allow, and why: each act is held against the room before it is written.

:func:`check` has one function for each kind of event; all that is refused is named in
:class:`~corelab.reading.refusal.Refusal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import singledispatch
from typing import NoReturn

from corelab.reading.act import Act
from corelab.reading.consequence import (
    called_for,
    ended,
    is_reader,
    judged,
    judges_of,
    next_number,
    still_reads,
)
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
    Purpose,
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
from corelab.reading.lifecycle import ReadEvent, ReadState, TransitionError, next_state
from corelab.reading.records import HumanRead, ReadKind
from corelab.reading.refusal import Refusal, RefusedError
from corelab.reading.result import FAULT_WORDS, signing_faults
from corelab.reading.roles import Role
from corelab.reading.room import Room
from corelab.vocab import Case

_MANAGER = frozenset({Role.DATA_MANAGER})
_READER = frozenset({Role.READER})
_ASKING = frozenset({Role.DATA_MANAGER, Role.QA})
_FOLLOWING = frozenset({Role.DATA_MANAGER, Role.READER})

ROLES: dict[type[Event], frozenset[Role]] = {
    UserAdded: _MANAGER,
    UserDisabled: _MANAGER,
    RulesSet: _MANAGER,
    OrderCommitted: _MANAGER,
    CaseOffered: _MANAGER,
    # A reader's signature may call for an adjudication, or end one: it is written with it.
    ReadAssigned: _FOLLOWING,
    ReadSuperseded: _FOLLOWING,
    PairCompared: _FOLLOWING,
    ReadOpened: _READER,
    DraftSaved: _READER,
    ReadSigned: _READER,
    AmendmentStarted: _READER,
    AmendmentEnded: _MANAGER,
    QaVerdictGiven: frozenset({Role.QA}),
    QueryOpened: _ASKING,
    QueryAnswered: _ASKING,
    CaseReleased: _ASKING,
    CaseExcluded: _MANAGER,
    DataLocked: _MANAGER,
    UnlockAsked: _ASKING,
    DataUnlocked: _ASKING,
}
"""Who may do what."""

_CHANGEABLE = ("names", "adjudicators", "needs_release", "config_digest")
"""Rules that may still change once a read was opened: people, and the digest of the rest."""


def check(room: Room, act: Act) -> None:
    """Refuse what the rules do not allow.

    Raises
    ------
    RefusedError
        With the rule that the act breaks.
    """
    if room.users or not isinstance(act.event, UserAdded):
        _check_author(room, act)
    _check(act.event, room, act)


def _check_author(room: Room, act: Act) -> None:
    user = room.users.get(act.author)
    if user is None:
        _refuse(Refusal.UNKNOWN_USER, f"there is no user '{act.author}'")
    if not user.is_enabled:
        _refuse(Refusal.DISABLED_USER, f"the user '{act.author}' is disabled")
    allowed = ROLES[type(act.event)]
    if user.role not in allowed:
        wanted = " or ".join(sorted(allowed))
        found = f"{act.event.kind} by {user.name}, who is {user.role}"
        _refuse(Refusal.WRONG_ROLE, f"found {found}, expected {wanted}")


@singledispatch
def _check(event: Event, room: Room, act: Act) -> None:
    raise NotImplementedError(type(event).__name__)


@_check.register
def _(event: UserAdded, room: Room, act: Act) -> None:
    if not room.users and (act.author != event.name or event.role is not Role.DATA_MANAGER):
        _refuse(Refusal.FIRST_USER, "the first user is a data manager, and adds themselves")
    if event.name in room.users:
        _refuse(Refusal.NAME_TAKEN, f"there is, or was, a user '{event.name}'")


@_check.register
def _(event: UserDisabled, room: Room, _act: Act) -> None:
    user = room.users.get(event.name)
    if user is None or not user.is_enabled:
        _refuse(Refusal.UNKNOWN_USER, f"there is no user '{event.name}' to disable")
    others = [other for other in room.users.values() if other.is_enabled and other != user]
    if not any(other.role is Role.DATA_MANAGER for other in others):
        _refuse(Refusal.LAST_MANAGER, f"'{event.name}' is the only data manager left")


@_check.register
def _(event: RulesSet, room: Room, _act: Act) -> None:
    if room.rules is None or all(read.state is ReadState.ASSIGNED for read in room.reads.values()):
        return
    kept = {name: getattr(room.rules, name) for name in _CHANGEABLE}
    if replace(event, **kept) != room.rules:
        allowed = ", ".join(_CHANGEABLE[:3])
        told = f"reads were opened under other rules; only {allowed} may change now"
        _refuse(Refusal.RULES_FROZEN, told)


@_check.register
def _(_event: OrderCommitted, room: Room, _act: Act) -> None:
    if room.seed_sha256 is not None:
        _refuse(Refusal.ORDER_COMMITTED, "the seed of the orders is committed already")


@_check.register
def _(event: CaseOffered, room: Room, _act: Act) -> None:
    known = room.cases.get(event.case)
    if known and (known.image_sha256, known.mask_sha256) == (event.image_sha256, event.mask_sha256):
        _refuse(Refusal.SAME_CASE, f"{_told(event.case)} is offered with this image and mask")


@_check.register
def _(event: ReadAssigned, room: Room, _act: Act) -> None:
    _check_readable(room, event.case, event.image_sha256)
    if event.purpose is Purpose.ADJUDICATION:
        if event != called_for(room, event.case):
            told = f"no adjudication of {_told(event.case)} by {event.reader} is called for"
            _refuse(Refusal.NOT_CALLED_FOR, told)
        return
    if _act_is_by_reader(room, _act):
        _refuse(Refusal.WRONG_ROLE, "reads are assigned by a data manager")
    if not is_reader(room, event.reader) or event.reader not in _names(room):
        told = f"'{event.reader}' is no reader of this trial who may read now"
        _refuse(Refusal.NOT_A_READER, told)
    if event.read_id in room.reads:
        _refuse(Refusal.ID_TAKEN, f"there is a read {event.read_id}")
    expected = next_number(room, event.reader, ReadKind.READ)
    if event.number != expected:
        _refuse(Refusal.NUMBER_SKIPPED, f"found number {event.number}, expected {expected}")
    _check_purpose(room, event)


def _check_purpose(room: Room, event: ReadAssigned) -> None:
    reads = [read for read in room.reads_of_case(event.case) if read.kind is ReadKind.READ]
    if event.reader in judges_of(room, event.case):
        told = f"{event.reader} was to judge {_told(event.case)}, with the masks of others"
        _refuse(Refusal.JUDGED_ALREADY, told)
    mine = {read.purpose for read in reads if read.reader == event.reader}
    if event.purpose in mine:
        told = f"{event.reader} has a read of {_told(event.case)} for this purpose"
        _refuse(Refusal.READ_ALREADY, told)
    if event.purpose is Purpose.REPEAT and Purpose.INDEPENDENT not in mine:
        told = f"{event.reader} has no read of {_told(event.case)} that could be repeated"
        _refuse(Refusal.NOTHING_TO_REPEAT, told)
    wanted = room.rules.readers if room.rules else 0
    count = sum(read.purpose is Purpose.INDEPENDENT for read in reads)
    if event.purpose is Purpose.INDEPENDENT and count >= wanted:
        told = f"{_told(event.case)} has its {wanted} independent reads"
        _refuse(Refusal.ENOUGH_READS, told)


@_check.register
def _(event: ReadOpened, room: Room, act: Act) -> None:
    read = _own_read(room, act, event.read_id)
    _check_state(read, ReadEvent.OPEN)
    _check_readable(room, read.case, read.image_sha256)
    if not room.may_open(read):
        _refuse(Refusal.NOT_NEXT, f"the read {read.read_id} is not the next of its reader")


@_check.register
def _(event: DraftSaved, room: Room, act: Act) -> None:
    read = _own_read(room, act, event.read_id)
    _check_state(read, ReadEvent.EDIT)
    _check_readable(room, read.case, read.image_sha256)
    if event.edition != read.edition + 1:
        told = f"found edition {event.edition}, expected {read.edition + 1}"
        _refuse(Refusal.STALE_EDITION, told)


@_check.register
def _(event: ReadSigned, room: Room, act: Act) -> None:
    read = _own_read(room, act, event.read_id)
    _check_state(read, ReadEvent.SIGN)
    _check_readable(room, read.case, read.image_sha256)
    if event.image_sha256 != read.image_sha256:
        _refuse(Refusal.IMAGE_CHANGED, f"the read {read.read_id} is of another image")
    if event.edition != read.edition:
        told = f"found edition {event.edition}, expected {read.edition}"
        _refuse(Refusal.STALE_EDITION, told)
    if event.version != read.version + 1:
        told = f"found version {event.version}, expected {read.version + 1}"
        _refuse(Refusal.STALE_VERSION, told)
    _check_result(read, event)


def _check_result(read: HumanRead, event: ReadSigned) -> None:
    faults = signing_faults(
        event.result,
        infarct_volume_ml=event.infarct_volume_ml,
        reasons=event.reasons,
        comment=event.comment,
    )
    if faults:
        _refuse(Refusal.UNSOUND_RESULT, "; ".join(FAULT_WORDS[fault] for fault in faults))
    numbers = (event.infarct_volume_ml, event.haemorrhage_in_infarct_ml, event.n_components)
    absent = {value is None for value in (*numbers, event.mask_sha256)}
    # A mask may have no side: where the mid-sagittal plane is not sure, none is said.
    has_side_alone = event.mask_sha256 is None and event.hemisphere is not None
    if len(absent) > 1 or has_side_alone:
        _refuse(Refusal.UNSOUND_RESULT, "a mask and its numbers go together: all or none of them")
    if event.edition and event.mask_sha256 not in {None, read.draft_mask_sha256}:
        _refuse(Refusal.OTHER_MASK, "the mask that is signed is not the one that was saved")


@_check.register
def _(event: AmendmentStarted, room: Room, act: Act) -> None:
    read = _own_read(room, act, event.read_id)
    _check_state(read, ReadEvent.AMEND)
    _check_readable(room, read.case, read.image_sha256)
    if read.purpose is Purpose.INDEPENDENT and judged(room, read.case):
        _refuse(Refusal.ADJUDICATED, "the read was adjudicated; the adjudicator may amend theirs")


@_check.register
def _(event: AmendmentEnded, room: Room, _act: Act) -> None:
    read = _known_read(room, event.read_id)
    _check_state(read, ReadEvent.END_AMENDMENT)
    if still_reads(room, read):
        _refuse(Refusal.STILL_READS, f"{read.reader} can sign the amendment of {read.read_id}")


@_check.register
def _(event: ReadSuperseded, room: Room, act: Act) -> None:
    read = _known_read(room, event.read_id)
    _check_state(read, ReadEvent.SUPERSEDE)
    if _act_is_by_reader(room, act) and event != ended(room, read.case):
        _refuse(Refusal.NOT_CALLED_FOR, f"nothing ends the read {read.read_id}")


@_check.register
def _(event: PairCompared, room: Room, _act: Act) -> None:
    pair = frozenset({event.first_mask_sha256, event.second_mask_sha256})
    if pair in room.overlaps:
        _refuse(Refusal.COMPARED_ALREADY, "the two masks were compared before")
    known = {
        signature.signed.mask_sha256
        for read in room.reads.values()
        for signature in read.signatures
    }
    if not pair <= known:
        _refuse(Refusal.UNKNOWN_MASK, "only masks that were signed are compared")


@_check.register
def _(event: QaVerdictGiven, room: Room, _act: Act) -> None:
    _check_image(room, event.case, event.image_sha256)


@_check.register
def _(event: QueryOpened, room: Room, _act: Act) -> None:
    if event.query_id in room.queries:
        _refuse(Refusal.ID_TAKEN, f"there is a query {event.query_id}")


@_check.register
def _(event: QueryAnswered, room: Room, _act: Act) -> None:
    query = room.queries.get(event.query_id)
    if query is None:
        _refuse(Refusal.UNKNOWN_QUERY, f"there is no query {event.query_id}")
    if not query.is_open:
        _refuse(Refusal.ANSWERED_ALREADY, f"the query {event.query_id} is answered")


@_check.register
def _(event: CaseReleased, room: Room, _act: Act) -> None:
    _check_image(room, event.case, event.image_sha256)


@_check.register
def _(event: CaseExcluded, room: Room, _act: Act) -> None:
    if event.case in room.exclusions:
        _refuse(Refusal.CASE_EXCLUDED, f"{_told(event.case)} is excluded already")


@_check.register
def _(_event: DataLocked, _room: Room, _act: Act) -> None:
    # A lock whose marker a kill kept from its place is followed by another one.
    return


@_check.register
def _(event: UnlockAsked, room: Room, _act: Act) -> None:
    _check_locked(room, event.lock_id)


@_check.register
def _(event: DataUnlocked, room: Room, act: Act) -> None:
    _check_locked(room, event.lock_id)
    if room.unlock_asked_by is None:
        _refuse(Refusal.NOT_ASKED, f"nobody has asked for the lock {event.lock_id} to be lifted")
    if room.users[room.unlock_asked_by].role is room.users[act.author].role:
        role = room.users[act.author].role
        told = f"{room.unlock_asked_by} and {act.author} are both {role}"
        _refuse(Refusal.SAME_PERSON, f"a lock is lifted by two people of two roles: {told}")


def _check_locked(room: Room, lock_id: str) -> None:
    if room.lock_id != lock_id:
        _refuse(Refusal.NOT_LOCKED, f"the data are not locked as {lock_id}")


def _check_readable(room: Room, case: Case, image_sha256: str) -> None:
    """Refuse work on a case that is not there to be read, or not with this image."""
    if room.rules is None:
        _refuse(Refusal.RULES_ABSENT, "no rules of reads were set")
    if room.seed_sha256 is None:
        _refuse(Refusal.ORDER_ABSENT, "the seed of the orders is not committed")
    if case not in room.cases:
        _refuse(Refusal.UNKNOWN_CASE, f"{_told(case)} was not offered")
    if case in room.exclusions:
        _refuse(Refusal.CASE_EXCLUDED, f"{_told(case)} is excluded")
    _check_image(room, case, image_sha256)
    if not room.is_released(case):
        _refuse(Refusal.NOT_RELEASED, f"nobody has released {_told(case)} to readers")


def _check_image(room: Room, case: Case, image_sha256: str) -> None:
    if case in room.cases and room.cases[case].image_sha256 != image_sha256:
        _refuse(Refusal.IMAGE_CHANGED, f"the image of {_told(case)} is another one by now")


def _check_state(read: HumanRead, event: ReadEvent) -> None:
    try:
        next_state(read.state, event)
    except TransitionError as error:
        raise RefusedError(Refusal.WRONG_STATE, f"{read.read_id}: {error}") from None


def _known_read(room: Room, read_id: str) -> HumanRead:
    if read_id not in room.reads:
        _refuse(Refusal.UNKNOWN_READ, f"there is no read {read_id}")
    return room.reads[read_id]


def _own_read(room: Room, act: Act, read_id: str) -> HumanRead:
    read = _known_read(room, read_id)
    if read.reader != act.author:
        _refuse(Refusal.NOT_THEIR_READ, f"the read {read_id} is not of '{act.author}'")
    return read


def _act_is_by_reader(room: Room, act: Act) -> bool:
    return room.users[act.author].role is Role.READER


def _names(room: Room) -> Iterable[str]:
    return room.rules.names if room.rules else ()


def _told(case: Case) -> str:
    return f"{case.subject_code} {case.visit}"


def _refuse(refusal: Refusal, message: str) -> NoReturn:
    raise RefusedError(refusal, message)
