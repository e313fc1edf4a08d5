"""The follow-up batch: a delivery in, blinded volumes out, every file accounted for."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from corelab.blinding.audit import audit
from corelab.blinding.subjects import Crosswalk, load_subjects
from corelab.blinding.vault import Vault, hold_for_a_run, open_vault, rehearse
from corelab.blinding.vault_delivery import Batch
from corelab.dicom.files import printable
from corelab.dicom.index import index
from corelab.errors import NO_QUERY, ConfigError, Fault, ReasonCode, StoreError
from corelab.series import (
    CasePlan,
    Delivery,
    LooseFile,
    Plan,
    Refusal,
    SourceVersion,
)
from corelab.stages.choose import choose
from corelab.stages.identify import Cast, identify
from corelab.stages.publish import Publication, publish
from corelab.store.files import Json, make_folder, write_json
from corelab.store.layout import Layout
from corelab.store.renewal import renew, restore
from corelab.store.table import load_problems
from corelab.store.times import settle, settled
from corelab.trial import Trial, load_trial
from corelab.vocab import Case, Problem, QcFlag, Read, SubjectCode, VisitLabel
from pipelines.case import WORK_FOLDER, CaseOutcome, CaseTask, Face, run_case
from pipelines.case_record import keep_record, last_key_of
from pipelines.deidentification import write_reports
from pipelines.delivered import Counts, count_files, delivered_files, intake_of
from pipelines.engine import Crash, Engine
from pipelines.incident import note_run
from pipelines.numbering import with_counted_series
from pipelines.places import refuse_nested
from pipelines.progress import Watcher
from pipelines.reader import SpreadReader
from pipelines.searching import SpreadSearcher
from pipelines.withdrawal import Withdrawn, own_words, withdraw, withdraw_leaks

MOST_AUDITS = 4
"""How often OUT is cleared and its tables rebuilt; what is then still found is not rebuilt."""
_NO_CASE = Case(SubjectCode(""), VisitLabel(""))

_RENEWAL = Path(WORK_FOLDER, "renewal")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What a batch is asked to do."""

    incoming: Path
    trial_file: Path
    out: Path
    subjects_file: Path | None
    vault: Path
    face: Face = Face.KEPT
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of a batch; ``changed`` cases rest on other pixels than the run before.

    ``new_key_file`` is the vault's key where this run made it.
    """

    counts: Counts
    changed: tuple[Case, ...]
    reads: tuple[Read, ...]
    problems: tuple[Problem, ...]
    new_keys: frozenset[str]
    vault: Path
    new_key_file: Path | None = None


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
    make_folder(request.out)
    with (
        hold_for_a_run(request.vault),
        _opened(request) as vault,
        settled(request.out),
    ):
        made_with = (version("corelab"), trial.trial.id, trial.digest)
        batch = vault.start_batch(made_with, request.out)
        is_to_renew = restore(layout, request.out / _RENEWAL)
        shutil.rmtree(request.out / WORK_FOLDER, ignore_errors=True)
        delivery = read_delivery(request.incoming, engine, watcher)
        plan = plan_batch(delivery, trial, crosswalk, vault)
        touched = _touched(plan, vault)
        vault.note_series(plan.verdicts)
        vault.note_loose(delivery.loose + delivery.skipped)
        intake = intake_of(delivery, plan.verdicts)
        known = vault.source_versions({v.series.identity.study_uid for v in plan.verdicts})
        tasks = _tasks(plan, request, trial, known)
        outcomes = _run_cases(tasks, request.vault, engine, watcher)
        _note(outcomes, vault, batch)
        vault.note_case_problems(touched, _case_problems(plan, outcomes))
        files = delivered_files(intake, outcomes, vault, SpreadReader(engine, watcher))
        number = vault.note_delivery(request.incoming, files)
        failed = {o.case: o.problem.reason_code for o in outcomes if o.problem}
        write_reports(request.vault, delivery, plan.verdicts, failed)
        measured = {outcome.case for outcome in outcomes if outcome.read}
        for case in sorted(touched - measured):
            withdraw(layout, case, request.vault)
        problems = _all_problems(layout, plan, outcomes, touched=touched, vault=vault)
        if is_to_renew or _came_beside_others(outcomes, layout):
            renew(layout, request.out / _RENEWAL)
        shutil.rmtree(request.out / WORK_FOLDER, ignore_errors=True)
        result = BatchResult(
            counts=count_files(delivery, plan.verdicts),
            changed=_changed(outcomes, known),
            reads=tuple(outcome.read for outcome in outcomes if outcome.read),
            problems=tuple(problems),
            new_keys=frozenset(o.read.case_key for o in outcomes if o.read and o.is_new),
            vault=request.vault,
            new_key_file=vault.new_key_file,
        )
        closing = _Closing(
            layout=layout,
            trial=trial,
            vault=vault,
            searcher=SpreadSearcher(engine, watcher),
            started=started,
        )
        result = closing.close(result)
        counts = dataclasses.asdict(result.counts)
        vault.end_batch(Batch(number=batch, delivery=number, counts=counts))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closing:
    """The end of a batch: tables, pages and the batch's record, audited until clean."""

    layout: Layout
    trial: Trial
    vault: Vault
    searcher: SpreadSearcher
    started: float

    def close(self, result: BatchResult) -> BatchResult:
        """Publish a result without what the audit moves out of OUT."""
        for _ in range(MOST_AUDITS):
            record = self._publish(result)
            withdrawn = self._audit(result.vault)
            if not withdrawn:
                break
            result = _without(result, withdrawn)
        else:
            record = self._record(result)
        note_run(result.vault, record)
        return result

    def _publish(self, result: BatchResult) -> dict[str, Json]:
        record = self._record(result)
        publish(self.layout, result.problems, publication_of(self.trial))
        write_json(self.layout.batch, record)
        settle(self.layout.root)
        return record

    def _record(self, result: BatchResult) -> dict[str, Json]:
        return _batch_record(result, self.trial, time.monotonic() - self.started)

    def _audit(self, folder: Path) -> tuple[Withdrawn, ...]:
        """Search all of OUT, and move what may not stay; the vault keeps where it was."""
        own = own_words(self.trial.trial.id, self.trial.visit_order, self.vault.codes())
        report = audit(self.layout.root, self.vault.identifiers(), own=own, searcher=self.searcher)
        withdrawn = withdraw_leaks(self.layout, folder, report)
        for item in withdrawn:
            self.vault.note_fault(item.case or _NO_CASE, item.evidence)
        return withdrawn


def _without(result: BatchResult, withdrawn: tuple[Withdrawn, ...]) -> BatchResult:
    """Give a batch's result without the cases that the audit moved, and with their problems."""
    gone = {item.case for item in withdrawn}
    problems = dict.fromkeys((*result.problems, *(item.problem for item in withdrawn)))
    return dataclasses.replace(
        result,
        reads=tuple(read for read in result.reads if read.case not in gone),
        problems=tuple(problems),
    )


def plan_delivery(request: BatchRequest, engine: Engine, watcher: Watcher) -> tuple[Plan, Counts]:
    """Say what a batch would do; neither OUT nor the vault is touched.

    Series have numbers of this delivery in place of their headers', since readers may see them.
    """
    trial, crosswalk = load_inputs(request)
    delivery = with_counted_series(read_delivery(request.incoming, engine, watcher))
    with rehearse(request.vault, key_file=request.key_file, command="dry run") as vault:
        plan = plan_batch(delivery, trial, crosswalk, vault)
    return plan, count_files(delivery, plan.verdicts)


def load_inputs(request: BatchRequest) -> tuple[Trial, Crosswalk | None]:
    """Read the trial file and the subjects file; refuse folders that lie inside each other.

    Raises
    ------
    ConfigError
        Every fault of the first file that has any.
    StoreError
        When readers of one folder would see another, or a run would read its own results.
    """
    incoming, out, vault = request.incoming, request.out, request.vault
    refuse_nested(
        (
            ("VAULT", vault, out, "OUT: blinded readers open OUT"),
            ("OUT", out, vault, "VAULT: the vault is for the data manager alone"),
            ("OUT", out, incoming, "INCOMING: the next run would read its own results"),
            ("VAULT", vault, incoming, "INCOMING: the next run would read the vault"),
            ("the vault's key", request.key_file, out, "OUT: blinded readers open OUT"),
            ("the vault's key", request.key_file, vault, "VAULT: a copy would carry its own key"),
            ("the vault's key", request.key_file, incoming, "INCOMING: that is the site's own"),
        )
    )
    trial = load_trial(request.trial_file)
    crosswalk = load_subjects(request.subjects_file) if request.subjects_file else None
    labels = [visit.label for visit in trial.visits]
    unknown = sorted(crosswalk.visits() - set(labels)) if crosswalk else []
    if unknown:
        expected = "a visit of the trial: " + ", ".join(labels)
        faults = tuple(Fault(key="visit", found=repr(v), expected=expected) for v in unknown)
        raise ConfigError(str(request.subjects_file), faults)
    return trial, crosswalk


def read_delivery(incoming: Path, engine: Engine, watcher: Watcher) -> Delivery:
    """Read every header of a folder and its archives, spread over the workers.

    Raises
    ------
    StoreError
        When there is nothing.
    """
    delivery = index(incoming, SpreadReader(engine, watcher))
    if not delivery.n_files:
        raise StoreError(f"{printable(incoming)} holds no files: is it the delivery?")
    return delivery


def plan_batch(delivery: Delivery, trial: Trial, crosswalk: Crosswalk | None, vault: Vault) -> Plan:
    """Decide which case is measured on what; the only place where visits are guessed by order."""
    cast = identify(delivery.series, crosswalk, vault, trial)
    plan = choose(delivery.series, cast.case_of, trial)
    return dataclasses.replace(
        plan,
        cases=tuple(_flagged(case, cast) for case in plan.cases),
        problems=plan.problems + _loose_problems(delivery.loose + delivery.skipped),
    )


def publication_of(trial: Trial) -> Publication:
    """Return what every table and page says of the trial and the software."""
    return Publication(
        trial_id=trial.trial.id,
        software_version=version("corelab"),
        config_digest=trial.digest,
        visits=trial.visit_order,
    )


def _flagged(plan: CasePlan, cast: Cast) -> CasePlan:
    """Case plan with what is known of its time: hours, or the order alone."""
    study = plan.images[0].sources[0].identity.study_key
    plan = dataclasses.replace(plan, hours_from_reference=cast.hours_of_study.get(study))
    if plan.case not in cast.by_order:
        return plan
    return dataclasses.replace(plan, flags=(*plan.flags, QcFlag.VISIT_BY_ORDER))


def _opened(request: BatchRequest) -> AbstractContextManager[Vault]:
    return open_vault(request.vault, key_file=request.key_file, command="run")


def _tasks(
    plan: Plan, request: BatchRequest, trial: Trial, known: tuple[SourceVersion, ...]
) -> list[CaseTask]:
    software = version("corelab")
    tasks = []
    for case in plan.cases:
        used = {part.identity.series_uid for image in case.images for part in image.sources}
        mine = tuple(source for source in known if source.series_uid in used)
        tasks.append(
            CaseTask(
                plan=case,
                out=request.out,
                trial=trial,
                software_version=software,
                known=mine,
                last_key=last_key_of(request.vault, case.case),
                face=request.face,
            )
        )
    return tasks


def _note(outcomes: Iterable[CaseOutcome], vault: Vault, batch: int) -> None:
    for outcome in outcomes:
        vault.note_source(outcome.versions)
        if outcome.evidence:
            vault.note_fault(outcome.case, outcome.evidence, batch)


def _case_problems(plan: Plan, outcomes: Iterable[CaseOutcome]) -> Iterator[tuple[Case, Refusal]]:
    """Problems that belong to a case, those of its measurement with their evidence."""
    for problem in plan.problems:
        if problem.subject_code:
            yield _case_of(problem), _refusal_of(problem, "")
    for outcome in outcomes:
        if outcome.problem:
            yield outcome.case, _refusal_of(outcome.problem, outcome.evidence)


def _case_of(problem: Problem) -> Case:
    return Case(SubjectCode(problem.subject_code), VisitLabel(problem.visit))


def _refusal_of(problem: Problem, evidence: str) -> Refusal:
    reason = ReasonCode(problem.reason_code)
    return Refusal(reason=reason, message=problem.message, evidence=evidence)


def _changed(outcomes: Iterable[CaseOutcome], known: tuple[SourceVersion, ...]) -> tuple[Case, ...]:
    """Cases with a version that earlier runs did not know."""
    return tuple(
        outcome.case
        for outcome in outcomes
        if any(v.number > 1 and v not in known for v in outcome.versions)
    )


def _run_cases(
    tasks: list[CaseTask], vault: Path, engine: Engine, watcher: Watcher
) -> list[CaseOutcome]:
    """Run cases and keep the record of each as soon as it is measured: a rerun resumes."""
    results = watcher.watch("measuring cases", engine.over(run_case, tasks), len(tasks))
    outcomes = []
    for task, result in results:
        outcome = _crashed(task.plan.case, result) if isinstance(result, Crash) else result
        keep_record(vault, outcome)
        outcomes.append(outcome)
    return sorted(outcomes, key=lambda outcome: outcome.case)


def _came_beside_others(outcomes: Iterable[CaseOutcome], layout: Layout) -> bool:
    """Whether some cases of OUT are of this run and some of earlier ones."""
    n_new = sum(outcome.is_new and outcome.read is not None for outcome in outcomes)
    return 0 < n_new < len(layout.reads())


def _crashed(case: Case, crash: Crash) -> CaseOutcome:
    problem = Problem(
        subject_code=case.subject_code,
        visit=case.visit,
        reason_code=ReasonCode.INTERNAL_ERROR.value,
        message=f"the case stopped with {crash.kind}; the vault holds the details",
    )
    return CaseOutcome(case=case, read=None, problem=problem, evidence=crash.detail, is_new=True)


def _loose_problems(files: Iterable[LooseFile]) -> tuple[Problem, ...]:
    """DICOM that no series could take is a query to the site; other files are just not needed."""
    wanted = (file.refusal for file in files if file.refusal.reason not in NO_QUERY)
    counts = Counter((refusal.reason.value, refusal.message) for refusal in wanted)
    return tuple(
        Problem(
            subject_code="",
            visit="",
            reason_code=reason,
            message=message if count == 1 else f"{message} ({count} files)",
        )
        for (reason, message), count in counts.items()
    )


def _touched(plan: Plan, vault: Vault) -> frozenset[Case]:
    """Cases of this delivery's studies, now and in earlier runs."""
    studies = {verdict.series.identity.study_uid for verdict in plan.verdicts}
    now = {verdict.case for verdict in plan.verdicts if verdict.case}
    return vault.cases_of(studies) | now


def _all_problems(
    layout: Layout,
    plan: Plan,
    outcomes: Iterable[CaseOutcome],
    *,
    touched: frozenset[Case],
    vault: Vault,
) -> list[Problem]:
    """Problems of this batch, earlier ones of other cases, and studies that have no case yet."""
    current = [*plan.problems, *(outcome.problem for outcome in outcomes if outcome.problem)]
    keys = {(str(case.subject_code), str(case.visit)) for case in touched}
    earlier = [
        problem
        for problem in load_problems(layout)
        if problem.subject_code and (problem.subject_code, problem.visit) not in keys
    ]
    waiting = [
        Problem(subject_code="", visit="", reason_code=held.reason.value, message=held.message)
        for held in vault.unassigned()
    ]
    known = {problem.message for problem in current if not problem.subject_code}
    return current + earlier + [problem for problem in waiting if problem.message not in known]


def _batch_record(result: BatchResult, trial: Trial, seconds: float) -> dict[str, Json]:
    counts: dict[str, Json] = dict(dataclasses.asdict(result.counts))
    return {
        "duration_s": round(seconds, 1),
        "trial_id": trial.trial.id,
        "config_digest": trial.digest,
        "visits": list(trial.visit_order),
        "software_version": version("corelab"),
        "cases_measured": len(result.reads),
        "cases_new": len(result.new_keys),
        "problems": len(result.problems),
        "files": counts,
    }
