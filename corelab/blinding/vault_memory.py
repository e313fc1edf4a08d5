"""What a run leaves for the next one in the vault; losing it costs time alone.

Each entry is one sealed text. Beside it, a digest of everything that the vault holds of deliveries
and cases says whether anybody changed it since.
"""

from __future__ import annotations

import hashlib
import sqlite3

from corelab.blinding.cipher import Cipher

_TELLING = (
    "SELECT * FROM person ORDER BY patient",
    "SELECT * FROM study ORDER BY patient, study",
    "SELECT * FROM series ORDER BY id",
    "SELECT id, path, sha256 FROM file ORDER BY id",
    "SELECT * FROM series_file ORDER BY series, file",
    "SELECT * FROM loose ORDER BY file",
    "SELECT number, root, digest FROM delivery ORDER BY number",
    "SELECT * FROM folder ORDER BY root",
    "SELECT * FROM delivery_file ORDER BY delivery, file",
    "SELECT * FROM identifier ORDER BY value, kind",
    "SELECT * FROM source ORDER BY study, series, part, number",
    "SELECT * FROM version ORDER BY subject_code, visit, number, study, series, part",
    "SELECT * FROM case_problem ORDER BY subject_code, visit, reason, why",
)
"""All but when things were looked at: the log, batches, times, and this memory itself."""


def remember(connection: sqlite3.Connection, cipher: Cipher, name: str, text: str) -> None:
    """Keep a text in place of what was kept under its name; within a transaction."""
    sealed = cipher.seal(f"memory.{name}", text)
    connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (name, sealed))


def recall(connection: sqlite3.Connection, cipher: Cipher, name: str) -> str:
    """Text that was kept under a name; empty where there is none."""
    row = connection.execute("SELECT content FROM memory WHERE name = ?", (name,)).fetchone()
    return cipher.open(f"memory.{name}", row[0]) if row else ""


def state_of(connection: sqlite3.Connection) -> str:
    """Digest of what the vault holds of deliveries and cases."""
    digest = hashlib.sha256()
    for query in _TELLING:
        for row in connection.execute(query):
            digest.update(repr(row).encode())
        digest.update(b"\n")
    return digest.hexdigest()
