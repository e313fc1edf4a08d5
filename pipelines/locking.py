"""The lock of an OUT: all of it checked, its tables of the ledger, a manifest, a signature."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from corelab.errors import StoreError
from corelab.reading.event import LONGEST_TEXT, DataLocked, DataUnlocked, UnlockAsked, event_to_json
from corelab.reading.fold import fold, with_event
from corelab.stages.publish import export_tables, publication_from, publish
from corelab.store.exchange.files import available_formats
from corelab.store.files import (
    Json,
    disk_error,
    make_folder,
    read_bytes,
    sha256_of,
    sync_folder,
    write_bytes,
    write_json,
)
from corelab.store.layout import LOCKED_TABLES, Layout
from corelab.store.ledger import Entry, Ledger, Signer, StaleError, open_ledger
from corelab.store.ledger_check import verify
from corelab.store.manifest import (
    LockStatement,
    Manifest,
    check_lockable,
    load_manifest,
    manifest_of,
    put_in_place,
    read_manifest,
)
from corelab.store.signing import signed_text
from corelab.store.table import Tables, load_problems
from corelab.store.times import settle
from pipelines.agreement_writing import renew_agreement
from pipelines.auditing import audit_out
from pipelines.lock_contents import (
    has_readers,
    mask_differences,
    overlap_differences,
    record_differences,
    volume_differences,
)
from pipelines.pending import load_pending
from pipelines.placing import WORK_FOLDER
from pipelines.reading_state import reading_state_of
from pipelines.screen import counted

SIGNATURE = "signature.json"
MANIFEST = "manifest.json"
_SHORTEST_REASON = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What is asked of a lock.

    ``missing_reason`` says why the cases of ``problems.csv`` stay missing. OUT is audited against
    ``vault``.
    """

    out: Path
    reason: str
    missing_reason: str = ""
    vault: Path | None = None
    vault_key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A lock that was made."""

    lock_id: str
    folder: Path
    n_files: int
    leak_audit: str


def lock(request: LockRequest, signer: Signer | None = None) -> Locked:
    """Lock OUT, once nothing is open.

    The tables are made anew first, from the ledger where people read. The lock's own folder is
    complete before the ledger says that OUT is locked, and that is before OUT is. Where the ledger
    says so already, the lock that it names is put in place, and no other.

    Parameters
    ----------
    request
        What is asked.
    signer
        The data manager; needed where people read.

    Raises
    ------
    StoreError
        When OUT is locked, has open problems, open reads or a leak, its ledger is not sound, its
        files are not what records and ledger say, or somebody reads meanwhile.
    """
    layout = Layout(request.out)
    check_lockable(layout, request.reason, request.missing_reason)
    _check_reason(request.reason)
    if request.vault is None:
        raise StoreError("OUT is audited against the vault before it is locked: --vault VAULT")
    _check_runs(request.out, request.vault)
    if not layout.ledger.exists():
        if has_readers(layout):
            raise StoreError("people read in this OUT, and its ledger reads.sqlite is gone")
        return _lock(layout, request, request.vault, None)
    if signer is None:
        raise StoreError("people read in this OUT: a data manager locks it (--by NAME)")
    _check_ledger(layout)
    with open_ledger(layout.ledger) as ledger:
        lock_id = fold(ledger.entries()).lock_id
        if lock_id is not None:
            return _put_back(layout, ledger, lock_id)
        witness = _Witness(ledger=ledger, signer=signer)
        return _lock(layout, request, request.vault, witness)


def unlock_out(out: Path, reason: str, first: Signer, second: Signer) -> str:
    """Lift a lock: two people of two roles agree, and both stand in the ledger.

    The lock's folder stays. Returns the id of the lock.

    Raises
    ------
    StoreError
        When OUT is not locked, nobody reads there, there is no reason, or the two may not lift it.
    """
    layout = Layout(out)
    _check_reason(reason)
    with open_ledger(layout.ledger) as ledger:
        # A kill may have left the ledger's entry or the marker alone.
        lock_id = fold(ledger.entries()).lock_id
        if lock_id is not None:
            _append(ledger, first, UnlockAsked(lock_id=lock_id, reason=reason))
            _append(ledger, second, DataUnlocked(lock_id=lock_id))
        else:
            lock_id = str(load_manifest(layout).get("lock_id", ""))
    layout.lock.unlink(missing_ok=True)
    sync_folder(layout.root)
    settle(layout.root)
    return lock_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Witness:
    """Ledger that a lock is noted in, and who signs it."""

    ledger: Ledger
    signer: Signer


def _lock(layout: Layout, request: LockRequest, vault: Path, witness: _Witness | None) -> Locked:
    head = witness.ledger.head() if witness else None
    publication = publication_from(layout)
    tables = publish(layout, load_problems(layout), publication)
    export_tables(layout, tables, publication, available_formats())
    renew_agreement(layout)
    settle(layout.root)
    statement = LockStatement(
        reason=request.reason,
        missing_reason=request.missing_reason,
        trial_id=publication.trial_id,
        software_version=version("corelab"),
        config_digest=publication.config_digest,
        leak_audit=_audited(layout, vault, request.vault_key),
        ledger_head=str(head) if head else "",
        cases=len(tables.rows.volumes),
        cases_with_volume=_n_measured(tables),
        problems=len(tables.rows.problems),
    )
    _check_contents(layout, witness)
    manifest = manifest_of(layout, statement, _digests(_tables_of(layout)))
    folder = _keep(layout, manifest, witness)
    if witness and head:
        locked = DataLocked(
            lock_id=manifest.lock_id, manifest_sha256=manifest.sha256, reason=request.reason
        )
        _append(witness.ledger, witness.signer, locked, after=head.sequence)
    put_in_place(layout, manifest)
    return Locked(
        lock_id=manifest.lock_id,
        folder=folder,
        n_files=manifest.n_files,
        leak_audit=statement.leak_audit,
    )


def _put_back(layout: Layout, ledger: Ledger, lock_id: str) -> Locked:
    """Put the marker of a lock back that a kill kept from its place, or that was lost."""
    folder = layout.locks / lock_id
    content = read_manifest(folder / MANIFEST)
    manifest = Manifest(lock_id=lock_id, content=content)
    told = {one.payload.get("manifest_sha256") for one in ledger.entries() if _is_lock(one)}
    if manifest.sha256 not in told or content.get("lock_id") != lock_id:
        raise StoreError(f"the ledger says that OUT is locked as {lock_id}, by another manifest")
    put_in_place(layout, manifest)
    return Locked(
        lock_id=lock_id,
        folder=folder,
        n_files=manifest.n_files,
        leak_audit=str(content.get("leak_audit", "")),
    )


def _is_lock(entry: Entry) -> bool:
    return entry.kind == DataLocked.kind


def _check_reason(reason: str) -> None:
    """Refuse what the ledger would refuse at the end, and blanks."""
    if not _SHORTEST_REASON <= len(reason.strip()) <= len(reason) <= LONGEST_TEXT:
        raise StoreError(
            f"the reason has {len(reason.strip())} characters, expected {_SHORTEST_REASON} to "
            f"{LONGEST_TEXT}"
        )


def _check_runs(out: Path, vault: Path) -> None:
    """Refuse a lock between a run that was ended early and the one that resumes it."""
    pending = load_pending(vault)
    if pending or (out / WORK_FOLDER).exists():
        left = f", {counted(len(pending), 'case')} not measured" if pending else ""
        raise StoreError(f"a run into OUT did not come to its end{left}: run it again")


def _check_ledger(layout: Layout) -> None:
    fault = verify(layout.ledger).fault
    if fault:
        raise StoreError(f"the ledger of reads: {fault}")
    state = reading_state_of(layout)
    if state and state.open_ends:
        told = "; ".join(state.open_ends)
        raise StoreError(f"OUT has open reads: {told}. corelab status names them")


def _check_contents(layout: Layout, witness: _Witness | None) -> None:
    """Refuse to lock what `corelab verify` would find at fault."""
    found = [*record_differences(layout), *volume_differences(layout)]
    if witness:
        entries = witness.ledger.entries()
        found += mask_differences(layout, entries)
        found += overlap_differences(witness.ledger, entries)
    if found:
        more = f", and {len(found) - 1} more" if found[1:] else ""
        told = f"{found[0].path}: {found[0].found}{more}"
        raise StoreError(f"OUT does not hold what its records and ledger say: {told}")


def _audited(layout: Layout, vault: Path, vault_key: Path | None) -> str:
    """Words for the manifest; a leak refuses the lock."""
    report = audit_out(layout, vault, vault_key, "lock")
    if not report.is_clean:
        raise StoreError("OUT holds identifying texts, or places not searched: corelab audit")
    return f"passed: {report.n_identifiers} identifying texts, 0 leaks"


def _keep(layout: Layout, manifest: Manifest, witness: _Witness | None) -> Path:
    """Make the lock's own folder, whole or not at all."""
    folder = layout.locks / manifest.lock_id
    part = layout.locks / f".{manifest.lock_id}.part"
    try:
        for left in layout.locks.glob(".*.part"):
            shutil.rmtree(left, ignore_errors=True)
        make_folder(part / LOCKED_TABLES)
        for path in _tables_of(layout):
            write_bytes(part / LOCKED_TABLES / path.name, read_bytes(path))
        write_json(part / MANIFEST, manifest.content)
        if witness:
            write_json(part / SIGNATURE, _signature(manifest, witness.signer))
        # A killed lock may have left one; what it holds is not taken on trust.
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
        sync_folder(layout.locks)
    except OSError as error:
        raise disk_error(f"{folder} cannot be made", layout.root, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _signature(manifest: Manifest, signer: Signer) -> dict[str, Json]:
    return {
        "by": signer.name,
        "public_key_hex": signer.public_key_hex,
        "manifest_sha256": manifest.sha256,
        "signature_hex": signer.sign(signed_text(manifest.sha256)).hex(),
    }


def _append(
    ledger: Ledger,
    signer: Signer,
    event: DataLocked | UnlockAsked | DataUnlocked,
    after: int | None = None,
) -> None:
    room = fold(ledger.entries())
    with_event(room, signer.name, event)
    known = room.sequence if after is None else after
    try:
        ledger.append(signer, event.kind, event_to_json(event), after=known)
    except StaleError as error:
        told = "somebody wrote to the ledger meanwhile: nothing is locked; do it again"
        raise StoreError(told) from error


def _tables_of(layout: Layout) -> list[Path]:
    """Every table under OUT in every form, by names of their own."""
    agreement = layout.agreement.glob("*.csv")
    return sorted([*layout.tables.iterdir(), layout.problems_csv, *agreement])


def _digests(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in paths}


def _n_measured(tables: Tables) -> int:
    return sum(row["infarct_volume_ml"] is not None for row in tables.rows.volumes)
