"""Files in the vault that belong to no series, by the incoming folder that they were found in."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from corelab.blinding.cipher import Cipher
from corelab.blinding.vault_delivery import file_text, number_of_file, sealed_root
from corelab.series import LooseFile


def note_loose(
    connection: sqlite3.Connection, cipher: Cipher, root: Path, files: Iterable[LooseFile]
) -> None:
    """Keep what a folder holds now in place of what it held before; within a transaction."""
    sealed = sealed_root(cipher, root)
    connection.execute("DELETE FROM loose WHERE root = ?", (sealed,))
    connection.executemany(
        "INSERT OR REPLACE INTO loose VALUES (?, ?, ?, ?, ?)",
        [
            (
                number_of_file(connection, cipher, file.path),
                file.refusal.reason,
                file.refusal.message,
                _sealed(cipher, file.refusal.evidence),
                sealed,
            )
            for file in files
        ],
    )
    _forget_older(connection, cipher, root)


def _forget_older(connection: sqlite3.Connection, cipher: Cipher, root: Path) -> None:
    """Drop rows of older layouts, which did not keep the folder, for what lies in this one."""
    rows = connection.execute(
        "SELECT id, path FROM loose JOIN file ON id = file WHERE root IS NULL"
    ).fetchall()
    folders = {Path(os.path.abspath(root)), root.resolve()}  # noqa: PTH100 - files are named so
    for number, sealed in rows:
        path = Path(cipher.text_of("file.path", sealed))
        is_here = any(_lies_in(path, folder) for folder in folders)
        if is_here or (not path.is_absolute() and _is_known(connection, cipher, root / path)):
            connection.execute("DELETE FROM loose WHERE file = ?", (number,))


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder; a relative one does when it begins as the folder ends."""
    if path.is_absolute():
        return path.is_relative_to(folder)
    below = Path(*(part for part in path.parts if part != os.pardir))
    return any((above / below).is_relative_to(folder) for above in folder.parents)


def _is_known(connection: sqlite3.Connection, cipher: Cipher, path: Path) -> bool:
    sealed = cipher.key_of("file.path", file_text(Path(os.path.abspath(path))))  # noqa: PTH100 - as above
    return bool(connection.execute("SELECT 1 FROM file WHERE path = ?", (sealed,)).fetchone())


def _sealed(cipher: Cipher, text: str) -> bytes | None:
    return cipher.seal("loose.evidence", text) if text else None
