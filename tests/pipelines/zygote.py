"""Starts runs of the command line out of a process that has imported everything already.

Each run is a process group of its own with workers of its own: what a user starts, without the
seconds that importing takes. A line of arguments comes in; the process id goes out, and the exit
status when it has one.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import dask

import pipelines.cli
from pipelines.cli import app
from pipelines.worker_server import die_with_parent

# What a run imports while it goes on: by its command, by a worker, by a table.
for name in ("run_command", "cases", "searching", "case"):
    import_module(f"pipelines.{name}")
import_module("pandas")


def serve() -> None:
    """Start one run a line, until no line comes."""
    # A worker takes over what is imported as well, from this process and no other.
    pipelines.cli.start_worker_server = lambda: None
    dask.config.set({"distributed.worker.multiprocessing-method": "fork"})
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(json.loads(line))
        say(pid)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def say(number: int) -> None:
    """Write a line at once."""
    os.write(1, f"{number}\n".encode())


def _run(words: list[str]) -> None:
    os.setsid()
    os.register_at_fork(after_in_child=_be_as_spawned)
    log = os.open(words.pop(0), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    try:
        app(words)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 2
        os._exit(status)
    finally:
        os._exit(99)


def _be_as_spawned() -> None:
    """Leave what a worker that is spawned would not have: the locks, and its siblings' pipes.

    A pipe that a sibling holds open would hide that the client is gone.
    """
    die_with_parent()
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            kept = link.readlink()
            if kept.is_dir() or kept.suffix in {".held", ".lock"}:
                os.close(int(link.name))


if __name__ == "__main__":
    serve()
