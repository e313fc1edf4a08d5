"""The follow-up batch: a delivery in, blinded volumes out, every file accounted for."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from corelab.blinding.audit import audit
from corelab.blinding.subjects import Crosswalk, load_subjects
from corelab.blinding.vault import Vault, open_vault
from corelab.dicom.files import find_files, is_ignored
from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.index import index_headers
from corelab.errors import ReasonCode, StoreError
from corelab.series import (
    CasePlan,
    Delivery,
    LooseFile,
    Outcome,
    Plan,
    Refusal,
    SeriesVerdict,
)
from corelab.stages.choose import choose
from corelab.stages.identify import Cast, identify
from corelab.stages.publish import Publication, publish
from corelab.store.files import Json, write_json
from corelab.store.layout import Layout
from corelab.store.table import load_problems
from corelab.trial import Trial, load_trial
from corelab.vocab import Case, Problem, QcFlag, Read
from pipelines.case import WORK_FOLDER, CaseOutcome, CaseTask, run_case
from pipelines.engine import Crash, Engine
from pipelines.progress import Watcher

_CASE_FILE_DEPTH = 3
_HEADERS_PER_TASK = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What a batch is asked to do."""

    incoming: Path
    trial_file: Path
    out: Path
    subjects_file: Path | None
    vault: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Where every file of a delivery went: the parts sum to ``n_files``."""

    n_files: int
    n_used: int
    n_not_needed: int
    n_duplicate: int
    n_quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of a batch."""

    counts: Counts
    reads: tuple[Read, ...]
    problems: tuple[Problem, ...]
    new_keys: frozenset[str]
    vault: Path


def run_batch(request: BatchRequest, engine: Engine, watcher: Watcher) -> BatchResult:
    """Run a delivery from DICOM to tables.

    Raises
    ------
    ConfigError
        When the trial or the subjects file is wrong: nothing is written then.
    StoreError
        When OUT or the vault cannot be used.
    """
    trial, crosswalk = load_inputs(request)
    layout, started = Layout(request.out), time.monotonic()
    if layout.lock.exists():
        raise StoreError("OUT is locked; a locked OUT takes no new reads")
    request.out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(request.out / WORK_FOLDER, ignore_errors=True)
    with open_vault(request.vault) as vault:
        delivery = read_delivery(request.incoming, engine, watcher)
        plan = plan_batch(delivery, trial, crosswalk, vault)
        vault.note_series(plan.verdicts)
        vault.note_loose(delivery.loose)
        outcomes = _run_cases(_tasks(plan, request.out, trial), engine, watcher)
        for outcome in outcomes:
            if outcome.evidence:
                vault.note_fault(outcome.case, outcome.evidence)
        problems = _all_problems(layout, plan, outcomes)
        publication = publication_of(trial)
        publish(layout, problems, publication)
        leaks = _withdraw_leaks(layout, request.vault, vault)
        if leaks:
            problems += leaks
            publish(layout, problems, publication)
    shutil.rmtree(request.out / WORK_FOLDER, ignore_errors=True)
    result = BatchResult(
        counts=count_files(delivery, plan.verdicts),
        reads=tuple(outcome.read for outcome in outcomes if outcome.read),
        problems=tuple(problems),
        new_keys=frozenset(o.read.case_key for o in outcomes if o.read and o.is_new),
        vault=request.vault,
    )
    write_json(layout.batch, _batch_record(result, trial, time.monotonic() - started))
    return result


def plan_delivery(request: BatchRequest, engine: Engine, watcher: Watcher) -> tuple[Plan, Counts]:
    """Say what a batch would do; codes and visits are kept in the vault, OUT is not touched."""
    trial, crosswalk = load_inputs(request)
    with open_vault(request.vault) as vault:
        delivery = read_delivery(request.incoming, engine, watcher)
        plan = plan_batch(delivery, trial, crosswalk, vault)
    return plan, count_files(delivery, plan.verdicts)


def load_inputs(request: BatchRequest) -> tuple[Trial, Crosswalk | None]:
    """Read the trial file and the subjects file, and refuse a vault inside OUT."""
    if request.vault.resolve().is_relative_to(request.out.resolve()):
        raise StoreError("the vault must not lie inside OUT: blinded readers open OUT")
    trial = load_trial(request.trial_file)
    return trial, load_subjects(request.subjects_file) if request.subjects_file else None


def read_delivery(incoming: Path, engine: Engine, watcher: Watcher) -> Delivery:
    """Read every header of a folder, spread over the workers."""
    paths = find_files(incoming)
    wanted = [path for path in paths if not is_ignored(path)]
    chunks = [wanted[n : n + _HEADERS_PER_TASK] for n in range(0, len(wanted), _HEADERS_PER_TASK)]
    results = watcher.watch("reading headers", engine.over(read_headers, chunks), len(chunks))
    records: list[FileHeader | LooseFile] = []
    for chunk, headers in results:
        records += _lost(chunk, headers) if isinstance(headers, Crash) else headers
    return index_headers(records, n_ignored=len(paths) - len(wanted))


def read_headers(paths: list[Path]) -> list[FileHeader | LooseFile]:
    """Read the headers of some files, in a worker."""
    return [read_header(path) for path in paths]


def plan_batch(delivery: Delivery, trial: Trial, crosswalk: Crosswalk | None, vault: Vault) -> Plan:
    """Decide which case is measured on what; the only place where visits are guessed by order."""
    cast = identify(delivery.series, crosswalk, vault)
    plan = choose(delivery.series, cast.case_of, trial)
    return dataclasses.replace(plan, cases=tuple(_flagged(case, cast) for case in plan.cases))


def publication_of(trial: Trial) -> Publication:
    """Return what every table and page says of the trial and the software."""
    return Publication(
        trial_id=trial.trial.id,
        software_version=version("corelab"),
        config_digest=trial.digest,
    )


def count_files(delivery: Delivery, verdicts: Iterable[SeriesVerdict]) -> Counts:
    """Count where every file went; a file that serves two parts counts by its best use."""
    of: dict[Path, Outcome] = {}
    rank = {Outcome.USED: 0, Outcome.QUARANTINED: 1, Outcome.NOT_NEEDED: 2}
    for verdict in verdicts:
        for path in verdict.series.files:
            known = of.get(path, verdict.outcome)
            of[path] = min(known, verdict.outcome, key=lambda outcome: rank[outcome])
    tally = list(of.values())
    return Counts(
        n_files=delivery.n_files,
        n_used=tally.count(Outcome.USED),
        n_not_needed=tally.count(Outcome.NOT_NEEDED) + delivery.n_ignored,
        n_duplicate=delivery.n_duplicates,
        n_quarantined=tally.count(Outcome.QUARANTINED) + len(delivery.loose),
    )


def _lost(paths: list[Path], crash: Crash) -> list[FileHeader | LooseFile]:
    """Files whose headers took their worker down: held back, each one named in the vault."""
    refusal = Refusal(
        reason=ReasonCode.INTERNAL_ERROR,
        message=f"reading the headers of {len(paths)} files stopped with {crash.kind}",
        evidence=crash.detail,
    )
    return [LooseFile(path=path, refusal=refusal) for path in paths]


def _flagged(plan: CasePlan, cast: Cast) -> CasePlan:
    if plan.case not in cast.by_order:
        return plan
    return dataclasses.replace(plan, flags=(*plan.flags, QcFlag.VISIT_BY_ORDER))


def _tasks(plan: Plan, out: Path, trial: Trial) -> list[CaseTask]:
    software = version("corelab")
    return [
        CaseTask(plan=case, out=out, trial=trial, software_version=software) for case in plan.cases
    ]


def _run_cases(tasks: list[CaseTask], engine: Engine, watcher: Watcher) -> list[CaseOutcome]:
    results = watcher.watch("measuring cases", engine.over(run_case, tasks), len(tasks))
    outcomes = [
        _crashed(task.plan.case, result) if isinstance(result, Crash) else result
        for task, result in results
    ]
    return sorted(outcomes, key=lambda outcome: outcome.case)


def _crashed(case: Case, crash: Crash) -> CaseOutcome:
    problem = Problem(
        subject_code=case.subject_code,
        visit=case.visit,
        reason_code=ReasonCode.INTERNAL_ERROR.value,
        message=f"the case stopped with {crash.kind}; the vault holds the details",
    )
    return CaseOutcome(case=case, read=None, problem=problem, evidence=crash.detail, is_new=True)


def _all_problems(layout: Layout, plan: Plan, outcomes: Iterable[CaseOutcome]) -> list[Problem]:
    """Problems of this batch, and earlier ones of cases that it does not touch."""
    current = [*plan.problems, *(outcome.problem for outcome in outcomes if outcome.problem)]
    touched = {(str(v.case.subject_code), str(v.case.visit)) for v in plan.verdicts if v.case}
    earlier = [
        problem
        for problem in load_problems(layout)
        if problem.subject_code and (problem.subject_code, problem.visit) not in touched
    ]
    return current + earlier


def _withdraw_leaks(layout: Layout, folder: Path, vault: Vault) -> list[Problem]:
    """Move every case in which an identifier is found out of OUT, into the vault."""
    problems = []
    leaks = audit(layout.root, vault.identifiers())
    cases = dict.fromkeys(
        leak.path.parts[:2] for leak in leaks if len(leak.path.parts) == _CASE_FILE_DEPTH
    )
    for subject, session in cases:
        held = folder / "withdrawn" / subject / session
        shutil.rmtree(held, ignore_errors=True)
        held.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(layout.root / subject / session, held)
        problems.append(
            Problem(
                subject_code=subject.removeprefix("sub-"),
                visit=session.removeprefix("ses-"),
                reason_code=ReasonCode.LEAK_FOUND.value,
                message="an identifying text was found in the case's files; they are in the vault",
            )
        )
    return problems


def _batch_record(result: BatchResult, trial: Trial, seconds: float) -> dict[str, Json]:
    counts: dict[str, Json] = dict(dataclasses.asdict(result.counts))
    return {
        "finished_at_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_s": round(seconds, 1),
        "trial_id": trial.trial.id,
        "config_digest": trial.digest,
        "software_version": version("corelab"),
        "cases_measured": len(result.reads),
        "cases_new": len(result.new_keys),
        "problems": len(result.problems),
        "files": counts,
    }
