"""How much memory and time a worker may spend on bytes that nobody has vouched for.

The operating system holds the limits: a task runs in a thread, where no signal can stop it.
"""

from __future__ import annotations

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
def bounded(budget: Budget) -> Iterator[None]:
    """Context that asks for no more than a budget.

    More memory is refused with ``MemoryError``; more computing ends the process (SIGXCPU),
    without a core file, which would hold what it read.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    wanted = {
        resource.RLIMIT_AS: _address_space_bytes() + budget.memory_bytes,
        resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + 1 + budget.cpu_s,
        resource.RLIMIT_CORE: 0,
    }
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


def _address_space_bytes() -> int:
    with Path("/proc/self/statm").open("rb", buffering=0) as stream:
        pages = int(stream.read(64).split()[0])
    return pages * resource.getpagesize()
