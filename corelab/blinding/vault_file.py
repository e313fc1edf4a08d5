"""The file of the vault: its rights, how SQLite keeps it, its key and its layout."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from corelab.blinding.cipher import KEY_BYTES, SALT_BYTES, Cipher
from corelab.blinding.key import Key, find_key, make_key_file, missing_key
from corelab.blinding.vault_layout import (
    APPLICATION_ID,
    LAYOUT_VERSION,
    OLDER_TABLES,
    SEALED_SINCE,
    TABLES,
)
from corelab.blinding.vault_migration import FIRST_VERSIONS, STEPS, migrate
from corelab.errors import StoreError

FILE_NAME = "vault.sqlite"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_PRAGMAS = """
PRAGMA secure_delete = ON;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFile:
    """An open vault file, its cipher, and the key file where one was made just now."""

    connection: sqlite3.Connection
    cipher: Cipher
    new_key_file: Path | None


def make_vault_folder(folder: Path) -> None:
    """Make the folder, for its owner alone.

    Raises
    ------
    StoreError
        When that cannot be.
    """
    with _told(folder):
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(_FOLDER_MODE)


def open_file(folder: Path, key_file: Path | None) -> VaultFile:
    """Open the file of a vault folder; a new vault gets its tables and, where none is, a key.

    Raises
    ------
    StoreError
        When the file cannot be made, is no vault, is damaged or of a newer layout; when its key is
        absent, malformed, open to others or another vault's.
    """
    make_vault_folder(folder)
    path = folder / FILE_NAME
    with _told(folder):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, _FILE_MODE))
        path.chmod(_FILE_MODE)
        connection = sqlite3.connect(path, isolation_level=None)
        with _closed_on_error(connection):
            return _prepared(connection, folder, key_file)


def open_memory(folder: Path, key_file: Path | None) -> VaultFile:
    """Copy of a vault in memory, to try things on; an empty one where there is no vault.

    Raises
    ------
    StoreError
        As :func:`open_file` does.
    """
    with _told(folder):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        with _closed_on_error(connection):
            if has_vault(folder):
                with closing(sqlite3.connect(folder / FILE_NAME)) as source:
                    source.backup(connection)
            return _in_memory(connection, folder, key_file)


def has_vault(folder: Path) -> bool:
    """Whether a folder holds the file of a vault."""
    return (folder / FILE_NAME).is_file()


def is_current(folder: Path) -> bool:
    """Whether a folder holds a vault of this layout, which opening does not change."""
    if not has_vault(folder):
        return False
    with _told(folder), closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return layout_of(connection) == LAYOUT_VERSION


def layout_of(connection: sqlite3.Connection) -> int | None:
    """Layout of an open file, ``None`` for a new one.

    Raises
    ------
    sqlite3.DatabaseError
        When the file is a database of another program.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    names = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return None
    if application == APPLICATION_ID or (version == 0 and names >= OLDER_TABLES):
        return int(version)
    raise sqlite3.DatabaseError("the file is a database of another program")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written in it, or nothing.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself where the disk is full or fails.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise StoreError(f"the vault cannot be written: {error}") from error


def _prepared(connection: sqlite3.Connection, folder: Path, key_file: Path | None) -> VaultFile:
    connection.executescript(_PRAGMAS)
    _check_whole(connection, folder)
    layout = layout_of(connection)
    key, new_key_file = find_key(folder, key_file), None
    if key is None and _is_sealed(layout):
        raise missing_key(folder, key_file)
    if key is None:
        new_key_file = make_key_file(folder, key_file)
        key = find_key(folder, new_key_file)
    if key is None:
        raise StoreError(f"the key file {new_key_file} was made and is gone again")
    made = _with_layout(connection, folder, key)
    return VaultFile(connection=connection, cipher=made.cipher, new_key_file=new_key_file)


def _in_memory(connection: sqlite3.Connection, folder: Path, key_file: Path | None) -> VaultFile:
    key = find_key(folder, key_file)
    if key is None and _is_sealed(layout_of(connection)):
        raise missing_key(folder, key_file)
    return _with_layout(connection, folder, key or Key(secrets.token_bytes(KEY_BYTES), "memory"))


def _with_layout(connection: sqlite3.Connection, folder: Path, key: Key) -> VaultFile:
    layout = layout_of(connection)
    if layout is None or not _is_sealed(layout):
        cipher = _lay_out(connection, key)
    elif layout > LAYOUT_VERSION:
        raise StoreError(
            f"the vault {folder} is of layout {layout}, this corelab knows layouts up to "
            f"{LAYOUT_VERSION}: open it with the newer corelab that wrote it"
        )
    else:
        cipher = _known_cipher(connection, folder, key)
        if layout < LAYOUT_VERSION:
            _bring_up(connection)
    return VaultFile(connection=connection, cipher=cipher, new_key_file=None)


def _lay_out(connection: sqlite3.Connection, key: Key) -> Cipher:
    """Make the tables, and bring over what an older layout holds: whole or not at all."""
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = Cipher(key.secret, salt)
    with transaction(connection):
        if layout_of(connection) == LAYOUT_VERSION:
            return _known_cipher(connection, Path(), key)
        is_older = layout_of(connection) is not None
        if is_older:
            _set_aside(connection)
        for statement in _statements(TABLES):
            connection.execute(statement)
        connection.executemany(
            "INSERT INTO setting VALUES (?, ?)",
            [("salt", salt), ("fingerprint", cipher.fingerprint.encode())],
        )
        if is_older:
            migrate(connection, cipher)
            for statement in _statements(FIRST_VERSIONS):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
    if is_older:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return cipher


def _is_sealed(layout: int | None) -> bool:
    return layout is not None and layout >= SEALED_SINCE


def _bring_up(connection: sqlite3.Connection) -> None:
    """Take a sealed vault through the steps that it lacks: whole or not at all."""
    with transaction(connection):
        layout = layout_of(connection) or SEALED_SINCE
        for step in STEPS[layout - SEALED_SINCE :]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")


def _known_cipher(connection: sqlite3.Connection, folder: Path, key: Key) -> Cipher:
    settings = dict(connection.execute("SELECT name, value FROM setting"))
    cipher = Cipher(key.secret, settings["salt"])
    expected = settings["fingerprint"].decode()
    if cipher.fingerprint != expected:
        raise StoreError(
            f"the {key.place} is not the key of the vault {folder}: found a key with fingerprint "
            f"{cipher.fingerprint}, expected {expected}; name the right one with --vault-key FILE"
        )
    return cipher


def _set_aside(connection: sqlite3.Connection) -> None:
    for name in sorted(OLDER_TABLES):
        connection.execute(f"ALTER TABLE {name} RENAME TO older_{name}")


def _statements(script: str) -> Iterator[str]:
    """Statements of a script one by one: all of them fit into one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check_whole(connection: sqlite3.Connection, folder: Path) -> None:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if found != "ok" or broken:
        why = found if found != "ok" else f"a row of {broken[0]} points nowhere"
        raise StoreError(f"the vault {folder} is damaged ({why}): restore a copy of it")


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn what the system says of a file into words that name the vault."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StoreError(f"the vault {folder} cannot be opened: {why}") from error


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise
