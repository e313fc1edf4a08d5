"""Whether a ledger is as it was written, and which entry is the first that is not.

The chain shows every change, also by whoever may write the file, as long as they have no key of
its users. It cannot show that its end was cut off, or that all of it was written anew with other
keys: that takes a head that was noted elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.files import Json
from corelab.store.ledger_entry import Content, Head, OwnKind, payload_of
from corelab.store.ledger_file import LedgerFile, Rows, open_to_read
from corelab.store.ledger_keys import Keyring
from corelab.store.ledger_mask import name_of
from corelab.store.signing import is_signed

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_COLUMNS = "sequence, at_utc, author, kind, payload, previous, digest, signature"


class Tampering(StrEnum):
    """What is wrong with an entry."""

    EDITED = "edited"
    REMOVED = "removed"
    REORDERED = "reordered"
    UNSIGNED = "unsigned"
    UNKNOWN_AUTHOR = "unknown_author"
    MASK_MISSING = "mask_missing"
    MASK_ALTERED = "mask_altered"
    NOT_AS_NOTED = "not_as_noted"


_SAID = {
    Tampering.EDITED: "is not as it was written",
    Tampering.REMOVED: "is gone",
    Tampering.REORDERED: "does not stand where it was written",
    Tampering.UNSIGNED: "is not signed by its author",
    Tampering.UNKNOWN_AUTHOR: "is by somebody who may not write it",
    Tampering.MASK_MISSING: "names a mask that is gone",
    Tampering.MASK_ALTERED: "names a mask that is not as it was written",
    Tampering.NOT_AS_NOTED: "is not the one that was noted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first entry that is not as it was written."""

    sequence: int
    tampering: Tampering

    def __str__(self) -> str:
        """One line for people."""
        return f"entry {self.sequence} {_SAID[self.tampering]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check found.

    ``head`` is the last entry before the fault, or the last of all. ``set_back`` are entries whose
    time is before that of the one before: a clock was set, which is no fault.
    """

    head: Head
    fault: Fault | None
    set_back: tuple[int, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every entry is as it was written."""
        return self.fault is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An entry as it stands in the file, whatever that is."""

    sequence: int
    content: Content
    previous: bytes
    digest: bytes
    signature: bytes

    def payload_of(self, kind: OwnKind) -> dict[str, Json] | None:
        """Payload of an entry of this kind; ``None`` for any other."""
        return payload_of(self.content.payload_text) if self.content.kind == kind else None

    def is_written_as(self, sequence: int) -> bool:
        """Whether its digest is of what it says, at this place of the chain."""
        return self.content.digest(sequence, self.previous) == self.digest


def head_from(text: str) -> Head:
    """Head as :class:`Head` writes it.

    Raises
    ------
    StoreError
        When it is none.
    """
    match = _HEAD.fullmatch(text.strip())
    if not match:
        raise StoreError(
            "the expected head is not one: expected SEQUENCE:DIGEST as corelab ledger head says it"
        )
    return Head(sequence=int(match[1]), digest=bytes.fromhex(match[2]))


def verify(path: Path, expected: Head | None = None) -> Verdict:
    """Check every entry of a ledger: place, digest, author, signature and mask.

    Parameters
    ----------
    path
        The ledger; it is not changed.
    expected
        Head that was noted before: what it stands for must all be there still.

    Raises
    ------
    StoreError
        When the file cannot be read as a ledger.
    """
    file = open_to_read(path)
    try:
        verdict = _checked(file, expected)
        if verdict.is_sound:
            file.check_whole()
    finally:
        file.close()
    return verdict


def _checked(file: LedgerFile, expected: Head | None) -> Verdict:
    with file.reading() as rows:
        found = list(_rows(rows))
        head, broken = _chain(found)
        faults = [fault for fault in (broken, _missing(found, expected)) if fault]
        needed = _signed_masks(found[: head.sequence])
        if not faults:  # which draft is the last of its read is not known otherwise
            needed += _draft_masks(found)
        faults += _faults_of_masks(rows, needed)
    first = min(faults, key=lambda fault: fault.sequence, default=None)
    if first and first.sequence <= head.sequence:
        head = _head_at(found, first.sequence - 1)
    return Verdict(head=head, fault=first, set_back=_set_back(found[: head.sequence]))


def _rows(rows: Rows) -> Iterator[_Row]:
    # Bytes that are no text must show as a changed entry, not as an error.
    rows.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    for sequence, *values in rows.execute(
        f"SELECT {_COLUMNS} FROM entry ORDER BY sequence"  # noqa: S608 - our own columns
    ):
        at_utc, author, kind, text = map(_text, values[:4])
        previous, digest, signature = map(_bytes, values[4:])
        yield _Row(
            sequence=sequence,
            content=Content(at_utc=at_utc, author=author, kind=kind, payload_text=text),
            previous=previous,
            digest=digest,
            signature=signature,
        )


def _text(value: object) -> str:
    """Text of a column of texts; what a damaged file has in its place says so."""
    return value if isinstance(value, str) else f"no text: {value!r}"


def _bytes(value: object) -> bytes:
    """Bytes of a column of hexadecimal texts; none where it holds no text as we write it."""
    try:
        content = bytes.fromhex(str(value))
    except ValueError:
        return b""
    return content if content.hex() == value else b""


def _chain(found: Sequence[_Row]) -> tuple[Head, Fault | None]:
    """Last sound head from the start on, and what is wrong with the entry behind it."""
    head, keyring = Head(), Keyring()
    for row in found:
        tampering = _misplaced(row, head, found) or _unauthored(row, keyring)
        if tampering:
            return head, Fault(sequence=head.sequence + 1, tampering=tampering)
        keyring = keyring.after(row.content.kind, payload_of(row.content.payload_text))
        head = Head(sequence=row.sequence, digest=row.digest)
    return head, None


def _misplaced(row: _Row, head: Head, found: Sequence[_Row]) -> Tampering | None:
    """Tell what is wrong with the entry behind a head, by its place and its digest."""
    place = head.sequence + 1
    is_here = row.sequence == place
    if is_here and row.is_written_as(place):
        return None if row.previous == head.digest else Tampering.REORDERED
    if any(other.previous == head.digest and other.is_written_as(place) for other in found):
        return Tampering.REORDERED
    is_another = any(row.is_written_as(number) for number in range(1, found[-1].sequence + 2))
    return Tampering.REMOVED if not is_here or is_another else Tampering.EDITED


def _unauthored(row: _Row, keyring: Keyring) -> Tampering | None:
    """Tell what is wrong with an entry by its author and its signature."""
    kind = row.content.kind
    try:
        payload = payload_of(row.content.payload_text)
        key = keyring.key_of(row.content.author, kind, payload)
        keyring.after(kind, payload)
    except (StoreError, ValueError):
        return Tampering.UNKNOWN_AUTHOR
    return None if is_signed(row.digest, row.signature, key) else Tampering.UNSIGNED


def _missing(found: Sequence[_Row], expected: Head | None) -> Fault | None:
    """Fault of a ledger that does not hold what a head stands for."""
    if expected is None or expected.sequence == 0:
        return None
    last = found[-1].sequence if found else 0
    if last < expected.sequence:
        return Fault(sequence=last + 1, tampering=Tampering.REMOVED)
    is_there = any(
        row.sequence == expected.sequence and row.digest == expected.digest for row in found
    )
    if is_there:
        return None
    return Fault(sequence=expected.sequence, tampering=Tampering.NOT_AS_NOTED)


def _faults_of_masks(rows: Rows, needed: Iterable[tuple[int, str]]) -> Iterator[Fault]:
    known: dict[str, Tampering | None] = {}
    for sequence, name in needed:
        if name not in known:
            known[name] = _fault_of(rows, name)
        tampering = known[name]
        if tampering:
            yield Fault(sequence=sequence, tampering=tampering)


def _signed_masks(sound: Sequence[_Row]) -> list[tuple[int, str]]:
    """Mask of every signature that has one, with the entry that names it."""
    payloads = ((row.sequence, row.payload_of(OwnKind.READ_SIGNED)) for row in sound)
    return [(at, str(p["mask_sha256"])) for at, p in payloads if p and p.get("mask_sha256")]


def _draft_masks(sound: Sequence[_Row]) -> list[tuple[int, str]]:
    """Mask of the last draft of every read, with the entry that names it."""
    payloads = ((row.sequence, row.payload_of(OwnKind.DRAFT_SAVED)) for row in sound)
    last = {str(p.get("read_id")): (at, p.get("mask_sha256")) for at, p in payloads if p}
    return [(at, str(name)) for at, name in last.values() if name]


def _fault_of(rows: Rows, name: str) -> Tampering | None:
    row = rows.execute("SELECT content FROM mask WHERE sha256 = ?", (name,)).fetchone()
    if row is None:
        return Tampering.MASK_MISSING
    is_whole = isinstance(row[0], bytes) and name_of(row[0]) == name
    return None if is_whole else Tampering.MASK_ALTERED


def _head_at(found: Sequence[_Row], sequence: int) -> Head:
    if sequence == 0:
        return Head()
    return Head(sequence=sequence, digest=found[sequence - 1].digest)


def _set_back(sound: Sequence[_Row]) -> tuple[int, ...]:
    return tuple(
        after.sequence for before, after in pairwise(sound) if _time_of(after) < _time_of(before)
    )


def _time_of(row: _Row) -> datetime:
    return datetime.fromisoformat(row.content.at_utc)
