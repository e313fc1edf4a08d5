"""The lock of an OUT: a manifest with the SHA-256 of every file, in place as long as it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.files import Json, json_text, read_json, sha256_of, write_json
from corelab.store.layout import Layout
from corelab.store.table import load_problems
from corelab.store.times import settle

_ID_LENGTH = 16
_NO_FILE = "no file"
_LEDGER_ENDS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStatement:
    """What a manifest says beside its files.

    ``missing_reason`` is why the cases of ``problems.csv`` stay missing; empty where there are
    none. ``ledger_head`` is the end of the ledger of reads; empty where nobody reads.
    """

    reason: str
    missing_reason: str = ""
    trial_id: str = ""
    software_version: str = ""
    config_digest: str = ""
    leak_audit: str = ""
    ledger_head: str = ""
    cases: int = 0
    cases_with_volume: int = 0
    problems: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as it is written; ``lock_id`` follows from all else."""

    lock_id: str
    content: dict[str, Json]

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        return hashlib.sha256(json_text(self.content).encode()).hexdigest()

    @property
    def n_files(self) -> int:
        """How many files it holds."""
        files = self.content["files"]
        return len(files) if isinstance(files, dict) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One file that is not as it was locked."""

    path: str
    found: str


def check_lockable(layout: Layout, reason: str, missing_reason: str) -> None:
    """Refuse to lock what is not final.

    Raises
    ------
    StoreError
        When OUT is locked already, holds no table, or has problems that nobody called final; and
        without a reason.
    """
    if layout.lock.exists():
        raise StoreError("OUT is locked already")
    if not layout.volumes_csv.exists():
        raise StoreError("OUT holds no volume table")
    problems = load_problems(layout)
    if problems and not missing_reason.strip():
        raise StoreError(
            f"OUT has {len(problems)} open problems; see problems.csv. Where they are final, "
            "say why with --missing-reason"
        )
    if not reason.strip():
        raise StoreError("a lock needs a reason")


def manifest_of(
    layout: Layout, statement: LockStatement, tables: Mapping[str, str] | None = None
) -> Manifest:
    """Manifest of OUT as it is now.

    Parameters
    ----------
    layout
        Where OUT lies.
    statement
        What is said of it.
    tables
        SHA-256 of the tables of the lock's own folder, by name.

    Raises
    ------
    StoreError
        When OUT holds a link, whose end no lock can hold, or a file that cannot be read.
    """
    told: dict[str, Json] = dict(asdict(statement))
    files: dict[str, Json] = dict(_digests(layout))
    links = [path for path, digest in files.items() if digest == _NO_FILE]
    if links:
        raise StoreError(f"OUT holds {links[0]}, which is a link or no file: it cannot be locked")
    own: dict[str, Json] = dict(tables or {})
    content: dict[str, Json] = {**told, "tables": own, "files": files}
    lock_id = lock_id_of(content)
    return Manifest(lock_id=lock_id, content={"lock_id": lock_id, **content})


def lock_id_of(content: Mapping[str, Json]) -> str:
    """Id that follows from all else that a manifest says."""
    told = {name: value for name, value in content.items() if name != "lock_id"}
    return hashlib.sha256(json_text(told).encode()).hexdigest()[:_ID_LENGTH]


def put_in_place(layout: Layout, manifest: Manifest) -> None:
    """Lock OUT: from now on nothing is written to it."""
    write_json(layout.lock, manifest.content)
    settle(layout.root)


def load_manifest(layout: Layout) -> dict[str, Json]:
    """Return the manifest of a locked OUT.

    Raises
    ------
    StoreError
        When OUT is not locked, or the manifest cannot be read.
    """
    if not layout.lock.exists():
        raise StoreError(f"{layout.root} is not locked")
    return read_manifest(layout.lock)


def read_manifest(path: Path) -> dict[str, Json]:
    """Read a manifest, wherever it lies.

    Raises
    ------
    StoreError
        When it cannot be read.
    """
    try:
        return read_json(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


def differences(layout: Layout, manifest: Mapping[str, Json]) -> tuple[Difference, ...]:
    """Return every file that was changed, added or removed since a manifest was made.

    Raises
    ------
    StoreError
        When the manifest names no files.
    """
    locked = manifest.get("files")
    if not isinstance(locked, dict):
        raise StoreError("the manifest holds no files")
    now = _digests(layout)
    changed = [path for path in now.keys() & locked.keys() if now[path] != locked[path]]
    rows = [Difference(path=path, found="changed") for path in changed]
    rows += [Difference(path=path, found="removed") for path in locked.keys() - now.keys()]
    rows += [Difference(path=path, found="added") for path in now.keys() - locked.keys()]
    return tuple(sorted(rows, key=lambda row: row.path))


def _digests(layout: Layout) -> dict[str, str]:
    """SHA-256 of every file but the lock itself and the ledger, whose head stands for it.

    The ledger takes the entries that lift the lock, and SQLite its log.
    """
    ledger = {layout.ledger.with_name(layout.ledger.name + end) for end in _LEDGER_ENDS}
    left_out = {layout.lock, *ledger}
    paths = sorted(
        path
        for path in layout.root.rglob("*")
        if (path.is_symlink() or not path.is_dir())
        and path not in left_out
        and layout.locks not in path.parents
    )
    return {str(path.relative_to(layout.root)): _digest_of(path) for path in paths}


def _digest_of(path: Path) -> str:
    """SHA-256 of a file; what is none, as a link that leads anywhere, is told and not followed.

    Raises
    ------
    StoreError
        When it cannot be read.
    """
    if path.is_symlink() or not path.is_file():
        return _NO_FILE
    try:
        return sha256_of(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
