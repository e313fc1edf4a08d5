"""Each refusal is provoked once: what nobody can provoke is no rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from corelab.errors import LedgerError
from corelab.reading.event import (
    KINDS,
    AmendmentEnded,
    AmendmentStarted,
    CaseExcluded,
    CaseOffered,
    CaseReleased,
    DraftSaved,
    Event,
    OrderCommitted,
    PairCompared,
    Purpose,
    QaVerdictGiven,
    QueryAnswered,
    ReadOpened,
    ReadSuperseded,
    UserAdded,
    UserDisabled,
)
from corelab.reading.fold import with_event
from corelab.reading.gate import ROLES
from corelab.reading.refusal import Refusal, RefusedError
from corelab.reading.result import Result
from corelab.reading.roles import Role
from corelab.reading.room import Room
from corelab.vocab import Case, QaVerdict, SubjectCode, VisitLabel
from tests.reading.events import EXAMPLES, IMAGE, KEY, MASK, QUERY_ID, RULES
from tests.reading.rooms import (
    CASE,
    PEOPLE,
    assignment,
    double_read,
    offer,
    read_of,
    read_through,
    ready_room,
    sha,
    signing,
    staffed_room,
    with_events,
)

OTHER_CASE = Case(SubjectCode("AB2CD3"), VisitLabel("fu24h"))
KEYS = {"subject_code": CASE.subject_code, "visit": CASE.visit}
RELEASING = replace(RULES, needs_release=True)


def opened_room() -> Room:
    """One case, assigned to ada and ben, and opened by ada."""
    room = with_events(ready_room(), "mia", assignment("ada"), assignment("ben"))
    return with_event(room, "ada", ReadOpened(read_id=read_of(room, "ada").read_id))


def drafted_room() -> Room:
    room = opened_room()
    read_id = read_of(room, "ada").read_id
    return with_event(room, "ada", DraftSaved(read_id=read_id, edition=1, mask_sha256=MASK))


def asked_room() -> Room:
    room = with_event(ready_room(), "quinn", EXAMPLES["query_opened"])
    return with_event(room, "mia", EXAMPLES["query_answered"])


def locked_room() -> Room:
    return with_event(ready_room(), "mia", EXAMPLES["data_locked"])


def moved_on(room: Room) -> Room:
    """The room after the case's image has changed."""
    return with_event(room, "mia", offer(image="e" * 64))


def with_second_assigned() -> Room:
    room = ready_room(cases=(CASE, OTHER_CASE))
    return with_events(room, "mia", assignment("ada"), assignment("ada", 2, case=OTHER_CASE))


def adjudicated_room() -> Room:
    room = double_read(10.0, 20.0)
    return read_through(room, read_of(room, "cleo"), 14.0)


def ada(room: Room) -> str:
    return read_of(room, "ada").read_id


def verdict(image: str = IMAGE) -> QaVerdictGiven:
    return QaVerdictGiven(
        **KEYS,
        image_sha256=image,
        mask_sha256=MASK,
        verdict=QaVerdict.PASS,
        reasons=(),
        comment="",
    )


def amending_room() -> Room:
    room = double_read(10.0, 11.0)
    return with_event(room, "ada", AmendmentStarted(read_id=ada(room), reason="missed a part"))


ADDED = UserAdded(name="eve", role=Role.READER, public_key_hex=KEY)
Refused = tuple[Refusal, Callable[[], Room], str, Callable[[Room], Event]]
REFUSED: tuple[Refused, ...] = (
    (Refusal.UNKNOWN_USER, staffed_room, "eve", lambda _: ADDED),
    (
        Refusal.UNKNOWN_USER,
        staffed_room,
        "mia",
        lambda _: UserDisabled(name="eve", reason="left the lab"),
    ),
    (
        Refusal.DISABLED_USER,
        lambda: with_event(opened_room(), "mia", UserDisabled(name="ada", reason="left")),
        "ada",
        lambda room: ReadOpened(read_id=ada(room)),
    ),
    (Refusal.WRONG_ROLE, staffed_room, "quinn", lambda _: ADDED),
    (Refusal.WRONG_ROLE, ready_room, "ada", lambda _: assignment("ada")),
    (Refusal.FIRST_USER, Room, "eve", lambda _: ADDED),
    (Refusal.FIRST_USER, Room, "mia", lambda _: replace(ADDED, role=Role.DATA_MANAGER)),
    (Refusal.NAME_TAKEN, staffed_room, "mia", lambda _: replace(ADDED, name="ada")),
    (
        Refusal.LAST_MANAGER,
        staffed_room,
        "mia",
        lambda _: UserDisabled(name="mia", reason="left the lab"),
    ),
    (
        Refusal.RULES_ABSENT,
        lambda: with_event(staffed_room(), "mia", offer()),
        "mia",
        lambda _: assignment("ada"),
    ),
    (
        Refusal.STILL_READS,
        amending_room,
        "mia",
        lambda room: AmendmentEnded(read_id=ada(room), reason="its reader left"),
    ),
    (Refusal.NOT_LOCKED, ready_room, "mia", lambda _: EXAMPLES["unlock_asked"]),
    (Refusal.NOT_LOCKED, ready_room, "mia", lambda _: EXAMPLES["data_unlocked"]),
    (Refusal.NOT_ASKED, locked_room, "quinn", lambda _: EXAMPLES["data_unlocked"]),
    (
        Refusal.SAME_PERSON,
        lambda: with_event(locked_room(), "mia", EXAMPLES["unlock_asked"]),
        "mia",
        lambda _: EXAMPLES["data_unlocked"],
    ),
    (Refusal.RULES_FROZEN, opened_room, "mia", lambda _: replace(RULES, discrepancy_ml=50.0)),
    (Refusal.RULES_FROZEN, opened_room, "mia", lambda _: replace(RULES, readers=1)),
    (
        Refusal.ORDER_ABSENT,
        lambda: with_events(staffed_room(), "mia", RULES, offer()),
        "mia",
        lambda _: assignment("ada"),
    ),
    (Refusal.ORDER_COMMITTED, ready_room, "mia", lambda _: OrderCommitted(seed_sha256=KEY)),
    (Refusal.UNKNOWN_CASE, ready_room, "mia", lambda _: assignment("ada", case=OTHER_CASE)),
    (Refusal.SAME_CASE, ready_room, "mia", lambda _: offer()),
    (
        Refusal.CASE_EXCLUDED,
        lambda: with_event(ready_room(), "mia", EXAMPLES["case_excluded"]),
        "mia",
        lambda _: assignment("ada"),
    ),
    (
        Refusal.CASE_EXCLUDED,
        lambda: with_event(ready_room(), "mia", EXAMPLES["case_excluded"]),
        "mia",
        lambda _: CaseExcluded(**KEYS, reason="once more"),
    ),
    (Refusal.IMAGE_CHANGED, ready_room, "mia", lambda _: assignment("ada", image="e" * 64)),
    (Refusal.IMAGE_CHANGED, ready_room, "quinn", lambda _: verdict("e" * 64)),
    (
        Refusal.IMAGE_CHANGED,
        ready_room,
        "mia",
        lambda _: CaseReleased(**KEYS, image_sha256="e" * 64),
    ),
    (
        Refusal.IMAGE_CHANGED,
        lambda: moved_on(opened_room()),
        "ada",
        lambda room: ReadOpened(read_id=ada(room)),
    ),
    (
        Refusal.IMAGE_CHANGED,
        lambda: moved_on(drafted_room()),
        "ada",
        lambda room: DraftSaved(read_id=ada(room), edition=2, mask_sha256=MASK),
    ),
    (
        Refusal.IMAGE_CHANGED,
        lambda: moved_on(double_read(10.0, 11.0)),
        "ada",
        lambda room: AmendmentStarted(read_id=ada(room), reason="missed a part"),
    ),
    (
        Refusal.IMAGE_CHANGED,
        lambda: moved_on(drafted_room()),
        "ada",
        lambda room: signing(read_of(room, "ada"), 1.0),
    ),
    (
        Refusal.IMAGE_CHANGED,
        drafted_room,
        "ada",
        lambda room: replace(signing(read_of(room, "ada"), 1.0), image_sha256="e" * 64),
    ),
    (Refusal.NOT_RELEASED, lambda: ready_room(RELEASING), "mia", lambda _: assignment("ada")),
    (Refusal.NOT_A_READER, ready_room, "mia", lambda _: assignment("cleo")),
    (Refusal.NOT_A_READER, ready_room, "mia", lambda _: assignment("quinn")),
    (
        Refusal.ID_TAKEN,
        opened_room,
        "mia",
        lambda room: replace(assignment("ada", 2), read_id=ada(room)),
    ),
    (Refusal.ID_TAKEN, asked_room, "quinn", lambda _: EXAMPLES["query_opened"]),
    (Refusal.NUMBER_SKIPPED, ready_room, "mia", lambda _: assignment("ada", 2)),
    (Refusal.NUMBER_SKIPPED, opened_room, "mia", lambda _: _numbered_again()),
    (Refusal.READ_ALREADY, opened_room, "mia", lambda _: assignment("ada", 2)),
    (
        Refusal.JUDGED_ALREADY,
        lambda: with_event(
            double_read(10.0, 20.0), "mia", replace(RULES, names=("ada", "ben", "cleo"))
        ),
        "mia",
        lambda _: assignment("cleo"),
    ),
    (
        Refusal.ENOUGH_READS,
        lambda: with_event(opened_room(), "mia", replace(RULES, names=("ada", "ben", "dora"))),
        "mia",
        lambda _: assignment("dora"),
    ),
    (
        Refusal.NOTHING_TO_REPEAT,
        ready_room,
        "mia",
        lambda _: assignment("ada", purpose=Purpose.REPEAT),
    ),
    (
        Refusal.NOT_CALLED_FOR,
        lambda: double_read(10.0, 11.0),
        "mia",
        lambda _: assignment("cleo", purpose=Purpose.ADJUDICATION),
    ),
    (
        Refusal.NOT_CALLED_FOR,
        opened_room,
        "ben",
        lambda room: ReadSuperseded(read_id=ada(room), reason="I want it so"),
    ),
    (Refusal.UNKNOWN_READ, ready_room, "ada", lambda _: ReadOpened(read_id="0" * 16)),
    (
        Refusal.UNKNOWN_READ,
        ready_room,
        "mia",
        lambda _: ReadSuperseded(read_id="0" * 16, reason="image changed"),
    ),
    (Refusal.NOT_THEIR_READ, opened_room, "ben", lambda room: ReadOpened(read_id=ada(room))),
    (
        Refusal.NOT_THEIR_READ,
        drafted_room,
        "ben",
        lambda room: signing(read_of(room, "ada"), 1.0),
    ),
    (
        Refusal.NOT_NEXT,
        with_second_assigned,
        "ada",
        lambda room: ReadOpened(read_id=room.worklist("ada")[1].read_id),
    ),
    (
        Refusal.WRONG_STATE,
        lambda: double_read(10.0, 11.0),
        "ada",
        lambda room: signing(read_of(room, "ada"), 1.0),
    ),
    (
        Refusal.WRONG_STATE,
        lambda: double_read(10.0, 11.0),
        "ada",
        lambda room: DraftSaved(read_id=ada(room), edition=2, mask_sha256=MASK),
    ),
    (
        Refusal.STALE_EDITION,
        drafted_room,
        "ada",
        lambda room: DraftSaved(read_id=ada(room), edition=1, mask_sha256=MASK),
    ),
    (
        Refusal.STALE_EDITION,
        drafted_room,
        "ada",
        lambda room: replace(signing(read_of(room, "ada"), 1.0), edition=0),
    ),
    (
        Refusal.STALE_VERSION,
        drafted_room,
        "ada",
        lambda room: replace(signing(read_of(room, "ada"), 1.0), version=2),
    ),
    (
        Refusal.OTHER_MASK,
        drafted_room,
        "ada",
        lambda room: replace(signing(read_of(room, "ada"), 1.0), mask_sha256="c" * 64),
    ),
    (
        Refusal.UNSOUND_RESULT,
        drafted_room,
        "ada",
        lambda room: replace(signing(read_of(room, "ada"), 0.0), result=Result.INFARCT),
    ),
    (
        Refusal.UNSOUND_RESULT,
        drafted_room,
        "ada",
        lambda room: replace(signing(read_of(room, "ada"), 1.0), n_components=None),
    ),
    (
        Refusal.ADJUDICATED,
        adjudicated_room,
        "ada",
        lambda room: AmendmentStarted(read_id=ada(room), reason="on second thought"),
    ),
    (
        Refusal.UNKNOWN_MASK,
        lambda: double_read(10.0, 11.0),
        "ada",
        lambda _: PairCompared(first_mask_sha256="c" * 64, second_mask_sha256=MASK, dice=0.5),
    ),
    (
        Refusal.COMPARED_ALREADY,
        lambda: double_read(10.0, 11.0),
        "ada",
        lambda room: _comparison(room, dice=0.1),
    ),
    (
        Refusal.UNKNOWN_QUERY,
        ready_room,
        "mia",
        lambda _: QueryAnswered(query_id=QUERY_ID, text="It is."),
    ),
    (Refusal.ANSWERED_ALREADY, asked_room, "mia", lambda _: EXAMPLES["query_answered"]),
)


def _numbered_again() -> Event:
    return replace(assignment("ada", purpose=Purpose.REPEAT), read_id=sha("new")[:16])


def _comparison(room: Room, *, dice: float) -> PairCompared:
    first, second = (read_of(room, name).standing for name in ("ada", "ben"))
    assert first
    assert second
    return PairCompared(
        first_mask_sha256=first.mask_sha256 or "",
        second_mask_sha256=second.mask_sha256 or "",
        dice=dice,
    )


@pytest.mark.parametrize(
    ("refusal", "make_room", "author", "make_event"),
    REFUSED,
    ids=[f"{number}-{row[0]}" for number, row in enumerate(REFUSED)],
)
def test_what_the_rules_do_not_allow_is_refused_by_name(
    refusal: Refusal,
    make_room: Callable[[], Room],
    author: str,
    make_event: Callable[[Room], Event],
) -> None:
    room = make_room()
    with pytest.raises(RefusedError) as caught:
        with_event(room, author, make_event(room))
    assert caught.value.refusal is refusal
    assert caught.value.message


def test_every_refusal_can_be_provoked() -> None:
    assert {row[0] for row in REFUSED} == set(Refusal)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PEOPLE)
def test_nobody_does_what_is_not_of_their_role(name: str, kind: str) -> None:
    room = staffed_room()
    try:
        with_event(room, name, EXAMPLES[kind])
    except RefusedError as error:
        is_role = error.refusal is Refusal.WRONG_ROLE
    else:
        is_role = False
    assert is_role is (PEOPLE[name] not in ROLES[KINDS[kind]])


def test_a_statistician_writes_nothing() -> None:
    assert not any(Role.STATISTICIAN in allowed for allowed in ROLES.values())


def test_every_kind_says_who_may_write_it() -> None:
    assert {event.kind for event in ROLES} == set(KINDS)


def test_people_may_change_after_reads_were_opened_and_numbers_may_not() -> None:
    room = opened_room()
    people = replace(RULES, names=("ada", "ben", "dora"), adjudicators=(), needs_release=True)
    assert with_event(room, "mia", people).rules == people


def test_an_event_with_a_field_that_does_not_fit_is_not_taken() -> None:
    with pytest.raises(LedgerError, match="user_added does not fit: name"):
        with_event(staffed_room(), "mia", replace(ADDED, name="Eve; DROP TABLE"))


def test_accepting_the_mask_that_a_read_began_with_is_a_read_too() -> None:
    room = opened_room()
    read = read_of(room, "ada")
    room = with_event(room, "ada", signing(read, 12.0, mask=MASK))
    signed = read_of(room, "ada").standing
    assert signed
    assert (signed.edition, signed.mask_sha256) == (0, MASK)


def test_a_signed_read_is_never_overwritten() -> None:
    room = double_read(10.0, 11.0)
    first = read_of(room, "ada").standing
    room = with_event(room, "ada", AmendmentStarted(read_id=ada(room), reason="missed a part"))
    room = with_event(room, "ada", DraftSaved(read_id=ada(room), edition=2, mask_sha256="c" * 64))
    room = with_event(room, "ada", signing(read_of(room, "ada"), 14.0))
    versions = [signature.signed for signature in read_of(room, "ada").signatures]
    assert versions[0] == first
    assert [(v.version, v.infarct_volume_ml) for v in versions] == [(1, 10.0), (2, 14.0)]
    assert read_of(room, "ada").reasons == ("missed a part",)


def test_a_repeat_cannot_be_seen_before_its_first_read_is_signed() -> None:
    room = with_event(opened_room(), "mia", assignment("ada", 2, purpose=Purpose.REPEAT))
    repeat = room.worklist("ada")[1]
    assert not room.may_open(repeat)
    room = read_through(room, room.worklist("ada")[0], 10.0)
    assert room.may_open(repeat)


def test_a_begun_read_of_an_excluded_case_holds_up_no_other() -> None:
    room = with_second_assigned()
    first, second = room.worklist("ada")
    room = with_event(room, "ada", ReadOpened(read_id=first.read_id))
    assert not room.may_open(second)
    room = with_event(room, "mia", CaseExcluded(**KEYS, reason="consent withdrawn"))
    assert room.may_open(second)


def test_a_case_offered_anew_keeps_no_read_of_its_old_image() -> None:
    room = moved_on(double_read(10.0, 11.0))
    assert room.reads_of_case(CASE) == ()


def test_offering_a_case_again_with_another_mask_keeps_its_reads() -> None:
    room = double_read(10.0, 11.0)
    changed: CaseOffered = offer(mask="c" * 64)
    assert len(with_event(room, "mia", changed).reads_of_case(CASE)) == 2
