"""Real runs of the command line, started quickly; see :mod:`tests.pipelines.zygote`."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.pipelines.tiny_delivery import REPOSITORY

PATIENCE_S = 300


class Zygote:
    """Starts runs, one at a time."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._rest = b""

    def start(self, words: list[str]) -> psutil.Process:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([str(self._log), *words]).encode() + b"\n")
        self._process.stdin.flush()
        pid = self._number(PATIENCE_S)
        assert pid is not None
        return psutil.Process(pid)

    def status(self, timeout_s: float) -> int | None:
        """Exit status of the run; none as long as it runs."""
        return self._number(timeout_s)

    def _number(self, timeout_s: float) -> int | None:
        assert self._process.stdout
        end = time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            left = max(0.0, end - time.monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                return None
            self._rest += os.read(self._process.stdout.fileno(), 100)
        line, self._rest = self._rest.split(b"\n", 1)
        return int(line)


@contextmanager
def zygote(log: Path) -> Iterator[Zygote]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.pipelines.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield Zygote(process, log)
        finally:
            process.kill()
