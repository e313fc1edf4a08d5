"""The lock: a manifest with the SHA-256 of every file under OUT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from corelab.errors import StoreError
from corelab.store.files import Json, read_json, sha256_of, write_json
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger
from corelab.store.ledger_check import verify
from corelab.store.ledger_file import is_empty_beside
from corelab.store.table import load_problems
from corelab.store.times import settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One file that is not as it was locked."""

    path: str
    found: str


def lock_out(layout: Layout, reason: str) -> int:
    """Write the manifest of OUT; returns how many files it holds.

    Raises
    ------
    StoreError
        When OUT is locked already, holds no table, has open problems, or its ledger is in use or
        not as it was written.
    """
    if layout.lock.exists():
        raise StoreError("OUT is locked already")
    if not layout.volumes_csv.exists():
        raise StoreError("OUT holds no volume table")
    problems = load_problems(layout)
    if problems:
        raise StoreError(f"OUT has {len(problems)} open problems; see problems.csv")
    if not reason.strip():
        raise StoreError("a lock needs a reason")
    with _ledger_held_still(layout):
        files: dict[str, Json] = dict(_digests(layout))
        write_json(layout.lock, {"reason": reason, "files": files})
    settle(layout.root)
    return len(files)


def differences(layout: Layout) -> tuple[Difference, ...]:
    """Return every file of a locked OUT that was changed, added or removed since.

    Raises
    ------
    StoreError
        When OUT is not locked.
    """
    locked = read_json(layout.lock).get("files")
    if not isinstance(locked, dict):
        raise StoreError("lock.json holds no files")
    now = _digests(layout)
    changed = [path for path in now.keys() & locked.keys() if now[path] != locked[path]]
    rows = [Difference(path=path, found="changed") for path in changed]
    rows += [Difference(path=path, found="removed") for path in locked.keys() - now.keys()]
    rows += [Difference(path=path, found="added") for path in now.keys() - locked.keys()]
    return tuple(sorted(rows, key=lambda row: row.path))


@contextmanager
def _ledger_held_still(layout: Layout) -> Iterator[None]:
    """Context in which nobody writes into the ledger, where there is one."""
    if not layout.ledger.exists():
        yield
        return
    fault = verify(layout.ledger).fault
    if fault:
        raise StoreError(f"the ledger is not as it was written: {fault}")
    with open_ledger(layout.ledger) as ledger, ledger.held_still():
        yield


def _digests(layout: Layout) -> dict[str, str]:
    """SHA-256 of every file but the lock, and but what an open ledger keeps beside itself."""
    paths = sorted(p for p in layout.root.rglob("*") if p.is_file() and p != layout.lock)
    return {
        str(path.relative_to(layout.root)): sha256_of(path)
        for path in paths
        if not is_empty_beside(layout.ledger, path)
    }
