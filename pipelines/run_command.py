"""``corelab run``: a batch, or what it would do, shown on a terminal with its exit status."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from corelab.errors import ReasonCode
from corelab.store.files import make_folder
from corelab.store.layout import Layout
from corelab.vocab import Problem
from pipelines.cases import STAGE
from pipelines.cli import EXIT_PROBLEMS
from pipelines.closing import BatchResult
from pipelines.cluster import refuse_unfit_workers
from pipelines.dashboard import refuse_absent_dashboard
from pipelines.followup import plan_delivery, run_batch
from pipelines.holding import hold_out
from pipelines.incident import incidents_kept
from pipelines.placing import work_emptied
from pipelines.request import BatchRequest, load_inputs
from pipelines.screen import (
    counted,
    files_line,
    show_volumes,
    show_whole,
    standard_output,
)
from pipelines.summary import forecast_line, measured_line, pending_line
from pipelines.telling import resumable, told
from pipelines.unchanged import unchanged_result
from pipelines.verdicts import delivery_table
from pipelines.workers import Workers, at_work


@told
def run_command(request: BatchRequest, workers: Workers) -> int:
    """Run a batch and print its volume table."""
    trial, _ = load_inputs(request)
    request = _for_workers(request, workers)
    if not workers.are_elsewhere:
        refuse_absent_dashboard(workers.dashboard)
    make_folder(request.out)
    with incidents_kept(request.vault), hold_out(request.out, "run"):
        result = unchanged_result(request, trial) or _run_with(request, workers)
    _show_result(standard_output(), result, Layout(request.out))
    return EXIT_PROBLEMS if result.problems else 0


def _run_with(request: BatchRequest, workers: Workers) -> BatchResult:
    with (
        work_emptied(request.out),
        at_work(workers) as (engine, watcher),
        resumable(watcher, STAGE) as counting,
    ):
        if workers.are_elsewhere:
            refuse_unfit_workers(engine, request.incoming, request.out)
        return run_batch(request, engine, counting)


@told
def plan_command(request: BatchRequest, workers: Workers) -> int:
    """Print what a batch would do."""
    load_inputs(request)
    request = _for_workers(request, workers)
    with incidents_kept(request.vault), at_work(workers) as (engine, watcher):
        plan, counts, changes = plan_delivery(request, engine, watcher)
    console = standard_output()
    picked = [v for v in plan.verdicts if v.case is None or request.pick.takes(v.case)]
    show_whole(console, delivery_table("What would be used", picked, console.width))
    for problem in plan.problems:
        console.print(_line(problem), style="bold red", highlight=False)
    console.print(files_line(counts), highlight=False)
    console.print(forecast_line(changes), highlight=False, soft_wrap=True)
    return EXIT_PROBLEMS if plan.problems else 0


def _for_workers(request: BatchRequest, workers: Workers) -> BatchRequest:
    """Request in whole paths where workers stand in folders of their own."""
    if not workers.are_elsewhere:
        return request
    return replace(
        request,
        incoming=request.incoming.resolve(),
        out=request.out.resolve(),
        vault=request.vault.resolve(),
    )


def _show_result(console: Console, result: BatchResult, layout: Layout) -> None:
    show_volumes(console, result.reads)
    measured = {(read.subject_code, read.visit) for read in result.reads}
    for problem in result.problems:
        is_lossy = problem.reason_code == ReasonCode.LOSSY_PIXELS
        is_ineligible = is_lossy and (problem.subject_code, problem.visit) in measured
        word, colour = ("not eligible", "yellow") if is_ineligible else ("not measured", "red")
        console.print(f"{word}  {_line(problem)}", style=f"bold {colour}", highlight=False)
    for case in result.changed:
        console.print(
            f"source changed  {case.subject_code} {case.visit}: the site sent a series of this "
            "case again with other pixels; the volume above is of the new ones",
            style="bold red",
            highlight=False,
        )
    for note in result.notes:
        console.print(note, style="bold red", highlight=False)
    n_defaced = sum(read.deface is not None for read in result.reads)
    if n_defaced:
        console.print(
            f"released without the face: {counted(n_defaced, 'case')}, "
            "each infarct the same, voxel for voxel",
            highlight=False,
        )
    console.print(files_line(result.counts), highlight=False)
    for line in filter(None, (measured_line(result), pending_line(result))):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"volume table  {layout.volumes_csv}", highlight=False, soft_wrap=True)
    console.print(f"problems      {layout.problems_csv}", highlight=False, soft_wrap=True)
    console.print(f"QA page       {layout.qa_page.resolve()}", highlight=False, soft_wrap=True)
    console.print(f"vault         {result.vault} (identified: not for readers)", highlight=False)
    if result.new_key_file:
        console.print(
            f"vault key     {result.new_key_file} (made now; without it nobody can read the vault: "
            "keep a copy elsewhere)",
            highlight=False,
            soft_wrap=True,
        )


def _line(problem: Problem) -> str:
    where = " ".join(filter(None, (problem.subject_code, problem.visit))) or "no subject"
    return f"{where}: {problem.reason_code}: {problem.message}"
