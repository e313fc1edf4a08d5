from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed.system import memory_limit

from corelab.errors import StoreError
from pipelines.dask_settings import SCHEDULER_SETTINGS
from pipelines.engine import IN_FLIGHT_PER_WORKER, Crash, Engine, default_workers, open_engine
from tests.conftest import REPOSITORY
from tests.pipelines.work import die, double, key, memory_bytes, tell, threads, working_folder


def test_every_item_comes_back_once_with_its_result(engine: Engine) -> None:
    items = list(range(14, 14 + 5 * IN_FLIGHT_PER_WORKER))
    found = list(engine.over(double, items))
    assert sorted(found) == [(item, 2 * item) for item in items]


def test_one_item_that_raises_does_not_stop_the_others(engine: Engine) -> None:
    found = dict(engine.over(double, [12, 13, 14]))
    crash = found.pop(13)
    assert found == {12: 24, 14: 28}
    assert isinstance(crash, Crash)
    assert crash.kind == "ValueError"
    assert "13 is refused" in crash.detail


def test_nothing_to_do_is_no_error(engine: Engine) -> None:
    assert list(engine.over(double, [])) == []


def test_a_task_is_named_by_what_is_done_and_a_number_and_never_twice(engine: Engine) -> None:
    first, second = ([str(name) for _, name in engine.over(key, ["Doe^Jane"] * 2)] for _ in "ab")
    assert all(re.fullmatch(r"key-\d{6}-[0-9a-f]{8}", name) for name in first + second)
    assert len({*first, *second}) == 4


def test_workers_run_one_thread_each(engine: Engine) -> None:
    assert [result for _, result in engine.over(threads, [1, 2, 3])] == [{"1"}] * 3


def test_items_are_taken_as_workers_get_free(engine: Engine) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100, 140):
            taken.append(number)
            yield number

    results = engine.over(double, items())
    next(results)
    assert len(taken) <= 2 * IN_FLIGHT_PER_WORKER + 1
    assert len(list(results)) == 39


def test_a_worker_that_dies_takes_only_its_own_item_with_it() -> None:
    with open_engine(n_workers=2) as running:
        found = dict(running.over(die, [1, 2, 3, 4, 5]))
    crash = found.pop(3)
    assert isinstance(crash, Crash)
    assert found == {1: 1, 2: 2, 4: 4, 5: 5}


def test_none_is_blamed_for_the_death_of_a_worker_it_shared() -> None:
    with open_engine(n_workers=1) as running:
        found = dict(running.over(die, range(12)))
    deaths = [item for item, result in found.items() if isinstance(result, Crash)]
    assert deaths == [3]
    assert sorted(found) == list(range(12))


@pytest.mark.parametrize(
    ("cores", "memory_gib", "n_workers"), [(64, 9, 4), (2, 512, 2), (8, 1, 1), (1, 64, 1)]
)
def test_there_is_a_worker_a_core_as_far_as_memory_goes_and_always_one(
    cores: int, memory_gib: int, n_workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.engine.CPU_COUNT", cores)
    monkeypatch.setattr("pipelines.engine.MEMORY_LIMIT", memory_gib << 30)
    assert default_workers() == n_workers


def test_workers_share_the_memory_that_this_process_may_use(engine: Engine) -> None:
    shares = {share for _, share in engine.over(memory_bytes, range(4))}
    assert shares == {memory_limit() // 2}


def test_a_run_that_has_lost_every_worker_ends_with_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SCHEDULER_SETTINGS, "distributed.scheduler.no-workers-timeout", "1 s")
    with open_engine(n_workers=1) as running:
        running._client.retire_workers()  # noqa: SLF001 - as jobs end whose time is over
        with pytest.raises(StoreError, match="no worker has been there for minutes"):
            list(running.over(double, range(100, 104)))


def test_nothing_that_a_library_says_in_a_worker_reaches_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with open_engine(n_workers=1) as running:  # started while the terminal is watched
        assert dict(running.over(tell, ["Doe^Jane"])) == {"Doe^Jane": "Doe^Jane"}
    heard = capfd.readouterr()
    assert "Doe" not in heard.out + heard.err


def test_what_workers_put_aside_is_for_its_owner_alone_and_goes_with_them() -> None:
    with open_engine(n_workers=1) as running:
        ((_, folder),) = running.over(working_folder, [1])
        assert isinstance(folder, str)
        private = next(p for p in Path(folder).parents if p.name.startswith("corelab-"))
        assert private.stat().st_mode & 0o077 == 0
    assert not private.exists()


CLIENT = """
import sys
from pipelines.engine import open_engine
from tests.pipelines.work import keep_the_interpreter
if __name__ == "__main__":
    with open_engine(n_workers=1) as running:
        list(running.over(keep_the_interpreter, [sys.argv[1]]))
"""


def test_a_worker_ends_with_its_client_whatever_it_computes(tmp_path: Path) -> None:
    script, told = tmp_path / "client.py", tmp_path / "worker"
    script.write_text(CLIENT)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen([sys.executable, script, told], env=environment) as client:
        while not (told.exists() and told.read_text()):
            assert client.poll() is None
            time.sleep(0.01)
        worker = psutil.Process(int(told.read_text()))
        client.send_signal(signal.SIGKILL)
        client.wait()
        end = time.monotonic() + 30
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end
            time.sleep(0.01)
