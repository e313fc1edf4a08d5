"""Whether an OUT is as it was locked: files, tables, signature, ledger, and every volume anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from corelab.errors import CorelabError, StoreError
from corelab.reading.event import DataLocked, DataUnlocked, UnlockAsked
from corelab.reading.fold import fold
from corelab.store.files import Json, json_text, read_json, sha256_of
from corelab.store.layout import LOCKED_TABLES, Layout
from corelab.store.ledger import Entry, read_ledger
from corelab.store.ledger_check import head_from, verify
from corelab.store.manifest import Difference, differences, load_manifest, lock_id_of, read_manifest
from corelab.store.signing import is_signed, signed_text
from pipelines.lock_contents import (
    has_readers,
    mask_differences,
    overlap_differences,
    record_differences,
    volume_differences,
)
from pipelines.locking import MANIFEST, SIGNATURE

_OF_UNLOCKING = (UnlockAsked.kind, DataUnlocked.kind)


def lock_differences(place: Path) -> tuple[Difference, ...]:
    """Return all that differs from a lock.

    Parameters
    ----------
    place
        A locked OUT, or the folder of one of its locks.

    Raises
    ------
    StoreError
        When there is no lock, or its manifest is none.
    """
    layout, manifest = _found(place)
    return (
        *differences(layout, manifest),
        *_of_own_folder(layout, manifest),
        *_of_ledger(layout, manifest),
        *record_differences(layout),
        *volume_differences(layout),
    )


def _found(place: Path) -> tuple[Layout, Mapping[str, Json]]:
    if (place / MANIFEST).is_file():
        layout, manifest = Layout(place.resolve().parents[1]), read_manifest(place / MANIFEST)
        is_own = place.resolve().name == manifest.get("lock_id")
    else:
        layout, is_own = Layout(place), True
        manifest = load_manifest(layout)
    if not is_own or manifest.get("lock_id") != lock_id_of(manifest):
        raise StoreError(f"{place} holds no manifest of its lock: what it says gives another id")
    return layout, manifest


def _of_own_folder(layout: Layout, manifest: Mapping[str, Json]) -> Iterator[Difference]:
    """Tables, manifest and signature of the lock's own folder, and nothing beside them."""
    folder = layout.locks / str(manifest["lock_id"])
    locked = {f"{LOCKED_TABLES}/{name}": digest for name, digest in _tables_of(manifest).items()}
    there = {str(p.relative_to(folder)): p for p in folder.rglob("*") if not p.is_dir()}
    for name in sorted(there.keys() - locked.keys() - {MANIFEST, SIGNATURE}):
        yield _of(folder, name, "added")
    for name, digest in locked.items():
        if name not in there:
            yield _of(folder, name, "removed")
        elif sha256_of(there[name]) != digest:
            yield _of(folder, name, "changed")
    if MANIFEST not in there or there[MANIFEST].read_bytes() != json_text(manifest).encode():
        yield _of(folder, MANIFEST, "changed")


def _tables_of(manifest: Mapping[str, Json]) -> dict[str, Json]:
    tables = manifest.get("tables")
    if not isinstance(tables, dict):
        raise StoreError("the manifest names no tables")
    return tables


def _of_ledger(layout: Layout, manifest: Mapping[str, Json]) -> Iterator[Difference]:
    """Whether the ledger is as it was, says that it was locked, and gives what OUT holds."""
    head, name = str(manifest.get("ledger_head") or ""), layout.ledger.name
    is_there, was_there = layout.ledger.exists(), bool(head) or has_readers(layout)
    if is_there != was_there:
        yield Difference(path=name, found="added" if is_there else "removed")
    if not head or not is_there:
        return
    try:
        fault = verify(layout.ledger, head_from(head)).fault
        if fault:
            yield Difference(path=name, found=str(fault))
            return
        with read_ledger(layout.ledger) as ledger:
            entries = ledger.entries()
            at_lock = [one for one in entries if one.sequence <= head_from(head).sequence]
            yield from _of_lock_entry(layout, manifest, entries)
            yield from mask_differences(layout, at_lock)
            yield from overlap_differences(ledger, at_lock)
    except CorelabError as error:
        yield Difference(path=name, found=f"cannot be read ({error})")


def _of_lock_entry(
    layout: Layout, manifest: Mapping[str, Json], entries: Sequence[Entry]
) -> Iterator[Difference]:
    """Whether a user of the ledger locked this manifest, signed it, and nobody wrote since."""
    lock_id = str(manifest["lock_id"])
    folder, digest = layout.locks / lock_id, _manifest_sha256(manifest)
    locked = next((one for one in entries if _is_lock(one, lock_id)), None)
    if locked is None or locked.payload["manifest_sha256"] != digest:
        found = f"does not say that it was locked as {lock_id}"
        yield Difference(path=layout.ledger.name, found=found)
        return
    author = fold(entries).users[locked.author]
    if not _is_signature(folder / SIGNATURE, digest, author.name, author.public_key_hex):
        yield _of(folder, SIGNATURE, "not of this manifest")
    for entry in entries[locked.sequence :]:
        if entry.kind not in _OF_UNLOCKING:
            found = f"entry {entry.sequence} was written into the locked OUT"
            yield Difference(path=layout.ledger.name, found=found)
        if entry.kind == DataUnlocked.kind:
            return


def _is_lock(entry: Entry, lock_id: str) -> bool:
    return entry.kind == DataLocked.kind and entry.payload["lock_id"] == lock_id


def _is_signature(path: Path, manifest_sha256: str, by: str, public_key_hex: str) -> bool:
    """Whether a file is the signature of a manifest by the user who wrote so to the ledger."""
    try:
        told = read_json(path)
        content = bytes.fromhex(str(told.get("signature_hex")))
    except (StoreError, OSError, ValueError):
        return False
    names = (told.get("by"), told.get("public_key_hex"), told.get("manifest_sha256"))
    is_of_author = names == (by, public_key_hex, manifest_sha256)
    return is_of_author and is_signed(signed_text(manifest_sha256), content, public_key_hex)


def _manifest_sha256(manifest: Mapping[str, Json]) -> str:
    return hashlib.sha256(json_text(manifest).encode()).hexdigest()


def _of(folder: Path, name: str, found: str) -> Difference:
    return Difference(path=f"{folder.parent.name}/{folder.name}/{name}", found=found)
