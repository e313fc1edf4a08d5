"""An interrupt ends a run at once, whatever it is at, and says how far it came."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from pipelines.placing import WORK_FOLDER
from tests.pipelines.runs import PATIENCE_S, Zygote
from tests.pipelines.tiny_delivery import arguments, assert_whole

AT_ONCE_S = 15
"""Five seconds are promised; a machine with other work gets some more."""


def wait_for(folder: Path, names: str, start: Zygote) -> None:
    while not list(folder.glob(names)):
        assert start.status(0.005) is None


def stop_workers(run: psutil.Process) -> None:
    """Make whatever the workers compute take for ever."""
    for worker in run.children(recursive=True):
        worker.suspend()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_does_not_wait_for_a_long_computation(
    delivery: Path, start: Zygote, sent: signal.Signals
) -> None:
    out = delivery / f"measuring-{sent}"
    run = start.start(arguments(delivery, out.name))
    wait_for(out, f"{WORK_FOLDER}/sub-*.*", start)
    stop_workers(run)
    workers = run.children(recursive=True)
    os.killpg(run.pid, sent)
    assert start.status(AT_ONCE_S) == 130
    said = (delivery / "log").read_text().splitlines()[-1]
    assert said == "interrupted: 0 of 2 cases are done; the same command resumes"
    assert not [worker for worker in workers if is_alive(worker)]
    assert_whole(out)
    assert list((out / WORK_FOLDER).iterdir()) == []


def test_an_interrupt_while_headers_are_read_says_that_no_case_was_begun(
    delivery: Path, start: Zygote
) -> None:
    out = delivery / "indexing"
    run = start.start(arguments(delivery, out.name))
    wait_for(out, WORK_FOLDER, start)
    stop_workers(run)
    run.send_signal(signal.SIGINT)
    assert start.status(AT_ONCE_S) == 130
    said = (delivery / "log").read_text().splitlines()[-1]
    assert said == "interrupted: no case was begun; the same command resumes"


def test_an_interrupt_while_workers_are_started_is_not_lost(delivery: Path, start: Zygote) -> None:
    run = start.start(arguments(delivery, "starting"))
    while not run.children(recursive=True):
        assert start.status(0.001) is None
    run.send_signal(signal.SIGINT)
    assert start.status(AT_ONCE_S) == 130
    said = (delivery / "log").read_text().splitlines()[-1]
    assert "interrupted" in said
    assert "the same command resumes" in said


def is_alive(process: psutil.Process) -> bool:
    end = time.monotonic() + PATIENCE_S / 10
    while time.monotonic() < end:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.01)
    return True
