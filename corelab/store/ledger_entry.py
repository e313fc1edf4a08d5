"""One entry of the ledger: what happened, who says so, and what it follows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from corelab.errors import StoreError
from corelab.store.files import Json

START = bytes(32)
"""What the first entry follows."""


class OwnKind(StrEnum):
    """Kinds of entries that the ledger itself goes by; all others it only keeps."""

    USER_ADDED = "user_added"
    USER_DISABLED = "user_disabled"
    DRAFT_SAVED = "draft_saved"
    READ_SIGNED = "read_signed"
    UNLOCK_ASKED = "unlock_asked"
    DATA_UNLOCKED = "data_unlocked"


KINDS_WITH_MASK = frozenset({OwnKind.DRAFT_SAVED.value, OwnKind.READ_SIGNED.value})
"""Entries whose ``mask_sha256``, where it is not null, names a mask that the ledger keeps."""


KINDS_OF_A_LOCKED_OUT = frozenset({OwnKind.UNLOCK_ASKED.value, OwnKind.DATA_UNLOCKED.value})
"""The only entries that a locked OUT takes: those that lift its lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as it was written; ``digest`` covers all before it but not ``signature``."""

    sequence: int
    at_utc: str
    author: str
    kind: str
    payload: dict[str, Json]
    previous: bytes
    digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """End of a chain: its last entry's sequence and digest; 0 and zeros of an empty one."""

    sequence: int = 0
    digest: bytes = START

    def __str__(self) -> str:
        """One word, to be noted elsewhere and compared later."""
        return f"{self.sequence}:{self.digest.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an entry's digest is of, its payload as the text that is stored."""

    at_utc: str
    author: str
    kind: str
    payload_text: str

    def digest(self, sequence: int, previous: bytes) -> bytes:
        """SHA-256 of this content at one place of the chain."""
        record = [
            sequence,
            self.at_utc,
            self.author,
            self.kind,
            self.payload_text,
            previous.hex(),
        ]
        return hashlib.sha256(json.dumps(record).encode("ascii")).digest()


def text_of(payload: Mapping[str, Json]) -> str:
    """Canonical JSON of a payload: keys sorted, no spaces.

    Raises
    ------
    StoreError
        When a text in it cannot be written as UTF-8.
    """
    text = json.dumps(
        payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            "the ledger takes texts of whole characters only: half of one was found, expected UTF-8"
        ) from error
    return text


def payload_of(text: str) -> dict[str, Json]:
    """Payload of a stored text.

    Raises
    ------
    ValueError
        When it is no JSON object.
    """
    payload: Json = json.loads(text)
    if not isinstance(payload, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - as json.loads says of any other text
    return payload
