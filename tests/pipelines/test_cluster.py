"""A running scheduler and its workers, each a process of its own, as a cluster has them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from corelab.errors import StoreError
from pipelines.case import WORK_FOLDER
from pipelines.cluster import refuse_unfit_workers
from pipelines.engine import Crash, Engine, open_engine
from tests.pipelines.work import double, slow_double

REPOSITORY = Path(__file__).parents[2]
SAMPLE, DEMO_TRIAL = REPOSITORY / "sample_data", REPOSITORY / "configs" / "demo.toml"
BIN = Path(sys.executable).parent
LOOPBACK = "127.0.0.1"
_ADDRESS = re.compile(r"Scheduler at:\s+(tcp://\S+)")
_PATIENCE_S = 30

Process = subprocess.Popen[str]


@contextmanager
def started(
    *words: object, cwd: Path, output: int = subprocess.DEVNULL, **environ: str
) -> Iterator[Process]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environ}
    with subprocess.Popen(
        [str(BIN / "dask"), *map(str, words)],
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    options = ("--host", LOOPBACK, "--port", "0", "--no-dashboard")
    folder = tmp_path_factory.mktemp("scheduler")
    with started("scheduler", *options, cwd=folder, output=subprocess.PIPE) as process:
        assert process.stdout
        found = (_ADDRESS.search(line) for line in process.stdout)
        yield next(match.group(1) for match in found if match)


@contextmanager
def worker(scheduler: str, folder: Path, *options: object, **environ: str) -> Iterator[Process]:
    arguments = ("--host", LOOPBACK, "--no-dashboard", "--no-nanny", *options)
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with started("worker", scheduler, *arguments, cwd=folder, **(threads | environ)) as process:
        yield process


def wait_for_workers(engine: Engine, count: int) -> None:
    end = time.monotonic() + _PATIENCE_S
    while len(engine.threads_of_workers()) != count:
        assert time.monotonic() < end, engine.threads_of_workers()
        time.sleep(0.1)


def test_a_killed_worker_costs_no_item_and_none_is_done_twice(
    scheduler: str, tmp_path: Path
) -> None:
    with (
        worker(scheduler, tmp_path, "--nthreads", 1) as first,
        worker(scheduler, tmp_path, "--nthreads", 1),
        open_engine(scheduler=scheduler) as engine,
    ):
        wait_for_workers(engine, 2)
        found = []
        for item, result in engine.over(slow_double, range(100, 140)):
            found.append((item, result))
            if len(found) == 5:
                os.killpg(first.pid, signal.SIGKILL)
        assert sorted(found) == [(item, 2 * item) for item in range(100, 140)]


def test_workers_elsewhere_must_see_incoming_and_out(scheduler: str, tmp_path: Path) -> None:
    incoming, out = tmp_path / "incoming", tmp_path / "out"
    incoming.mkdir()
    with (
        worker(scheduler, tmp_path, "--nthreads", 1),
        open_engine(scheduler=scheduler) as engine,
    ):
        wait_for_workers(engine, 1)
        refuse_unfit_workers(engine, incoming, out)
        assert list(out.iterdir()) == []
        with pytest.raises(StoreError, match="does not see INCOMING at"):
            refuse_unfit_workers(engine, tmp_path / "elsewhere", out)


def test_a_worker_of_several_threads_is_refused(scheduler: str, tmp_path: Path) -> None:
    with (
        worker(scheduler, tmp_path, "--nthreads", 2),
        open_engine(scheduler=scheduler) as engine,
    ):
        wait_for_workers(engine, 1)
        with pytest.raises(StoreError, match="runs 2 threads, expected 1"):
            refuse_unfit_workers(engine, tmp_path, tmp_path / "out")


def test_a_worker_whose_libraries_take_several_threads_is_refused(
    scheduler: str, tmp_path: Path
) -> None:
    with (
        worker(scheduler, tmp_path, "--nthreads", 1, OPENBLAS_NUM_THREADS="4"),
        open_engine(scheduler=scheduler) as engine,
    ):
        wait_for_workers(engine, 1)
        with pytest.raises(StoreError, match="started without OPENBLAS_NUM_THREADS=1"):
            refuse_unfit_workers(engine, tmp_path, tmp_path / "out")


def test_a_function_that_a_worker_lacks_is_its_crash(scheduler: str, tmp_path: Path) -> None:
    with (
        worker(scheduler, tmp_path, "--nthreads", 1),
        open_engine(scheduler=scheduler) as engine,
    ):
        wait_for_workers(engine, 1)
        (answer,) = engine.everywhere(double, 13).values()
        assert isinstance(answer, Crash)
        assert "13 is refused" in answer.detail


def test_an_address_where_nobody_answers_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.engine.CONNECT_S", 1)
    with (
        pytest.raises(StoreError, match="no scheduler answers at tcp://127"),
        open_engine(scheduler="tcp://127.0.0.1:9"),
    ):
        pass


def test_a_batch_on_a_cluster_that_loses_a_worker_gives_the_same_bytes_as_here(
    scheduler: str, tmp_path: Path
) -> None:
    with (
        worker(scheduler, tmp_path, "--nthreads", 1) as lost,
        worker(scheduler, tmp_path, "--nthreads", 1),
        batch(tmp_path / "there", "--scheduler", scheduler) as process,
    ):
        wait_for_a_case(tmp_path / "there" / "out" / WORK_FOLDER)
        os.killpg(lost.pid, signal.SIGKILL)
        assert process.wait(timeout=10 * _PATIENCE_S) == 0
    with batch(tmp_path / "here", "--workers", "1") as process:
        assert process.wait(timeout=10 * _PATIENCE_S) == 0
    there, here = (content(tmp_path / name / "out") for name in ("there", "here"))
    assert sorted(there) == sorted(here)
    assert there == here


DELIVERED = ("Delacourt_Rosamund 009809779", "export", "CD MRN-9246117 2025-07-09")


@contextmanager
def batch(folder: Path, *options: str) -> Iterator[Process]:
    """Run some of the sample, with names of folders that only this process can resolve."""
    for name in DELIVERED:
        shutil.copytree(SAMPLE / "incoming" / name, folder / "incoming" / name)
    command = [BIN / "corelab", "run", "incoming", "--trial", DEMO_TRIAL, "--out", "out"]
    with subprocess.Popen(
        [*command, "--subjects", SAMPLE / "subjects.csv", "--vault", "vault", *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process


def wait_for_a_case(work: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not (work.is_dir() and list(work.iterdir())):
        assert time.monotonic() < end
        time.sleep(0.01)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "batch.json"
    }
