"""The ledger: every event of the reading room, added and never changed.

One SQLite file. Each entry holds the digest of the one before it and its author's signature, so
that what was changed behind SQLite's back shows (:mod:`corelab.store.ledger_check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from corelab.errors import StoreError
from corelab.store.files import Json
from corelab.store.ledger_entry import (
    KINDS_OF_A_LOCKED_OUT,
    KINDS_WITH_MASK,
    Content,
    Entry,
    Head,
    OwnKind,
    payload_of,
    text_of,
)
from corelab.store.ledger_file import LedgerFile, Rows, create_file, open_file, open_to_read
from corelab.store.ledger_keys import Keyring
from corelab.store.ledger_mask import name_of
from corelab.store.signing import Signer

__all__ = [
    "Entry",
    "Head",
    "Ledger",
    "MaskGoneError",
    "Signer",
    "StaleError",
    "create_ledger",
    "open_ledger",
    "read_ledger",
]

_NO_BLOBS: Mapping[str, bytes] = MappingProxyType({})
_ALL = (
    "SELECT sequence, at_utc, author, kind, payload, previous, digest, signature FROM entry"
    " WHERE sequence > ? ORDER BY sequence"
)


class StaleError(StoreError):
    """Somebody else was quicker: the ledger has entries that the writer has not seen."""


class MaskGoneError(StoreError):
    """A mask is not there: a later draft of its read replaced it."""


class Ledger:
    """An open ledger, fit for several threads; make one with :func:`open_ledger`.

    Parameters
    ----------
    file
        The file under it.
    """

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._file.path

    def entries(self, after: int = 0) -> list[Entry]:
        """Every entry behind a sequence, in order.

        Raises
        ------
        StoreError
            When the file cannot be read.
        """
        with self._file.reading() as rows:
            return [_entry_of(*row) for row in rows.execute(_ALL, (after,))]

    def head(self) -> Head:
        """Return the end of the chain as it is now."""
        with self._file.reading() as rows:
            return head_of(rows)

    def append(
        self,
        signer: Signer,
        kind: str,
        payload: Mapping[str, Json],
        *,
        after: int,
        blobs: Mapping[str, bytes] = _NO_BLOBS,
        drop: Sequence[str] = (),
    ) -> Entry:
        """Add an entry with its mask, on the disk when this returns.

        Parameters
        ----------
        signer
            Its author.
        kind, payload
            What happened.
        after
            Sequence of the last entry that the author knows.
        blobs
            Packed masks by name; none but the payload's ``mask_sha256``.
        drop
            Names of masks of former drafts of the same read, which this draft replaces. One that
            any signature or any other read names as well stays.

        Raises
        ------
        StaleError
            When there are entries behind ``after``: nothing was written; read them, decide again.
        StoreError
            When the author may not write it, a mask is not what its name says or is absent, or
            the file cannot be written.
        """
        is_of_lock = kind in KINDS_OF_A_LOCKED_OUT
        with self._file.lifting() if is_of_lock else self._file.writing() as rows:
            head = head_of(rows)
            if head.sequence != after:
                raise StaleError(
                    f"the ledger has {head.sequence} entries, its writer knew {after}: somebody "
                    "else wrote meanwhile; look again"
                )
            entry = add_entry(rows, signer, kind, payload)
            _keep(rows, entry, blobs)
            _drop(rows, entry, drop)
            return entry

    def blob(self, sha256: str) -> bytes:
        """Return a packed mask.

        Raises
        ------
        MaskGoneError
            When there is none of this name.
        StoreError
            When it is not as it was written.
        """
        with self._file.reading() as rows:
            content = mask_of(rows, sha256)
        if content is None:
            raise MaskGoneError(f"the ledger holds no mask {sha256}")
        if name_of(content) != sha256:
            raise StoreError(f"the mask {sha256} of the ledger is not as it was written")
        return content

    def keyring(self) -> Keyring:
        """Return every user up to now."""
        with self._file.reading() as rows:
            return keyring_of(rows)

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """Look at what stands beside the entries; see :meth:`LedgerFile.reading`."""
        with self._file.reading() as rows:
            yield rows

    @contextmanager
    def writing(self) -> Iterator[Rows]:
        """Write what stands beside an entry; see :meth:`LedgerFile.writing`."""
        with self._file.writing() as rows:
            yield rows

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Context in which nobody writes; see :meth:`LedgerFile.held_still`."""
        with self._file.held_still():
            yield

    def copy_to(self, path: Path) -> None:
        """Copy it into one new file; see :meth:`LedgerFile.copy_to`."""
        self._file.copy_to(path)

    def close(self) -> None:
        """Close it."""
        self._file.close()


def create_ledger(path: Path) -> Ledger:
    """Make an empty ledger and open it.

    Raises
    ------
    StoreError
        When there is one already, or it cannot be made.
    """
    create_file(path)
    return open_ledger(path)


def open_ledger(path: Path) -> Ledger:
    """Open a ledger to read and to write.

    Raises
    ------
    StoreError
        When there is none, or it is damaged or not to be used; see :func:`open_file`.
    """
    return Ledger(open_file(path))


def read_ledger(path: Path) -> Ledger:
    """Open a ledger to read, also where it may not be written to.

    Raises
    ------
    StoreError
        When there is none, or it is not to be read; see :func:`open_to_read`.
    """
    return Ledger(open_to_read(path))


def add_entry(rows: Rows, signer: Signer, kind: str, payload: Mapping[str, Json]) -> Entry:
    """Add an entry at the end of the chain, within a transaction.

    Raises
    ------
    StoreError
        When its author may not write it.
    """
    head, keyring = head_of(rows), keyring_of(rows)
    if keyring.key_of(signer.name, kind, payload) != signer.public_key_hex:
        raise StoreError(f"the key of {signer.name} is not the one that the ledger names")
    keyring.after(kind, payload)
    text, at_utc = text_of(payload), datetime.now(UTC).isoformat(timespec="milliseconds")
    content = Content(at_utc=at_utc, author=signer.name, kind=kind, payload_text=text)
    sequence = head.sequence + 1
    digest = content.digest(sequence, head.digest)
    signature = signer.sign(digest)
    proof = (head.digest.hex(), digest.hex(), signature.hex())
    row = (sequence, at_utc, signer.name, kind, text, *proof)
    rows.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    return Entry(
        sequence=sequence,
        at_utc=at_utc,
        author=signer.name,
        kind=kind,
        payload=payload_of(text),
        previous=head.digest,
        digest=digest,
        signature=signature,
    )


def head_of(rows: Rows) -> Head:
    """End of the chain, within a transaction."""
    row = rows.execute(
        "SELECT sequence, digest FROM entry ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    return Head(sequence=row[0], digest=bytes.fromhex(row[1])) if row else Head()


def keyring_of(rows: Rows) -> Keyring:
    """Every user, within a transaction."""
    keyring = Keyring()
    for kind, text in rows.execute(
        "SELECT kind, payload FROM entry WHERE kind IN (?, ?) ORDER BY sequence",
        (OwnKind.USER_ADDED, OwnKind.USER_DISABLED),
    ):
        keyring = keyring.after(kind, payload_of(text))
    return keyring


def mask_of(rows: Rows, sha256: str) -> bytes | None:
    """Packed mask of a name, within a transaction."""
    row = rows.execute("SELECT content FROM mask WHERE sha256 = ?", (sha256,)).fetchone()
    return row[0] if row else None


def _keep(rows: Rows, entry: Entry, blobs: Mapping[str, bytes]) -> None:
    """Keep the mask that an entry names, which must be there then."""
    named = entry.payload.get("mask_sha256") if entry.kind in KINDS_WITH_MASK else None
    for name, content in blobs.items():
        if name != named:
            raise StoreError(f"the entry {entry.kind} does not name the mask {name}")
        if name_of(content) != name:
            raise StoreError(f"the mask {name} is not what its name says")
        rows.execute("INSERT OR IGNORE INTO mask VALUES (?, ?)", (name, content))
    if named is not None and mask_of(rows, str(named)) is None:
        raise StoreError(f"the entry {entry.kind} names the mask {named}, which is not there")


def _drop(rows: Rows, entry: Entry, names: Sequence[str]) -> None:
    """Drop masks of drafts that this draft replaces, and no other."""
    if names and entry.kind != OwnKind.DRAFT_SAVED:
        raise StoreError(f"an entry {entry.kind} drops no mask: a draft replaces a draft's")
    for name in names:
        if name != entry.payload.get("mask_sha256"):
            rows.execute(
                "DELETE FROM mask WHERE sha256 = ?1 AND NOT EXISTS ("
                " SELECT 1 FROM entry WHERE instr(payload, ?1)"
                " AND NOT (kind = ?2 AND json_extract(payload, '$.read_id') = ?3))",
                (name, OwnKind.DRAFT_SAVED, entry.payload.get("read_id")),
            )


def _entry_of(  # noqa: PLR0917 - a row of the table as it stands there
    sequence: int,
    at_utc: str,
    author: str,
    kind: str,
    text: str,
    *proof: str,
) -> Entry:
    try:
        payload = payload_of(text)
        previous, digest, signature = map(bytes.fromhex, proof)
    except ValueError as error:
        raise StoreError(
            f"entry {sequence} of the ledger is not as it was written: corelab ledger verify"
        ) from error
    return Entry(
        sequence=sequence,
        at_utc=at_utc,
        author=author,
        kind=kind,
        payload=payload,
        previous=previous,
        digest=digest,
        signature=signature,
    )
