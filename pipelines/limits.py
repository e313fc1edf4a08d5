"""How much memory and time a worker may spend: on bytes that nobody has vouched for, on a case.

The operating system holds the limits: a task runs in a thread, where no signal can stop it.
"""

from __future__ import annotations

import faulthandler
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one piece of work may take beyond what its process has taken already."""

    memory_bytes: int
    cpu_s: int


@contextmanager
def bounded_memory(budget: Budget) -> Iterator[None]:
    """Context in which memory beyond the budget is refused with ``MemoryError``.

    A process that ends here leaves no core file, which would hold what it read.
    """
    wanted = {
        resource.RLIMIT_AS: _address_space_bytes() + budget.memory_bytes,
        resource.RLIMIT_CORE: 0,
    }
    with _held(wanted):
        yield


@contextmanager
def bounded_computing(budget: Budget) -> Iterator[None]:
    """Context in which computing beyond the budget ends the process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    with _held({resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + 1 + budget.cpu_s}):
        yield


@contextmanager
def bounded_time(seconds: float, note: Path) -> Iterator[None]:
    """Context that ends the process when it lasts too long, computing or waiting.

    A thread of its own watches, in C: a library that keeps the interpreter to itself is ended
    as well.

    Parameters
    ----------
    seconds
        How long it may last.
    note
        File that then tells where the process was, and is gone otherwise.
    """
    with note.open("wb") as stream:
        faulthandler.dump_traceback_later(seconds, exit=True, file=stream)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            note.unlink(missing_ok=True)


@contextmanager
def _held(wanted: dict[int, int]) -> Iterator[None]:
    """Hold soft limits, none above what it was before."""
    before = {kind: resource.getrlimit(kind) for kind in wanted}
    try:
        for kind, limit in wanted.items():
            soft, hard = before[kind]
            known = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
            resource.setrlimit(kind, (min([limit, *known]), hard))
        yield
    finally:
        for kind, limits in before.items():
            resource.setrlimit(kind, limits)


def resident_bytes() -> int:
    """Memory that this process has taken."""
    return _pages(1) * resource.getpagesize()


def _address_space_bytes() -> int:
    return _pages(0) * resource.getpagesize()


def _pages(column: int) -> int:
    with Path("/proc/self/statm").open("rb", buffering=0) as stream:
        return int(stream.read(64).split()[column])
