"""One case through all stages, in one worker: DICOM in, blinded files and a read out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from corelab.dicom.digest import FileDigest
from corelab.errors import StoreError, UnfitDataError
from corelab.series import CasePlan, CaseVersion, SourceVersion
from corelab.settings import CaseSettings
from corelab.stages.read import files_of
from corelab.store.files import sha256_of
from corelab.store.layout import Layout
from corelab.store.record import load_read, save_read
from corelab.store.times import settle_one
from corelab.store.versions import carry_versions, standing_read
from corelab.vocab import (
    Case,
    Contrast,
    Problem,
    QcFlag,
    Read,
)
from pipelines.bounds import within_bounds
from pipelines.case_key import CaseKey, Change, change_between
from pipelines.placing import WORK_FOLDER, attempt_at, put_in_place
from pipelines.sources import Sources, read_sources
from pipelines.versions import NO_PAST, Left, Past, place

# They tell of the files, not of the settings.
_FLAGS_OF_VERSIONS = frozenset({QcFlag.SOURCE_CHANGED, QcFlag.SECOND_STUDY, QcFlag.OTHER_SERIES})


class Face(StrEnum):
    """What becomes of the face in released images."""

    KEPT = "kept"
    REMOVED = "removed"


class Redo(StrEnum):
    """Which cases of a batch are measured though they have a read."""

    CHANGED = "changed"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTask:
    """What a worker needs to run a case.

    Of the trial's settings it holds those that touch the case, and no others. ``config_digest`` of
    the whole trial file is only written down. ``known`` is what its series were measured on,
    ``last_key`` the key of its last read, ``past`` its earlier versions, ``digests`` those of its
    files that nobody has touched since they were taken. ``case_minutes`` is when it is given up,
    which touches no result.
    """

    plan: CasePlan
    out: Path
    settings: CaseSettings
    config_digest: str
    software_version: str
    case_minutes: float
    known: tuple[SourceVersion, ...] = ()
    last_key: CaseKey | None = None
    past: Past = NO_PAST
    face: Face = Face.KEPT
    digests: tuple[tuple[Path, FileDigest], ...] = ()
    redo: Redo = Redo.CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """What became of a case: a read, or a problem with evidence for the vault.

    ``versions`` says which pixels the read rests on, ``decoders`` what read each image, ``files``
    the digests of each file that it rests on. ``is_restamped``: the read is the last one with the
    digest of another trial file, whose changes do not touch it. ``version`` is the one that was to
    be measured, ``superseded`` the read that it took the place of. Where the read that stands was
    ``left`` as it was, it is ``read``.
    """

    case: Case
    read: Read | None
    problem: Problem | None
    evidence: str
    is_new: bool
    versions: tuple[SourceVersion, ...] = ()
    decoders: tuple[tuple[Contrast, str], ...] = ()
    files: tuple[tuple[Path, FileDigest], ...] = ()
    key: CaseKey | None = None
    change: Change = Change.UNCHANGED
    is_restamped: bool = False
    version: CaseVersion | None = None
    superseded: Read | None = None
    left: Left | None = None


def run_case(task: CaseTask) -> CaseOutcome:
    """Run a case, or find that its read is there already and nothing has changed.

    All files are built in a work folder and put in place by one rename, so that a case is
    there whole or not at all. A read of other sources is kept beside it as an earlier version.
    A case that fails changes nothing in OUT. What a disk refuses is tried once more; what takes
    too long ends the process, and is known when the case comes again.

    Raises
    ------
    OSError, DiskError
        What the disk refused twice.
    """
    note = task.out / WORK_FOLDER / f"{task.plan.case.stem}.time"
    try:
        return within_bounds(partial(_run, task), note, minutes=task.case_minutes)
    except UnfitDataError as error:
        return _not_measured(task.plan.case, error)


def _run(task: CaseTask) -> CaseOutcome:
    layout = Layout(task.out)
    try:
        sources = read_sources(task.plan, task.known, dict(task.digests))
    except UnfitDataError as error:
        return _not_measured(task.plan.case, error)
    standing = standing_read(layout, task.plan.case)
    placed = place(task.plan, sources, task.past, standing)
    if placed.left and standing:
        outcome = _measured(standing, sources, is_new=False)
        return replace(outcome, versions=(), version=placed.version, left=placed.left)
    task = replace(task, plan=placed.plan)
    key = case_key(task, sources)
    change, done = _compared(task, layout, key)
    if done:
        outcome = _kept(done, task, key, sources)
    else:
        outcome = replace(_made_anew(task, layout, key.text, sources), key=key, change=change)
    is_superseded = outcome.read and standing and standing.version < placed.version.number
    return replace(outcome, version=placed.version, superseded=standing if is_superseded else None)


def foresee(task: CaseTask) -> Change:
    """Say what :func:`run_case` would do, and do nothing; what cannot be read counts as changed."""
    if task.last_key is None:
        return Change.NEW
    layout = Layout(task.out)
    try:
        sources = read_sources(task.plan, task.known)
    except UnfitDataError:
        return Change.FILES
    standing = standing_read(layout, task.plan.case)
    placed = place(task.plan, sources, task.past, standing)
    if placed.left and standing:
        return Change.UNCHANGED
    task = replace(task, plan=placed.plan)
    return _compared(task, layout, case_key(task, sources))[0]


def case_key(task: CaseTask, sources: Sources) -> CaseKey:
    """Give all that a case's result rests on: files, settings with the plan, and version."""
    flags = tuple(flag for flag in task.plan.flags if flag in _FLAGS_OF_VERSIONS)
    files = f"{sources.digest} version {task.plan.version} {flags}"
    return CaseKey(
        files=hashlib.sha256(files.encode()).hexdigest(),
        settings=_settings_digest(task),
        software_version=task.software_version,
    )


def _settings_digest(task: CaseTask) -> str:
    plan, digest = task.plan, hashlib.sha256()
    flags = tuple(flag for flag in plan.flags if flag not in _FLAGS_OF_VERSIONS)
    digest.update(f"{task.settings.digest} {plan.case.stem} {task.face}".encode())
    digest.update(f" {plan.modality} {plan.choice} {flags}".encode())
    digest.update(f" {plan.hours_from_reference}".encode())
    return digest.hexdigest()


def _compared(task: CaseTask, layout: Layout, key: CaseKey) -> tuple[Change, Read | None]:
    """Say whether a case is to be measured and why; its read where it is not."""
    if task.redo is Redo.ALL and task.last_key:
        return Change.ASKED, None
    change = change_between(task.last_key, key)
    if change is not Change.UNCHANGED:
        return change, None
    done = _read_done(layout, task.plan)
    return (Change.UNCHANGED, done) if done else (Change.RESULTS, None)


def problem_of(case: Case, error: UnfitDataError) -> Problem:
    """Row of ``problems.csv`` for a case that could not be measured."""
    return Problem(
        subject_code=case.subject_code,
        visit=case.visit,
        reason_code=error.reason.value,
        message=error.message,
    )


def _made_anew(task: CaseTask, layout: Layout, key: str, sources: Sources) -> CaseOutcome:
    from pipelines.making import make_files  # noqa: PLC0415 - slow, and needed by workers alone

    case = task.plan.case
    with attempt_at(case, task.out) as work:
        try:
            made = make_files(task, work, key)
        except UnfitDataError as error:
            return _not_measured(case, error)
        carry_versions(layout, case, made.released, task.plan.version)
        built = made.released.case_folder(case)
        put_in_place(built, layout.case_folder(case), work.root)
        return replace(_measured(made.read, sources, is_new=True), decoders=made.decoders)


def _kept(done: Read, task: CaseTask, key: CaseKey, sources: Sources) -> CaseOutcome:
    """Keep a read as it is, but for the digest of a trial file that says the same of this case."""
    read = replace(done, config_digest=task.config_digest)
    if read != done:
        path = Layout(task.out).read(read.case)
        save_read(path, read)
        settle_one(path)
        settle_one(path.parent)
    outcome = _measured(replace(read, case_key=key.text), sources, is_new=False)
    return replace(outcome, key=key, is_restamped=read != done)


def _measured(read: Read, sources: Sources, *, is_new: bool) -> CaseOutcome:
    return CaseOutcome(
        case=read.case,
        read=read,
        problem=None,
        evidence="",
        is_new=is_new,
        versions=sources.versions,
        files=sources.files,
    )


def _not_measured(case: Case, error: UnfitDataError) -> CaseOutcome:
    problem = problem_of(case, error)
    return CaseOutcome(case=case, read=None, problem=problem, evidence=error.evidence, is_new=True)


def _read_done(layout: Layout, plan: CasePlan) -> Read | None:
    """Read that is there already, with every file that it rests on as it was."""
    case = plan.case
    try:
        read = load_read(layout.read(case))
    except StoreError:
        return None
    if not layout.mosaic(case).exists():
        return None
    if read.measurement.swelling is None:
        return None  # written before secondary values were measured
    files = files_of(layout, case, [image.contrast for image in plan.images])
    try:
        now = {role: sha256_of(path) for role, path in files.items()}
    except OSError:
        return None
    return read if now == {digest.role: digest.sha256 for digest in read.digests} else None
