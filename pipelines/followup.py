"""The follow-up batch: a delivery in, blinded volumes out, every file accounted for."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from corelab.blinding.subjects import Crosswalk
from corelab.blinding.vault import Vault, open_vault, rehearse
from corelab.blinding.vault_delivery import Batch
from corelab.blinding.vault_hold import hold_for_a_run
from corelab.dicom.files import printable
from corelab.dicom.index import index
from corelab.errors import NO_QUERY, ReasonCode, StoreError
from corelab.series import CasePlan, Delivery, LooseFile, Plan, Refusal
from corelab.stages.choose import choose
from corelab.stages.identify import Cast, identify
from corelab.store.files import make_folder
from corelab.store.layout import Layout
from corelab.store.ledger_file import is_locked
from corelab.store.renewal import renew
from corelab.store.table import load_problems
from corelab.store.times import settled
from corelab.trial import Trial
from corelab.vocab import Case, Problem, QcFlag, SubjectCode, VisitLabel
from pipelines.audit_memory import RememberingSearcher, forget_clean_files
from pipelines.case import CaseOutcome, CaseTask, Redo, foresee
from pipelines.case_key import Change
from pipelines.cases import (
    case_problems,
    changed_cases,
    note_outcomes,
    run_cases,
    tasks_of,
    with_digests,
)
from pipelines.closing import BatchResult, Closing
from pipelines.deidentification import write_reports
from pipelines.delivered import Counts, Intake, count_files, delivered_files, intake_of
from pipelines.engine import Crash, Engine
from pipelines.numbering import with_counted_series
from pipelines.pending import load_pending, write_pending
from pipelines.pick import Pick, cases_in
from pipelines.placing import RENEWAL, begin_work, end_work, remove_parts_below
from pipelines.progress import News, Stage, Unit, Watcher
from pipelines.reader import SpreadReader
from pipelines.request import BatchRequest, load_inputs
from pipelines.searching import SpreadSearcher
from pipelines.standing import (
    Keeper,
    notes_of,
    still_open,
    studies_moved,
    told_standing,
)
from pipelines.unchanged import keep_result, look_at


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
    if is_locked(layout):
        raise StoreError("OUT is locked; a locked OUT takes no new reads")
    make_folder(request.out)
    received = look_at(request, trial)
    with hold_for_a_run(request.vault), _opened(request) as vault:
        number = vault.start_batch((version("corelab"), trial.trial.id, trial.digest), request.out)
        batch = _Batch(
            request=request,
            trial=trial,
            layout=layout,
            vault=vault,
            engine=engine,
            watcher=watcher,
        )
        with settled(request.out):
            result, delivery = batch.run(crosswalk, started)
            counts = dataclasses.asdict(result.counts)
            vault.end_batch(Batch(number=number, delivery=delivery, counts=counts))
            write_pending(request.vault, result.pending)
        keep_result(received, result, delivery, vault)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """A batch at work: who works, and where results and what identifies are kept."""

    request: BatchRequest
    trial: Trial
    layout: Layout
    vault: Vault
    engine: Engine
    watcher: Watcher

    def run(self, crosswalk: Crosswalk | None, started: float) -> tuple[BatchResult, int]:
        """Measure, publish and audit; the result, and the delivery's number in the vault."""
        request, vault = self.request, self.vault
        remove_parts_below(request.vault)
        # A run that ended early may have left cases that are newer than the others.
        is_to_renew = begin_work(request.out) and bool(self.layout.reads())
        result, delivery = self.measure(crosswalk, is_to_renew=is_to_renew)
        if request.redo is Redo.ALL:
            forget_clean_files(vault)
        searcher = SpreadSearcher(self.engine, self.watcher)
        result = Closing(
            layout=self.layout,
            trial=self.trial,
            vault=vault,
            searcher=RememberingSearcher(searcher=searcher, vault=vault),
            started=started,
        ).close(result)
        return result, delivery

    def measure(self, crosswalk: Crosswalk | None, *, is_to_renew: bool) -> tuple[BatchResult, int]:
        """Measure what a delivery holds; the result, and the delivery's number in the vault."""
        vault = self.vault
        delivery = read_delivery(self.request.incoming, self.engine, self.watcher)
        whole = plan_batch(delivery, self.trial, crosswalk, vault)
        plan = self.request.pick.narrow(whole)
        touched = _touched(whole, vault, self.request.pick)
        histories = {case: vault.versions.of(case) for case in touched}
        keeper = Keeper(layout=self.layout, vault=self.request.vault, histories=histories)
        moved = studies_moved(whole, vault)
        of_moved = {case: vault.versions.of(case) for case in moved}
        dataclasses.replace(keeper, histories=of_moved).withdraw_moved(moved)
        vault.note_series(plan.verdicts)
        vault.note_loose(self.request.incoming, delivery.loose + delivery.skipped)
        known = vault.source_versions({v.series.identity.study_uid for v in plan.verdicts})
        intake = self._intake(delivery, plan)
        tasks = with_digests(
            tasks_of(plan, self.request, self.trial, known, histories=histories), intake.digests
        )
        pending = self._left_pending(whole, touched)
        write_pending(self.request.vault, pending | (touched & cases_in(whole)))
        outcomes = run_cases(
            tasks, vault, self.request.vault, engine=self.engine, watcher=self.watcher
        )
        plan, outcomes = _told(plan, outcomes, keeper.withdraw_fallen(plan, outcomes))
        waiting = still_open(load_problems(self.layout), plan, outcomes, histories)
        touched -= {_case_of(problem) for problem in waiting}
        vault.note_case_problems(touched, case_problems(plan, outcomes))
        number = self._keep(intake, delivery, plan, outcomes)
        problems = _all_problems(self.layout, plan, outcomes, touched=touched, vault=vault)
        if is_to_renew or _came_beside_others(outcomes, self.layout):
            renew(self.layout, self.request.out / RENEWAL)
        end_work(self.request.out)
        result = BatchResult(
            counts=count_files(delivery, plan.verdicts),
            changed=changed_cases(outcomes, known),
            reads=tuple(outcome.read for outcome in outcomes if outcome.read),
            problems=tuple(problems),
            new_keys=frozenset(o.read.case_key for o in outcomes if o.read and o.is_new),
            vault=self.request.vault,
            new_key_file=vault.new_key_file,
            notes=notes_of(plan, outcomes),
            changes=tuple(o.change for o in outcomes if o.read),
            pending=tuple(sorted(pending)),
        )
        return result, number

    def _left_pending(self, whole: Plan, touched: frozenset[Case]) -> frozenset[Case]:
        """Cases that stay to be done: planned before, or of this delivery and not picked."""
        problems = load_problems(self.layout)
        failed = {(problem.subject_code, problem.visit) for problem in problems}
        left_out = {
            case
            for case in cases_in(whole) - touched
            if not self.layout.read(case).exists()
            and (str(case.subject_code), str(case.visit)) not in failed
        }
        return (load_pending(self.request.vault) - touched) | left_out

    def _intake(self, delivery: Delivery, plan: Plan) -> Intake:
        """Look at what was received; who asks for all cases anew trusts no earlier digest."""
        intake = intake_of(delivery, plan.verdicts, self.vault)
        return dataclasses.replace(intake, digests={}) if self.request.redo is Redo.ALL else intake

    def _keep(
        self, intake: Intake, delivery: Delivery, plan: Plan, outcomes: list[CaseOutcome]
    ) -> int:
        """Keep in the vault what was delivered and what became of it; the delivery's number."""
        note_outcomes(outcomes, self.vault)
        reader = SpreadReader(self.engine, self.watcher)
        files = delivered_files(intake, outcomes, reader)
        failed = {o.case: o.problem.reason_code for o in outcomes if o.problem}
        write_reports(self.request.vault, delivery, plan.verdicts, failed)
        return self.vault.note_delivery(self.request.incoming, files)


class Forecast(NamedTuple):
    """What a batch would do: its plan, where every file would go, and why each case is redone."""

    plan: Plan
    counts: Counts
    changes: tuple[Change, ...]


def plan_delivery(request: BatchRequest, engine: Engine, watcher: Watcher) -> Forecast:
    """Say what a batch would do; OUT is not touched, and of the vault only its log.

    Series have numbers of this delivery in place of their headers', since readers may see them.
    """
    trial, crosswalk = load_inputs(request)
    delivery = with_counted_series(read_delivery(request.incoming, engine, watcher))
    with rehearse(request.vault, key_file=request.key_file, command="dry run") as vault:
        plan = request.pick.narrow(plan_batch(delivery, trial, crosswalk, vault))
        known = vault.source_versions({v.series.identity.study_uid for v in plan.verdicts})
        histories = {planned.case: vault.versions.of(planned.case) for planned in plan.cases}
    tasks = tasks_of(plan, request, trial, known, histories=histories)
    stage: Stage[tuple[CaseTask, Change | Crash]] = Stage(
        name="comparing cases", total=len(tasks), unit=Unit.CASE, news=lambda _: News()
    )
    foreseen = watcher.watch(stage, engine.over(foresee, tasks))
    changes = [Change.NEW if isinstance(change, Crash) else change for _, change in foreseen]
    return Forecast(plan, count_files(delivery, plan.verdicts), tuple(changes))


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


def _flagged(plan: CasePlan, cast: Cast) -> CasePlan:
    """Case plan with what is known of its time: hours, or the order alone."""
    study = plan.images[0].sources[0].identity.study_key
    plan = dataclasses.replace(plan, hours_from_reference=cast.hours_of_study.get(study))
    if plan.case not in cast.by_order:
        return plan
    return dataclasses.replace(plan, flags=(*plan.flags, QcFlag.VISIT_BY_ORDER))


def _told(
    plan: Plan, outcomes: Iterable[CaseOutcome], stands: Mapping[Case, int]
) -> tuple[Plan, list[CaseOutcome]]:
    """Let the problems tell which reads stand nevertheless."""
    left = {(o.case.subject_code, o.case.visit) for o in outcomes if o.left}
    problems = tuple(
        told_standing(problem, stands)
        for problem in plan.problems
        # Loss is said of images that were not measured then.
        if problem.reason_code != ReasonCode.LOSSY_PIXELS
        or (problem.subject_code, problem.visit) not in left
    )
    told = [
        dataclasses.replace(outcome, problem=told_standing(outcome.problem, stands))
        if outcome.problem
        else outcome
        for outcome in outcomes
    ]
    return dataclasses.replace(plan, problems=problems), told


def _case_of(problem: Problem) -> Case:
    return Case(SubjectCode(problem.subject_code), VisitLabel(problem.visit))


def _opened(request: BatchRequest) -> AbstractContextManager[Vault]:
    return open_vault(request.vault, key_file=request.key_file, command="run")


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


def _touched(plan: Plan, vault: Vault, pick: Pick) -> frozenset[Case]:
    """Cases that a batch decides on: those picked, and those that have lost their studies."""
    studies = {verdict.series.identity.study_uid for verdict in plan.verdicts}
    now = cases_in(plan)
    return (vault.cases_of(studies) - now) | frozenset(filter(pick.takes, now))


def _all_problems(
    layout: Layout,
    plan: Plan,
    outcomes: Iterable[CaseOutcome],
    *,
    touched: frozenset[Case],
    vault: Vault,
) -> list[Problem]:
    """Problems of this batch, earlier ones of other cases, and each study that has no case yet."""
    studies = {_waiting(v.refusal) for v in plan.verdicts if v.case is None and v.refusal}
    current = [problem for problem in plan.problems if problem not in studies]
    current += [outcome.problem for outcome in outcomes if outcome.problem]
    keys = {(str(case.subject_code), str(case.visit)) for case in touched}
    earlier = [
        problem
        for problem in load_problems(layout)
        if problem.subject_code and (problem.subject_code, problem.visit) not in keys
    ]
    return [
        *dict.fromkeys(current + earlier),
        *(_waiting(refusal) for refusal in vault.unassigned()),
    ]


def _waiting(refusal: Refusal) -> Problem:
    return Problem(
        subject_code="", visit="", reason_code=refusal.reason.value, message=refusal.message
    )


def _came_beside_others(outcomes: Iterable[CaseOutcome], layout: Layout) -> bool:
    """Whether some files of OUT are of this run and some of earlier ones."""
    n_written = sum((o.is_new or o.is_restamped) and o.read is not None for o in outcomes)
    return 0 < n_written < len(layout.reads())
