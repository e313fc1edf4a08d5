"""Interleaved rounds of several contestants: CPU time of one process and its children.

Each contestant in Python has a warm process with the environment of a batch's worker.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pipelines.worker_server import WORKER_ENVIRONMENT

Value = TypeVar("Value")
Work = Callable[[str], None]
"""Importable; works on a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """CPU and wall milliseconds of each round."""

    cpu_ms: tuple[float, ...]
    wall_ms: tuple[float, ...]

    @property
    def median_cpu_ms(self) -> float:
        """The figure to quote."""
        return statistics.median(self.cpu_ms)


def contest(works: Mapping[str, Work], folder: str, rounds: int) -> dict[str, Score]:
    """Median CPU time of each contestant on one folder.

    Each has a warm process of its own, pinned to one core; one round of all is not counted.
    """
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    with ExitStack() as stack:
        pools = {name: stack.enter_context(_process(WORKER_ENVIRONMENT)) for name in works}
        for _ in range(rounds + 1):
            for name, work in works.items():
                measured[name].append(pools[name].submit(measure, work, folder).result())
    return {name: _score(found[1:]) for name, found in measured.items()}


def peak_mb(work: Work, folder: str) -> float:
    """MB that the peak of memory lies above the start, in a process that has done it once.

    The allocator gives pages back here, which a batch's worker keeps for the next case.
    """
    with _process({}) as pool:
        pool.submit(work, folder).result()
        return pool.submit(_peak_mb, work, folder).result()


def peak_rss_mb(work: Work, folder: str) -> float:
    """MB of memory at the peak of a worker's whole life: interpreter, imports, two such cases."""
    with _process(WORKER_ENVIRONMENT) as pool:
        for _ in range(2):
            pool.submit(work, folder).result()
        return pool.submit(_resident_mb, "VmHWM").result()


def warm(function: Callable[[str, int], Value], folder: str, rounds: int) -> Value:
    """Run a function in a process of its own with the environment of a worker."""
    with _process(WORKER_ENVIRONMENT) as pool:
        return pool.submit(function, folder, rounds).result()


@contextmanager
def _process(environment: Mapping[str, str]) -> Iterator[ProcessPoolExecutor]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context, initializer=pin) as pool:
            pool.submit(pin).result()
            yield pool
    finally:
        os.environ.clear()
        os.environ.update(before)


def pin() -> None:
    """Keep this process on one core, as a worker of a batch is."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measure(work: Work, folder: str) -> tuple[float, float]:
    """CPU ms with children, and wall ms."""
    gc.collect()
    cpu, wall = _cpu_s(), time.perf_counter()
    work(folder)
    return 1e3 * (_cpu_s() - cpu), 1e3 * (time.perf_counter() - wall)


def table(rows: Iterable[tuple[str, ...]], titles: tuple[str, ...]) -> str:
    """Return a Markdown table."""
    lines = [titles, ("---",) * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _score(found: list[tuple[float, float]]) -> Score:
    cpu, wall = zip(*found, strict=True)
    return Score(cpu_ms=cpu, wall_ms=wall)


def _peak_mb(work: Work, folder: str) -> float:
    gc.collect()
    _forget_peak()
    before = _resident_mb("VmRSS")
    work(folder)
    return _resident_mb("VmHWM") - before


def _cpu_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _forget_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123 - no path
        file.write("5")


def _resident_mb(name: str) -> float:
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - no path
        line = next(line for line in file if line.startswith(name))
    return int(line.split()[1]) / 1024
