"""Workers come from one process that has imported for them, and that ends with its command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from pipelines.engine import open_engine
from tests.conftest import REPOSITORY
from tests.pipelines.work import is_imported

START = """
import time
from pipelines.worker_server import start_worker_server
start_worker_server()
print("started", flush=True)
time.sleep(600)
"""
PATIENCE_S = 60


@contextmanager
def command(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a folder that has started a server and goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", START],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "started\n"
        try:
            yield started
        finally:
            started.kill()


def server_of(started: subprocess.Popen[str]) -> psutil.Process:
    servers: list[psutil.Process] = []
    while not servers:
        children = psutil.Process(started.pid).children()
        servers = [child for child in children if "forkserver" in " ".join(child.cmdline())]
    return servers[0]


def loads(server: psutil.Process, library: str) -> bool:
    """Wait until a process has mapped a compiled part of a library, or has ended without."""
    end = time.monotonic() + PATIENCE_S
    with suppress(psutil.NoSuchProcess):
        while time.monotonic() < end:
            if any(f"/{library}/" in place.path for place in server.memory_maps()):
                return True
            time.sleep(0.005)
        pytest.fail(f"{library} was not loaded within {PATIENCE_S} s")
    return False


def test_a_worker_has_imported_what_a_case_needs_before_its_first_task() -> None:
    with open_engine(n_workers=1) as engine:
        ((_, found),) = engine.over(is_imported, ["pipelines.making"])
    assert found is True


def test_the_server_ends_at_once_with_a_command_that_is_killed(tmp_path: Path) -> None:
    with command(tmp_path) as started:
        server = server_of(started)
        assert loads(server, "numpy")
        started.send_signal(signal.SIGKILL)
        assert not loads(server, "pydantic_core")


def test_the_server_imports_nothing_from_the_folder_that_it_is_started_in(tmp_path: Path) -> None:
    (tmp_path / "scipy.py").write_text("open('was_run', 'w').close()")
    with command(tmp_path) as started:
        assert loads(server_of(started), "scipy")
    assert not (tmp_path / "was_run").exists()
