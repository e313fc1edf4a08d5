from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.limits import Budget, bounded_computing, bounded_memory, bounded_time

BUDGET = Budget(memory_bytes=2**28, cpu_s=60)
KINDS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE)


def test_memory_beyond_the_budget_is_refused_and_within_it_is_not() -> None:
    with bounded_memory(BUDGET):
        assert len(bytes(2**26)) == 2**26
        with pytest.raises(MemoryError):
            bytes(2**29)


def test_limits_are_what_they_were_afterwards() -> None:
    before = [resource.getrlimit(kind) for kind in KINDS]
    with bounded_memory(BUDGET), bounded_computing(BUDGET):
        assert [resource.getrlimit(kind) for kind in KINDS] != before
    assert [resource.getrlimit(kind) for kind in KINDS] == before


def test_computing_beyond_the_budget_ends_the_process() -> None:
    code = (
        "from pipelines.limits import Budget, bounded_computing\n"
        "with bounded_computing(Budget(memory_bytes=2**30, cpu_s=1)):\n"
        "    while True: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGXCPU


WAITING = "time.sleep(600)"
KEEPING_THE_INTERPRETER = "re.fullmatch('(a|aa)+b', 'a' * 60)"


@pytest.mark.parametrize("work", [WAITING, KEEPING_THE_INTERPRETER])
def test_time_beyond_the_bound_ends_the_process_and_tells_where_it_was(
    work: str, tmp_path: Path
) -> None:
    code = (
        "import re, time\n"
        "from pathlib import Path\n"
        "from pipelines.limits import bounded_time\n"
        f"with bounded_time(0.2, Path({str(tmp_path / 'note')!r})):\n"
        f"    {work}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert done.returncode == 1
    assert "Timeout" in (tmp_path / "note").read_text()


def test_work_that_ends_in_time_leaves_no_note(tmp_path: Path) -> None:
    with bounded_time(0.05, tmp_path / "note"):
        pass
    time.sleep(0.1)
    assert list(tmp_path.iterdir()) == []
