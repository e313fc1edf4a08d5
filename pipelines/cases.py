"""The cases of a batch: as tasks, spread over the workers, and what the vault keeps of each."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from errno import EACCES, EPERM, EROFS
from importlib.metadata import version
from pathlib import Path

from corelab.blinding.vault import Vault
from corelab.blinding.vault_delivery import KnownDigests
from corelab.dicom.digest import FileDigest
from corelab.errors import ReasonCode
from corelab.series import CasePlan, CaseVersion, Plan, Refusal, SeriesKey, SourceVersion
from corelab.settings import settings_of
from corelab.store.files import FULL, disk_error
from corelab.trial import Trial
from corelab.vocab import Case, Modality, Problem, QcFlag, SubjectCode, VisitLabel
from pipelines.case import CaseOutcome, CaseTask, run_case
from pipelines.case_record import keep_record, last_key_of
from pipelines.engine import Crash, Engine
from pipelines.progress import CaseNews, News, Stage, Unit, Watcher
from pipelines.request import BatchRequest
from pipelines.versions import Past

STAGE = "measuring cases"
_ENDS_THE_RUN = FULL | {EROFS, EACCES, EPERM}


def tasks_of(
    plan: Plan,
    request: BatchRequest,
    trial: Trial,
    known: tuple[SourceVersion, ...],
    *,
    histories: Mapping[Case, tuple[CaseVersion, ...]],
) -> list[CaseTask]:
    """One task a case, with what earlier runs know of its sources, its versions and its result."""
    software, config_digest = version("corelab"), trial.digest
    delivered: dict[Case, set[SeriesKey]] = defaultdict(set)
    for verdict in plan.verdicts:
        if verdict.case:
            delivered[verdict.case].add(verdict.series.identity.series_key)
    tasks = []
    for case in plan.cases:
        used = {part.identity.series_uid for image in case.images for part in image.sources}
        mine = tuple(source for source in known if source.series_uid in used)
        tasks.append(
            CaseTask(
                plan=case,
                out=request.out,
                settings=settings_of(trial, case),
                config_digest=config_digest,
                case_minutes=trial.limits.case_minutes,
                software_version=software,
                known=mine,
                last_key=last_key_of(request.vault, case.case),
                past=_past_of(case, trial, delivered[case.case], histories.get(case.case, ())),
                face=request.face,
                redo=request.redo,
            )
        )
    return tasks


def with_digests(tasks: Iterable[CaseTask], taken: Mapping[Path, KnownDigests]) -> list[CaseTask]:
    """Tasks that are told the digests of their files, where both are known."""
    digests = {
        path: FileDigest(whole=known.sha256, pixels=known.pixels)
        for path, known in taken.items()
        if known.pixels
    }
    return [
        replace(task, digests=tuple((p, digests[p]) for p in _files_of(task) if p in digests))
        for task in tasks
    ]


def _past_of(
    plan: CasePlan, trial: Trial, delivered: Iterable[SeriesKey], history: tuple[CaseVersion, ...]
) -> Past:
    visit = trial.visit(plan.case.visit)
    return Past(
        history=history,
        delivered=frozenset(delivered),
        preference=visit.modalities if visit else tuple(Modality),
        is_eligible=QcFlag.LOSSY_PIXELS not in plan.flags or trial.limits.lossy_pixels_allowed,
    )


def run_cases(
    tasks: list[CaseTask], vault: Vault, folder: Path, *, engine: Engine, watcher: Watcher
) -> list[CaseOutcome]:
    """Run cases and keep the record of each as soon as it is measured: a rerun resumes.

    Raises
    ------
    DiskError
        When OUT takes nothing more: no other case would fare better.
    """
    stage = Stage(name=STAGE, total=len(tasks), unit=Unit.CASE, news=_news)
    results = (
        (_crashed(task, result), None) if isinstance(result, Crash) else result
        for task, result in engine.over(run_timed_case, tasks)
    )
    outcomes = []
    histories = {task.plan.case: task.past.history for task in tasks}
    for outcome, _ in watcher.watch(stage, results):
        keep_record(folder, outcome)
        made = None if outcome.left or outcome.read is None else outcome.version
        if made and made not in histories[outcome.case]:
            vault.versions.note(outcome.case, made)
        outcomes.append(outcome)
    return sorted(outcomes, key=lambda outcome: outcome.case)


def run_timed_case(task: CaseTask) -> tuple[CaseOutcome, float | None]:
    """Run a case in a worker; its outcome, and how many seconds it took."""
    started = time.monotonic()
    return run_case(task), time.monotonic() - started


def note_outcomes(outcomes: Iterable[CaseOutcome], vault: Vault) -> None:
    """Keep which pixels each read rests on."""
    for outcome in outcomes:
        vault.note_source(outcome.versions)


def case_problems(plan: Plan, outcomes: Iterable[CaseOutcome]) -> Iterator[tuple[Case, Refusal]]:
    """Problems that belong to a case, those of its measurement with their evidence."""
    for problem in plan.problems:
        if problem.subject_code:
            yield _case_of(problem), _refusal_of(problem, "")
    for outcome in outcomes:
        if outcome.problem:
            yield outcome.case, _refusal_of(outcome.problem, outcome.evidence)


def changed_cases(
    outcomes: Iterable[CaseOutcome], known: tuple[SourceVersion, ...]
) -> tuple[Case, ...]:
    """Cases with a version that earlier runs did not know."""
    return tuple(
        outcome.case
        for outcome in outcomes
        if any(v.number > 1 and v not in known for v in outcome.versions)
    )


def _files_of(task: CaseTask) -> set[Path]:
    series = [part for image in task.plan.images for part in image.sources]
    return {path for part in series for path in (*part.files, *(f.path for f in part.frames))}


def _news(step: tuple[CaseOutcome, float | None]) -> News:
    outcome, seconds = step
    reason = outcome.problem.reason_code if outcome.problem else None
    told = CaseNews(case=outcome.case, seconds=seconds, reason_code=reason)
    return News(failed=int(reason is not None), case=told)


def _crashed(task: CaseTask, crash: Crash) -> CaseOutcome:
    case = task.plan.case
    if crash.errno in _ENDS_THE_RUN:
        what = f"OUT takes no more files, {case.stem} was not measured"
        raise disk_error(what, task.out, OSError(crash.errno, os.strerror(crash.errno)))
    reason, message = _why(crash)
    problem = Problem(
        subject_code=case.subject_code,
        visit=case.visit,
        reason_code=reason.value,
        message=message,
    )
    return CaseOutcome(case=case, read=None, problem=problem, evidence=crash.detail, is_new=True)


def _why(crash: Crash) -> tuple[ReasonCode, str]:
    """Tell what a case stopped with, in our own words."""
    if crash.is_over_memory:
        message = "measuring took more memory than a worker may, twice: fewer workers have more"
        return ReasonCode.MEMORY_LIMIT, message
    if crash.is_death:
        message = "the process that measured it ended twice: a crash, or no memory was left"
        return ReasonCode.WORKER_DIED, message
    if crash.errno is not None:
        message = f"a disk failed twice: {os.strerror(crash.errno)}; the vault holds the details"
        return ReasonCode.DISK_FAILED, message
    message = f"the case stopped with {crash.kind}; the vault holds the details"
    return ReasonCode.INTERNAL_ERROR, message


def _case_of(problem: Problem) -> Case:
    return Case(SubjectCode(problem.subject_code), VisitLabel(problem.visit))


def _refusal_of(problem: Problem, evidence: str) -> Refusal:
    reason = ReasonCode(problem.reason_code)
    return Refusal(reason=reason, message=problem.message, evidence=evidence)
