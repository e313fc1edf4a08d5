"""What the engine costs a case, from one to ten thousand: time, and memory of its own process.

``python -m benchmarks.engine_scale [COUNT ...]``. A case here is a real task of the size a batch
sends, and sleeps instead of measuring; scheduler and client live in one process, whose resident
memory and CPU time are read while the last results come in. Each count has a process of its own.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.contest import table
from corelab.series import CasePlan
from corelab.settings import settings_of
from corelab.trial import Trial, load_trial
from corelab.vocab import Case, Modality, SubjectCode, VisitLabel
from pipelines.case import CaseTask
from pipelines.engine import open_engine

COUNTS = (1, 10, 100, 1_000, 10_000)
CASE_S = 0.0
WORKERS = 2
ROUNDS = 3
TRIAL = Path(__file__).parents[1] / "configs" / "any-head.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What one count of cases took."""

    wall_s: float
    cpu_s: float
    first_s: float
    rss_mb: float


def pretend(task: CaseTask) -> Case:
    """Do nothing, for as long as asked, and answer with a small record."""
    time.sleep(CASE_S)
    return task.plan.case


def run_many(count: int) -> Scale:
    """Run so many cases with workers that have started."""
    trial = load_trial(TRIAL)
    tasks = (_task(number, trial) for number in range(count))
    with open_engine(n_workers=WORKERS) as engine:
        list(engine.over(pretend, [_task(0, trial)]))
        began, cpu_s, first_s = time.perf_counter(), time.process_time(), 0.0
        for number, _ in enumerate(engine.over(pretend, tasks), start=1):
            first_s = first_s or time.perf_counter() - began
            if number == count:
                wall_s = time.perf_counter() - began
                cpu_s = time.process_time() - cpu_s
                return Scale(wall_s=wall_s, cpu_s=cpu_s, first_s=first_s, rss_mb=_rss_mb())
    raise SystemExit(f"{count} cases went in, fewer came out")


def _task(number: int, trial: Trial) -> CaseTask:
    case = Case(SubjectCode(f"C{number:05}"), VisitLabel("visit"))
    plan = CasePlan(case=case, modality=Modality.NCCT, images=(), choice="", flags=())
    return CaseTask(
        plan=plan,
        out=Path("out"),
        settings=settings_of(trial, plan),
        config_digest=trial.digest,
        software_version="0",
        case_minutes=20.0,
    )


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def _in_a_process(count: int) -> Scale:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(run_many, count).result()


def main() -> None:
    """Measure and print."""
    rows = []
    for count in [int(word) for word in sys.argv[1:]] or COUNTS:
        found = [_in_a_process(count) for _ in range(ROUNDS)]
        walls_s = [scale.wall_s for scale in found]
        wall_s = statistics.median(walls_s)
        rows.append(
            (
                str(count),
                f"{wall_s:.3f} ({min(walls_s):.3f} to {max(walls_s):.3f})",
                f"{1000 * wall_s / count:.2f}",
                f"{1000 * statistics.median(scale.cpu_s for scale in found) / count:.2f}",
                f"{max(scale.rss_mb for scale in found):.0f}",
            )
        )
    print(
        table(
            rows,
            (
                "cases",
                "wall s",
                "ms a case",
                "CPU ms a case",
                "MB",
            ),
        )
    )


if __name__ == "__main__":
    main()
