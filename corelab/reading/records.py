"""What the room knows of people, cases, reads, verdicts and queries: each a fold of events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from corelab.reading.event import Purpose, QaVerdictGiven, QueryAnswered, QueryOpened, ReadSigned
from corelab.reading.lifecycle import ReadState
from corelab.reading.roles import Role
from corelab.vocab import Case, Modality


class ReadKind(StrEnum):
    """What a reader knows of a read's purpose: a repeat is a read like any other."""

    READ = "read"
    ADJUDICATION = "adjudication"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person of the reading room."""

    name: str
    role: Role
    public_key_hex: str
    is_enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedCase:
    """A case as it was last offered: the image that counts, and the mask that reads begin with."""

    case: Case
    image_sha256: str
    mask_sha256: str
    modality: Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signed version of a read, and when it was signed."""

    at_utc: str
    signed: ReadSigned


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanRead:
    """One person's read of one case, with every version that was signed.

    ``edition`` counts the drafts saved, all versions together; ``draft_mask_sha256`` is the mask
    of the last one, ``first_mask_sha256`` the file of the one that stood there when it was last
    opened. ``reasons`` are those of its amendments and of its end, in order.
    """

    read_id: str
    reader: str
    number: int
    case: Case
    image_sha256: str
    purpose: Purpose
    state: ReadState = ReadState.ASSIGNED
    edition: int = 0
    first_mask_sha256: str | None = None
    draft_mask_sha256: str | None = None
    signatures: tuple[Signature, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def kind(self) -> ReadKind:
        """What the reader may know of its purpose."""
        is_third = self.purpose is Purpose.ADJUDICATION
        return ReadKind.ADJUDICATION if is_third else ReadKind.READ

    @property
    def is_live(self) -> bool:
        """Whether it was not superseded."""
        return self.state is not ReadState.SUPERSEDED

    @property
    def standing(self) -> ReadSigned | None:
        """The signed version that counts; ``None`` while unsigned, being amended or superseded."""
        return self.signatures[-1].signed if self.state is ReadState.SIGNED else None

    @property
    def own_mask_sha256(self) -> str | None:
        """Mask that its reader saved or signed last; ``None`` while it shows what it began with."""
        signed = self.signatures[-1].signed.mask_sha256 if self.signatures else None
        return self.draft_mask_sha256 or signed

    @property
    def version(self) -> int:
        """Number of the last signed version, 0 before the first."""
        return len(self.signatures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One verdict of a QA reviewer."""

    rater: str
    at_utc: str
    given: QaVerdictGiven


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a query, by whom and when."""

    author: str
    at_utc: str
    answered: QueryAnswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question about a case, open until it is answered."""

    author: str
    at_utc: str
    opened: QueryOpened
    answer: Answer | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered yet."""
        return self.answer is None
