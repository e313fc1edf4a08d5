"""A small batch, killed at fifty random moments: nothing is lost and nothing half done is seen."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from corelab.blinding.vault import open_vault
from tests.pipelines.runs import PATIENCE_S, Zygote, zygote
from tests.pipelines.tiny_delivery import (
    CODES,
    arguments,
    assert_whole,
    content,
    write_delivery,
)

N_KILLS = 50
N_CASES = 2
KILLS_BEFORE_A_RESUME = 6
SEED = 20240105
VICTIMS = ("client", "a worker", "all")


def kill(run: psutil.Process, victim: str, rng: random.Random) -> list[psutil.Process]:
    """Kill with SIGKILL; the processes that must end of it."""
    with suppress(psutil.NoSuchProcess):
        workers = run.children(recursive=True)
        if victim == "a worker":
            if not workers:
                return []
            one = rng.choice(workers)
            one.kill()
            return [one]
        if victim == "all":
            os.killpg(run.pid, signal.SIGKILL)
        else:
            run.kill()
        return [run, *workers]
    return []


@contextmanager
def at_rest(run: psutil.Process) -> Iterator[None]:
    """Context in which what is left of a run stands still."""
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGCONT)


def assert_ended(processes: list[psutil.Process]) -> None:
    """Workers go with their client, and at once: before another run can begin."""
    end = time.monotonic() + PATIENCE_S / 10
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            while process.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < end, process
                time.sleep(0.002)


def clear(folder: Path) -> None:
    for name in ("out", "out-vault"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "out-vault.key").unlink(missing_ok=True)


def undisturbed(start: Zygote, folder: Path, out: str) -> float:
    """Run to the end; how long that took."""
    begun = time.monotonic()
    start.start(arguments(folder, out))
    status = start.status(PATIENCE_S)
    assert status == 0, (folder / "log").read_text()
    return time.monotonic() - begun


def test_a_batch_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    write_delivery(tmp_path, N_CASES)
    rng = random.Random(SEED)  # noqa: S311 - the moments, drawn anew the same way
    kills: list[str] = []
    with zygote(tmp_path / "log") as start:
        undisturbed(start, tmp_path, "first")
        duration_s = undisturbed(start, tmp_path, "whole")
        whole = content(tmp_path / "whole")
        assert content(tmp_path / "first") == whole

        def is_there(out: Path) -> None:
            assert content(out) == whole
            assert [p.name for p in tmp_path.glob(".*")] == []
            with open_vault(tmp_path / "out-vault") as vault:
                assert set(vault.codes()) == set(CODES[:N_CASES])
            clear(tmp_path)

        since_resume = 0
        while len(kills) < N_KILLS:
            if since_resume >= KILLS_BEFORE_A_RESUME:
                undisturbed(start, tmp_path, "out")
                is_there(tmp_path / "out")
                since_resume = 0
            run = start.start(arguments(tmp_path, "out"))
            status = None
            while status is None:
                status = start.status(rng.uniform(0.0, duration_s))
                if status is None:
                    victim = rng.choice(VICTIMS)
                    ended = kill(run, victim, rng)
                    kills += [victim] if ended else []
                    since_resume += bool(ended)
                    assert_ended(ended)
                    with at_rest(run):
                        assert_whole(tmp_path / "out")
            if status == 0:
                is_there(tmp_path / "out")
                since_resume = 0
            else:
                assert status == -signal.SIGKILL, (tmp_path / "log").read_text()
        undisturbed(start, tmp_path, "out")
        is_there(tmp_path / "out")
    assert set(kills) == set(VICTIMS)
