"""What can happen in the reading room: one frozen record a kind, to JSON and back.

Who did it and when stand in the entry of the ledger that holds the event. An event is codes,
numbers and hashes; the only free texts are ``comment``, ``reason`` and ``text``, which no
reader is ever shown but the one who wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, ClassVar, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from corelab.errors import LedgerError
from corelab.reading.result import Result, Unassessable
from corelab.reading.roles import Role
from corelab.trial import Agreeing, AutomaticVolume, Label, NotNegative, Share, UserName
from corelab.vocab import (
    Case,
    Hemisphere,
    Modality,
    QaConfidence,
    QaVerdict,
    SubjectCode,
    VisitLabel,
)

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

LONGEST_TEXT = 1000
_PLAIN = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{2,16}$")]
CodedReason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Ordinal = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT, pattern=_PLAIN)]
Reason = Annotated[str, Field(min_length=3, max_length=LONGEST_TEXT, pattern=_PLAIN)]
ShortText = Annotated[str, Field(max_length=200, pattern=_PLAIN)]


class Purpose(StrEnum):
    """Why a read was assigned."""

    INDEPENDENT = "independent"
    REPEAT = "repeat"
    ADJUDICATION = "adjudication"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    kind: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CaseEvent(_Event):
    subject_code: Code
    visit: Label

    @property
    def case(self) -> Case:
        """The case that it is of."""
        return Case(SubjectCode(self.subject_code), VisitLabel(self.visit))


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAdded(_Event):
    """A person may use the reading room, in one role; the key proves what they write."""

    kind: ClassVar[str] = "user_added"
    name: UserName
    role: Role
    public_key_hex: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDisabled(_Event):
    """A person may write nothing any more; what they wrote stays."""

    kind: ClassVar[str] = "user_disabled"
    name: UserName
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSet(_Event):
    """The trial's rules of reads, as its file says them."""

    kind: ClassVar[str] = "rules_set"
    trial_id: ShortText
    config_digest: ShortText
    readers: Ordinal
    names: tuple[UserName, ...]
    adjudicators: tuple[UserName, ...]
    repeat_share: Share
    discrepancy_ml: NotNegative
    discrepancy_share: Share
    discrepancy_dice: Share
    discrepancy_dice_above_ml: NotNegative
    agreeing: Agreeing
    automatic_volume: AutomaticVolume
    needs_release: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCommitted(_Event):
    """The secret seed of every order, bound by its hash before the first read."""

    kind: ClassVar[str] = "order_committed"
    seed_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOffered(_CaseEvent):
    """A case is there to be read; offered again where its image has changed.

    The hashes are those of the measured image's and the automatic mask's files under OUT.
    """

    kind: ClassVar[str] = "case_offered"
    image_sha256: Sha256
    mask_sha256: Sha256
    modality: Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAssigned(_CaseEvent):
    """A person is to read a case, as the ``number``-th of their reads or adjudications."""

    kind: ClassVar[str] = "read_assigned"
    read_id: Id
    reader: UserName
    number: Ordinal
    image_sha256: Sha256
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOpened(_Event):
    """The reader looks at the images."""

    kind: ClassVar[str] = "read_opened"
    read_id: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSaved(_Event):
    """The reader's mask was saved; ``edition`` counts the saves of a read from 1."""

    kind: ClassVar[str] = "draft_saved"
    read_id: Id
    edition: Ordinal
    mask_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSigned(_Event):
    """The reader stands by a version of a read.

    ``edition`` is that of the draft that was signed, 0 for the mask that the read began with.
    ``mask_sha256`` is of the mask's raw labels, ``image_sha256`` as the case was offered.
    Without a mask (not assessable) there are no numbers.
    """

    kind: ClassVar[str] = "read_signed"
    read_id: Id
    version: Ordinal
    edition: Count
    result: Result
    reasons: tuple[Unassessable, ...]
    comment: Text
    mask_sha256: Sha256 | None
    image_sha256: Sha256
    infarct_volume_ml: NotNegative | None
    haemorrhage_in_infarct_ml: NotNegative | None
    n_components: Count | None
    hemisphere: Hemisphere | None
    software_version: ShortText
    meaning: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentStarted(_Event):
    """The reader takes a signed read up again; the signed version stays as it is."""

    kind: ClassVar[str] = "amendment_started"
    read_id: Id
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentEnded(_Event):
    """Nobody is there to sign an amendment any more: the version that was signed last stands."""

    kind: ClassVar[str] = "amendment_ended"
    read_id: Id
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSuperseded(_Event):
    """A read counts no more."""

    kind: ClassVar[str] = "read_superseded"
    read_id: Id
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCompared(_Event):
    """How far two signed masks overlap: 2 x common voxels over the voxels of both.

    A fact of two masks, which the ledger keeps: whoever has them can compute it again.
    """

    kind: ClassVar[str] = "pair_compared"
    first_mask_sha256: Sha256
    second_mask_sha256: Sha256
    dice: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class QaVerdictGiven(_CaseEvent):
    """A QA reviewer rated a scan and its automatic mask; a later verdict of theirs replaces it.

    ``viewed_s`` is how long the case was on the screen before; entries of before have neither that
    nor a confidence.
    """

    kind: ClassVar[str] = "qa_verdict_given"
    image_sha256: Sha256
    mask_sha256: Sha256
    verdict: QaVerdict
    reasons: tuple[CodedReason, ...]
    comment: Text
    viewed_s: Count | None = None
    confidence: QaConfidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOpened(_CaseEvent):
    """Something must be answered before the case may count."""

    kind: ClassVar[str] = "query_opened"
    query_id: Id
    text: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswered(_Event):
    """The answer to a query."""

    kind: ClassVar[str] = "query_answered"
    query_id: Id
    text: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReleased(_CaseEvent):
    """A person looked at the images: nothing in them tells who the patient is."""

    kind: ClassVar[str] = "case_released"
    image_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseExcluded(_CaseEvent):
    """The case does not count, whatever is read."""

    kind: ClassVar[str] = "case_excluded"
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLocked(_Event):
    """The data are final as the manifest of this digest holds them."""

    kind: ClassVar[str] = "data_locked"
    lock_id: Id
    manifest_sha256: Sha256
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockAsked(_Event):
    """Somebody asks for the lock to be lifted, and says why."""

    kind: ClassVar[str] = "unlock_asked"
    lock_id: Id
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUnlocked(_Event):
    """A second person, of another role, agrees: the lock is lifted."""

    kind: ClassVar[str] = "data_unlocked"
    lock_id: Id


Event = (
    UserAdded
    | UserDisabled
    | RulesSet
    | OrderCommitted
    | CaseOffered
    | ReadAssigned
    | ReadOpened
    | DraftSaved
    | ReadSigned
    | AmendmentStarted
    | AmendmentEnded
    | ReadSuperseded
    | PairCompared
    | QaVerdictGiven
    | QueryOpened
    | QueryAnswered
    | CaseReleased
    | CaseExcluded
    | DataLocked
    | UnlockAsked
    | DataUnlocked
)
KINDS: dict[str, type[Event]] = {event.kind: event for event in get_args(Event)}


def event_to_json(event: Event) -> dict[str, Json]:
    """Fields of an event as JSON has them."""
    dumped: dict[str, Json] = _adapter(event.kind).dump_python(event, mode="json")
    return dumped


def event_from_json(kind: str, payload: Mapping[str, Json]) -> Event:
    """Event of a kind, out of its fields.

    Raises
    ------
    LedgerError
        On an unknown kind, an unknown or absent field, or a value that does not fit.
    """
    if kind not in KINDS:
        raise LedgerError(f"found the event '{kind}', expected one of {', '.join(sorted(KINDS))}")
    try:
        return _adapter(kind).validate_json(json.dumps(dict(payload)), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "event"
        raise LedgerError(f"{kind} does not fit: {place}: {first['msg']}") from None


@cache
def _adapter(kind: str) -> TypeAdapter[Event]:
    return TypeAdapter(KINDS[kind])
