"""How far a trial's batches are: cases done, pending and failed, what is held back, the disk."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from corelab.blinding.vault import open_vault
from corelab.blinding.vault_file import has_vault
from corelab.blinding.vault_hold import is_held
from corelab.blinding.vault_ledger import BatchRow, Ledger
from corelab.errors import StoreError
from corelab.store.files import Json, read_json
from corelab.store.layout import Layout
from corelab.store.ledger_file import is_locked
from corelab.store.table import load_problems
from corelab.vocab import Case, Contrast, Problem, SubjectCode, VisitLabel
from pipelines.pending import load_pending
from pipelines.placing import WORK_FOLDER
from pipelines.reading_state import ReadingState, reading_state_of
from pipelines.vault_query import wanted

_BLOCK_BYTES = 512
_IMAGE_ENDS = tuple(f"_{contrast}.nii.gz" for contrast in Contrast)
_MASK_END = "_mask.nii.gz"


class RunState(StrEnum):
    """What is known of a run on OUT."""

    AT_WORK = "a run is at work"
    UNFINISHED = "no run at work; the last one did not finish: the same command resumes"
    NONE = "no run at work"
    WORK_LEFT = "a run is at work or did not finish: --vault tells which"
    NO_TRACE = "no trace of a run at work: --vault tells for sure"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """Bytes that OUT takes on its disk, and those that are free there."""

    images_bytes: int
    masks_bytes: int
    rest_bytes: int
    free_bytes: int

    @property
    def all_bytes(self) -> int:
        """What OUT takes."""
        return self.images_bytes + self.masks_bytes + self.rest_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultStatus:
    """What the vault adds; ``quarantined`` counts what asks somebody something, by reason.

    ``pending`` cases are planned and not done; ``is_of_out``: its batches have written to this OUT.
    """

    pending: tuple[Case, ...]
    quarantined: dict[str, int]
    last_batch: BatchRow | None
    is_of_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far the batches of an OUT are.

    ``failed`` are problems of cases that have no read, ``noted`` those of cases that have one,
    ``loose`` those of no case. ``batch`` is what the last run that ended said of itself.
    ``reading`` is ``None`` where nobody reads.
    """

    out: Path
    is_locked: bool
    run: RunState
    reads: frozenset[Case]
    failed: tuple[Problem, ...]
    noted: tuple[Problem, ...]
    loose: tuple[Problem, ...]
    batch: dict[str, Json]
    disk: DiskUse
    vault: VaultStatus | None
    reading: ReadingState | None = None

    @property
    def done(self) -> frozenset[Case]:
        """Cases with a read that no interrupted run was to look at again."""
        return self.reads.difference(self.pending or ())

    @property
    def pending(self) -> tuple[Case, ...] | None:
        """Cases that are planned and not done; ``None`` where nobody looked into the vault."""
        return self.vault.pending if self.vault else None

    @property
    def visits(self) -> tuple[str, ...]:
        """Every visit that any case has, in the order of the trial, others behind."""
        told = self.batch.get("visits")
        ordered = [str(visit) for visit in told] if isinstance(told, list) else []
        found = {str(case.visit) for case in (*self.reads, *(self.pending or ()))}
        found |= {problem.visit for problem in self.failed}
        return (*(v for v in ordered if v in found), *sorted(found.difference(ordered)))

    @property
    def is_all_done(self) -> bool:
        """Whether nothing is pending, failed or open, in the reading room neither."""
        problems = (*self.failed, *self.noted, *self.loose)
        if self.reading and self.reading.open_ends:
            return False
        is_quiet = self.run in {RunState.NONE, RunState.NO_TRACE}
        return not problems and not self.pending and is_quiet


def status_of(out: Path, vault: Path | None, key_file: Path | None) -> Status:
    """Look at OUT, and at the vault where it is named; nothing in OUT is opened for writing.

    Raises
    ------
    StoreError
        When there is no such OUT or vault, or no run has left anything there.
    """
    layout = Layout(out)
    if not out.is_dir():
        raise StoreError(f"{out} is no folder: no run has made it")
    if vault and not has_vault(vault):
        raise StoreError(f"{vault} holds no vault")
    has_work = (out / WORK_FOLDER).exists()
    if not vault and not has_work and not layout.batch.exists():
        raise StoreError(f"{out} holds no results of a run")
    reads = frozenset(map(_case_of_read, layout.reads()))
    problems = load_problems(layout)
    of_cases = [problem for problem in problems if problem.subject_code]
    of_vault = _look_into(vault, key_file, out) if vault else None
    return Status(
        out=out,
        is_locked=is_locked(layout),
        run=_state(vault, of_vault, has_work=has_work),
        reads=reads,
        failed=tuple(problem for problem in of_cases if case_of(problem) not in reads),
        noted=tuple(problem for problem in of_cases if case_of(problem) in reads),
        loose=tuple(problem for problem in problems if not problem.subject_code),
        batch=read_json(layout.batch) if layout.batch.exists() else {},
        disk=_disk_use(out),
        vault=of_vault,
        reading=reading_state_of(layout),
    )


def case_of(problem: Problem) -> Case:
    """Case that a problem is of."""
    return Case(SubjectCode(problem.subject_code), VisitLabel(problem.visit))


def _case_of_read(path: Path) -> Case:
    code, visit = path.parents[1].name, path.parent.name
    return Case(SubjectCode(code.removeprefix("sub-")), VisitLabel(visit.removeprefix("ses-")))


def _state(vault: Path | None, known: VaultStatus | None, *, has_work: bool) -> RunState:
    if vault is None or known is None:
        return RunState.WORK_LEFT if has_work else RunState.NO_TRACE
    if is_held(vault):
        return RunState.AT_WORK
    is_ended = known.last_batch is None or bool(known.last_batch.finished_utc)
    return RunState.NONE if is_ended and not has_work else RunState.UNFINISHED


def _look_into(folder: Path, key_file: Path | None, out: Path) -> VaultStatus:
    with open_vault(folder, key_file=key_file, command="status") as vault:
        ledger = vault.ledger
        batches = ledger.batches()
        return VaultStatus(
            pending=tuple(sorted(load_pending(folder))),
            quarantined=_quarantined(ledger),
            last_batch=batches[-1] if batches else None,
            is_of_out=not batches or str(out.resolve()) in ledger.outs(),
        )


def _quarantined(ledger: Ledger) -> dict[str, int]:
    held = wanted(ledger.held_back(), with_unneeded=False)
    counts = Counter(row.reason.value if row.reason else "reason not kept" for row in held)
    return dict(counts.most_common())


def _disk_use(out: Path) -> DiskUse:
    images, masks, rest = 0, 0, 0
    for path, size in _sizes(out):
        if path.endswith(_IMAGE_ENDS):
            images += size
        elif path.endswith(_MASK_END):
            masks += size
        else:
            rest += size
    free = shutil.disk_usage(out).free
    return DiskUse(images_bytes=images, masks_bytes=masks, rest_bytes=rest, free_bytes=free)


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    """Each file's name and the room that it takes; a run may take files away meanwhile."""
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield name, os.lstat(Path(parent, name)).st_blocks * _BLOCK_BYTES
            except FileNotFoundError:
                continue
