"""Deliveries in the vault: every file with its SHA-256, and the batches that ran on them."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from corelab.blinding.cipher import Cipher
from corelab.blinding.vault_log import now_utc


class FileFate(StrEnum):
    """What became of one file of a delivery."""

    USED = "used"
    NOT_NEEDED = "not needed"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One file of a delivery, or one member of an archive.

    ``sha256`` is of its bytes, hexadecimal; empty where they could not be read. ``pixels`` is of
    its pixels as a case's sources are told by, empty where they were not asked for. ``stamp``
    tells whether the file has been touched since.
    """

    path: Path
    sha256: str
    stamp: str
    fate: FileFate
    pixels: str = ""


@dataclass(frozen=True, slots=True)
class KnownDigests:
    """SHA-256 of a file's bytes and of its pixels; the second empty where it was never taken."""

    sha256: str
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of a batch that has ended."""

    number: int
    delivery: int
    counts: Mapping[str, int]


def file_text(path: Path) -> str:
    """Path as text; bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def sealed_root(cipher: Cipher, root: Path) -> bytes:
    """Incoming folder as the vault looks it up."""
    return cipher.key_of("delivery.root", file_text(root.resolve()))


def number_of_file(connection: sqlite3.Connection, cipher: Cipher, path: Path) -> int:
    """Row of a file in the vault, made when it is new."""
    sealed = cipher.key_of("file.path", file_text(Path(os.path.abspath(path))))  # noqa: PTH100 - a link is not followed
    row = connection.execute("SELECT id FROM file WHERE path = ?", (sealed,)).fetchone()
    if row:
        return int(row[0])
    cursor = connection.execute("INSERT INTO file (path) VALUES (?)", (sealed,))
    return int(cursor.lastrowid or 0)


def note_delivery(
    connection: sqlite3.Connection, cipher: Cipher, root: Path, files: Iterable[DeliveredFile]
) -> int:
    """Keep a delivery and its files, or find that it is known; within a transaction."""
    listed = sorted(files, key=lambda file: file.path)
    digest, now = _digest_of(root, listed), now_utc()
    numbers = [number_of_file(connection, cipher, file.path) for file in listed]
    connection.executemany(
        "UPDATE file SET stamp = ?, sha256 = ?, pixels = ? WHERE id = ?",
        [
            (file.stamp, bytes.fromhex(file.sha256), bytes.fromhex(file.pixels), number)
            for file, number in zip(listed, numbers, strict=True)
        ],
    )
    folder = sealed_root(cipher, root)
    (number,) = connection.execute(
        "INSERT INTO delivery VALUES (NULL, ?1, ?2, ?3, ?3)"
        " ON CONFLICT (digest) DO UPDATE SET root = ?1, last_seen_utc = ?3 RETURNING number",
        (folder, digest, now),
    ).fetchone()
    connection.execute(
        "INSERT INTO folder VALUES (?1, ?2) ON CONFLICT DO UPDATE SET newest = ?2",
        (folder, number),
    )
    connection.execute("DELETE FROM delivery_file WHERE delivery = ?", (number,))
    connection.executemany(
        "INSERT INTO delivery_file VALUES (?, ?, ?, ?)",
        [
            (number, file_number, bytes.fromhex(file.sha256), file.fate)
            for file, file_number in zip(listed, numbers, strict=True)
        ],
    )
    return int(number)


def digests_known(
    connection: sqlite3.Connection, cipher: Cipher, stamps: Mapping[Path, str]
) -> dict[Path, KnownDigests]:
    """Digests of each file whose stamp is the one that they were taken under."""
    rows = connection.execute(
        "SELECT path, stamp, sha256, pixels FROM file WHERE sha256 IS NOT NULL"
    )
    known = {path: rest for path, *rest in rows}
    found = {}
    for path, stamp in stamps.items():
        sealed = cipher.key_of("file.path", file_text(Path(os.path.abspath(path))))  # noqa: PTH100 - as above
        before = known.get(sealed)
        if before and before[0] == stamp and before[1]:
            found[path] = KnownDigests(before[1].hex(), (before[2] or b"").hex())
    return found


def note_batch_start(
    connection: sqlite3.Connection, cipher: Cipher, made_with: Sequence[str], out: Path
) -> int:
    """Keep that a batch begins: version, trial, digest of its settings, where it writes."""
    sealed = cipher.seal("batch.out", file_text(out.resolve()))
    cursor = connection.execute(
        "INSERT INTO batch VALUES (NULL, ?, NULL, NULL, ?, ?, ?, ?, NULL)",
        (now_utc(), *made_with, sealed),
    )
    return int(cursor.lastrowid or 0)


def note_batch_end(connection: sqlite3.Connection, batch: Batch) -> None:
    """Keep when a batch ended, on which delivery, and its counts."""
    connection.execute(
        "UPDATE batch SET finished_utc = ?, delivery = ?, counts = ? WHERE number = ?",
        (now_utc(), batch.delivery, json.dumps(dict(batch.counts)), batch.number),
    )


def _digest_of(root: Path, files: Iterable[DeliveredFile]) -> bytes:
    """Digest of names below the root and bytes: the same delivery moved elsewhere is the same."""
    whole = hashlib.sha256()
    for file in files:
        below = file.path.relative_to(root) if file.path.is_relative_to(root) else file.path
        whole.update(os.fsencode(below) + b"\0" + file.sha256.encode() + b"\n")
    return whole.digest()
