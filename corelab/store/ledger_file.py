"""The SQLite file under the ledger: its rights, its tables, and how it is read and written."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from corelab.errors import DiskError, StoreError
from corelab.store.files import disk_error, sync_folder
from corelab.store.layout import Layout

Rows = sqlite3.Connection
"""What a transaction is written through."""

LAYOUT_VERSION = 1
_APPLICATION_ID = 0x434C4C47  # CLLG
_FILE_MODE = 0o600
_WAIT_S = 10.0
_PRAGMAS = """
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = FULL;
"""
# Random bytes are hexadecimal: the audit would take some for a packing that it cannot open.
_TABLES = f"""
CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY, at_utc TEXT NOT NULL, author TEXT NOT NULL,
    kind TEXT NOT NULL, payload TEXT NOT NULL, previous TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL UNIQUE, signature TEXT NOT NULL
) STRICT;
CREATE INDEX entry_of_kind ON entry (kind);
CREATE TABLE mask (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE user (
    name TEXT PRIMARY KEY, salt TEXT NOT NULL, sealed_key TEXT NOT NULL
) STRICT;
CREATE TRIGGER entry_is_not_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never changed'); END;
CREATE TRIGGER entry_is_not_removed BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never removed'); END;
CREATE TRIGGER mask_is_not_changed BEFORE UPDATE ON mask
BEGIN SELECT RAISE(ABORT, 'a mask of the ledger is never changed'); END;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {LAYOUT_VERSION};
"""


class LedgerFile:
    """An open file; each use waits for the threads that use it at the same time.

    Parameters
    ----------
    path
        Where it lies.
    connection
        As :func:`open_file` and :func:`open_to_read` prepare it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._turn = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """Context in which the file stays as it is for this reader, whoever writes meanwhile.

        Raises
        ------
        StoreError
            When the file cannot be read.
        """
        with self._turn, told(self.path, "read"):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Rows]:
        """All that is written in it, on the disk at its end, or nothing.

        Raises
        ------
        StoreError
            When OUT is locked, another process writes for too long or the file is not to be
            written to.
        DiskError
            When the disk has no room or fails.
        """
        with self.lifting() as rows:
            if Layout(self.path.parent).lock.exists() or _says_locked(rows):
                raise StoreError("OUT is locked: its ledger takes no more entries")
            yield rows

    @contextmanager
    def lifting(self) -> Iterator[Rows]:
        """As :meth:`writing`, also in a locked OUT: for the entries that lift the lock.

        Raises
        ------
        StoreError
            When another process writes for too long or the file is not to be written to.
        DiskError
            When the disk has no room or fails.
        """
        with self._turn, told(self.path, "written"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself where the disk is full or fails.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Context in which nobody writes, and all that was written stands in the one file.

        Raises
        ------
        StoreError
            When another process is reading or writing for too long.
        """
        with self._turn, told(self.path, "held"):
            (is_busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if is_busy or _size_of(log_of(self.path)):
                    raise StoreError(f"{self.path} is in use: close the reading room first")
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def check_whole(self) -> None:
        """Refuse a damaged file.

        Raises
        ------
        StoreError
            When SQLite finds a fault in it.
        """
        with self._turn, told(self.path, "read"):
            (found,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
            broken = self._connection.execute("PRAGMA foreign_key_check").fetchone()
        if found != "ok" or broken:
            raise damaged(self.path, str(found))

    def copy_to(self, path: Path) -> None:
        """Copy all that is written up to now into one new file, whoever writes meanwhile.

        Raises
        ------
        StoreError
            When there is a file already, or this one cannot be read.
        DiskError
            When the copy cannot be made.
        """
        with (
            self._turn,
            _put_whole(path) as part,
            told(path, "made"),
            closing(_plain(part)) as copy,
        ):
            self._connection.backup(copy)

    def close(self) -> None:
        """Close it; what other processes do goes on."""
        with self._turn, told(self.path, "closed"):
            self._connection.close()


def create_file(path: Path) -> None:
    """Make an empty ledger for its owner alone: whole or not at all, and never over another file.

    Raises
    ------
    StoreError
        When there is a file already.
    DiskError
        When it cannot be made.
    """
    with _put_whole(path) as part, told(path, "made"), closing(_plain(part)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"{_PRAGMAS} BEGIN; {_TABLES} COMMIT;")


def open_file(path: Path) -> LedgerFile:
    """Open a ledger to read and to write.

    Raises
    ------
    StoreError
        When there is none, it is damaged, open to every user of the machine, not to be written
        to, of another program or of a newer layout.
    """
    _require(path)
    _refuse_open_to_all(path)
    if not _may_write(path):
        raise StoreError(f"{path} may not be written to by this user, or its disk is read-only")
    file = _connected(path, "mode=rw")
    try:
        file.check_whole()
    except BaseException:
        file.close()
        raise
    return file


def open_to_read(path: Path) -> LedgerFile:
    """Open a ledger to read, also where it may not be written to; nothing is left beside it.

    Raises
    ------
    StoreError
        When there is none, or it is of another program or of a newer layout.
    """
    _require(path)
    if _may_write(path):
        return _connected(path, "mode=rw")
    # Without the log that a writer keeps beside it, nobody has it open who may write.
    return _connected(path, "mode=ro" if log_of(path).exists() else "immutable=1")


def is_locked(layout: Layout) -> bool:
    """Whether OUT is locked: its marker is there, or its ledger says so.

    The marker is a file that anybody may lose. Of a broken ledger the marker alone is asked.

    Raises
    ------
    DiskError
        When the disk fails.
    """
    if layout.lock.exists() or not layout.ledger.exists():
        return layout.lock.exists()
    try:
        file = open_to_read(layout.ledger)
        try:
            with file.reading() as rows:
                return _says_locked(rows)
        finally:
            file.close()
    except DiskError:
        raise
    except StoreError:
        return False


def log_of(path: Path) -> Path:
    """File beside a ledger that holds what was written and is not in the ledger's file yet."""
    return path.with_name(path.name + "-wal")


def is_empty_beside(ledger: Path, path: Path) -> bool:
    """Whether a path is what SQLite keeps beside an open ledger, and holds no entry."""
    if path == ledger.with_name(ledger.name + "-shm"):
        return True
    return path == log_of(ledger) and _size_of(path) == 0


def damaged(path: Path, why: str) -> StoreError:
    """Error of a file that SQLite finds a fault in."""
    return StoreError(f"{path} is damaged ({why}): keep it as it is, and restore a copy of it")


@contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Turn what SQLite says into words that name the file and what cannot be done.

    Raises
    ------
    DiskError
        When the disk has no room, fails or is read-only.
    StoreError
        For all else.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise damaged(path, "bytes that are no text") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        number = _DISK_NUMBER.get(code)
        if number:
            why = OSError(number, os.strerror(number))
            raise disk_error(f"{path.name} cannot be {what}", path.parent, why) from error
        if code == sqlite3.SQLITE_BUSY:
            raise StoreError(
                f"{path.name} cannot be {what}: another process has it for over {_WAIT_S:.0f} s"
            ) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise damaged(path, str(error)) from error
        raise StoreError(f"{path} cannot be {what}: {error}") from error


_DISK_NUMBER = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
}


def _says_locked(rows: Rows) -> bool:
    """Whether the last entry that locks or unlocks is one that locks."""
    row = rows.execute(
        "SELECT kind FROM entry WHERE kind IN ('data_locked', 'data_unlocked')"
        " ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    return row is not None and row[0] == "data_locked"


@contextmanager
def _put_whole(path: Path) -> Iterator[Path]:
    """Context that gives a private file to fill, which then gets its name, if that is free."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, _FILE_MODE))
        try:
            yield part
            os.link(part, path)
        finally:
            part.unlink()
        sync_folder(path.parent)
    except FileExistsError as error:
        raise StoreError(f"{path} is there already, and is never written over") from error
    except OSError as error:
        raise disk_error(f"{path.name} cannot be made", path.parent, error) from error


def _plain(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def _connected(path: Path, mode: str) -> LedgerFile:
    with told(path, "opened"):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}",
            uri=True,
            isolation_level=None,
            timeout=_WAIT_S,
            check_same_thread=False,
        )
        try:
            connection.executescript(_PRAGMAS)
            _refuse_other_programs(connection, path)
        except BaseException:
            with suppress(sqlite3.Error):
                connection.close()
            raise
    return LedgerFile(path, connection)


def _refuse_other_programs(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise StoreError(f"{path} is no ledger of corelab")
    if layout != LAYOUT_VERSION:
        raise StoreError(
            f"{path} is of layout {layout}, this corelab knows layout {LAYOUT_VERSION}: open it "
            "with the corelab that wrote it"
        )


def _require(path: Path) -> None:
    if not path.is_file():
        raise StoreError(
            f"there is no ledger {path}: corelab users add makes it with the first data manager"
        )


def _refuse_open_to_all(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IRWXO:
        raise StoreError(
            f"{path} is open to every user of this machine (rights {mode:04o}, expected 0600, or "
            f"0660 for a group): chmod o= {path}"
        )


def _may_write(path: Path) -> bool:
    return all(os.access(place, os.W_OK) for place in (path, path.parent))


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
