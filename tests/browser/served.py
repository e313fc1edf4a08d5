"""The real server of readers over an OUT: in a thread of this process, or as a process."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from corelab.reading.roles import Role
from corelab.review.app import room_app
from corelab.review.serve import HOST, Place
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger

PATIENCE_S = 120.0


@contextmanager
def served(out: Path, *, role: Role = Role.READER) -> Iterator[str]:
    """Serve a role's room over OUT for as long as the block lasts; gives the start link."""
    with (
        open_ledger(Layout(out).ledger) as ledger,
        running(partial(room_app, out, role, ledger)) as start_url,
    ):
        yield start_url


@contextmanager
def running(make: Callable[[Place], Starlette]) -> Iterator[str]:
    """Run an application in a thread for as long as the block lasts; gives the start link."""
    listener = socket.create_server((HOST, 0))
    with listener:
        app = make(Place(HOST, listener.getsockname()[1]))
        config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield app.state.start_url
        finally:
            server.should_exit = True
            thread.join()


class Process:
    """Server as ``corelab review`` starts it: it can be killed, and started on the same port."""

    def __init__(self, out: Path) -> None:
        self._out = out
        # Bound, and never listening: nobody else gets the port, also while no server runs.
        self._kept = socket.socket()
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind((HOST, 0))
        self._port = self._kept.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start, and wait for the link."""
        words = ("review", str(self._out), "--role", "reader", "--port", str(self._port))
        command = (sys.executable, "-c", "from pipelines.cli import main; main()", *words)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.start_url = self._process.stdout.readline().strip()
        wait_until(self._listens)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def end(self) -> None:
        """Kill it for good."""
        self.kill()
        self._kept.close()

    def _listens(self) -> bool:
        try:
            socket.create_connection((HOST, self._port)).close()
        except OSError:
            return False
        return True


def wait_until(is_so: Callable[[], object], *, patience_s: float = PATIENCE_S) -> None:
    """Ask again and again: under a strict policy a page cannot be waited for otherwise."""
    end = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
