"""A small ledger as reads leave it, and ways to change it behind its back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.store.files import Json
from corelab.store.ledger import Ledger, Signer, create_ledger
from corelab.store.ledger_mask import PackedMask, pack_mask

MANAGER = Signer("manager", bytes(31) + b"\1")
ANNA = Signer("anna", bytes(31) + b"\2")
BEN = Signer("ben", bytes(31) + b"\3")
_GUARDS = (
    "DROP TRIGGER IF EXISTS entry_is_not_changed",
    "DROP TRIGGER IF EXISTS entry_is_not_removed",
    "DROP TRIGGER IF EXISTS mask_is_not_changed",
)


def added(signer: Signer, role: str) -> dict[str, Json]:
    return {"name": signer.name, "role": role, "public_key_hex": signer.public_key_hex}


def mask(value: int = 1) -> PackedMask:
    labels: NDArray[np.uint8] = np.zeros((4, 3, 2), dtype=np.uint8)
    labels[1, 1, :] = value
    return pack_mask(labels)


def write(
    ledger: Ledger,
    signer: Signer,
    kind: str,
    payload: dict[str, Json],
    packed: PackedMask | None = None,
    drop: tuple[str, ...] = (),
) -> int:
    """Append behind whatever is there."""
    blobs = {packed.sha256: packed.content} if packed else {}
    after = ledger.head().sequence
    return ledger.append(signer, kind, payload, after=after, blobs=blobs, drop=drop).sequence


def save_draft(
    ledger: Ledger, signer: Signer, read_id: str, packed: PackedMask, drop: tuple[str, ...] = ()
) -> int:
    payload: dict[str, Json] = {"read_id": read_id, "mask_sha256": packed.sha256}
    return write(ledger, signer, "draft_saved", payload, packed, drop)


def sign(ledger: Ledger, signer: Signer, read_id: str, packed: PackedMask) -> int:
    payload: dict[str, Json] = {
        "read_id": read_id,
        "mask_sha256": packed.sha256,
        "comment": "motion, größer als sonst",
        "infarct_volume_ml": 12.3456,
    }
    return write(ledger, signer, "read_signed", payload, packed)


def begun(path: Path) -> Ledger:
    """A ledger of three users: entries 1 to 3."""
    ledger = create_ledger(path)
    write(ledger, MANAGER, "user_added", added(MANAGER, "data_manager"))
    write(ledger, MANAGER, "user_added", added(ANNA, "reader"))
    write(ledger, MANAGER, "user_added", added(BEN, "qa"))
    return ledger


def written(path: Path) -> None:
    """Eight entries: three users, an opened read, two drafts of it, its signature, a verdict."""
    with begun(path) as ledger:
        write(ledger, ANNA, "read_opened", {"read_id": "r1"})
        save_draft(ledger, ANNA, "r1", mask(1))
        save_draft(ledger, ANNA, "r1", mask(2), drop=(mask(1).sha256,))
        sign(ledger, ANNA, "r1", mask(2))
        write(ledger, BEN, "qa_verdict_given", {"verdict": "pass", "mask_sha256": "ab"})


def value_of(path: Path, sequence: int, column: str) -> bytes:
    """Bytes of a value as they stand in the file."""
    query = f"SELECT CAST({column} AS BLOB) FROM entry WHERE sequence = ?"
    with closing(sqlite3.connect(path)) as connection:
        (value,) = connection.execute(query, (sequence,)).fetchone()
    return bytes(value)


def by_hand(path: Path, *statements: str) -> None:
    """Change the file as somebody with the rights and without scruples would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*_GUARDS, *statements):
            connection.execute(statement)
