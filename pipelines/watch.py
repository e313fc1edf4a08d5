"""``corelab run --watch DIR``: each delivery in a folder is run once it has arrived."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TextIO

from corelab.blinding.vault_hold import is_held
from corelab.dicom.files import printable
from pipelines.cli import EXIT_INTERRUPTED
from pipelines.log import tell
from pipelines.request import BatchRequest, load_inputs
from pipelines.screen import counted
from pipelines.settling import Look, Settling, deliveries_in, look_at
from pipelines.telling import told
from pipelines.watch_record import Ended, WatchRecord, load_record

_MAIN = "from pipelines.cli import main; main()"
_LOOKS_PER_SETTLING = 4
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 300.0
_PATIENCE_S = 10.0
"""A run that was interrupted ends within 5 s; one that does not is killed, and resumes as well."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ENDED_WELL = {0: "every case measured", 1: "finished; problems.csv names what is open"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """What to watch, and the options that each run gets.

    ``batch.incoming`` is the folder that is watched.
    """

    batch: BatchRequest
    settle_s: float
    options: tuple[str, ...]


@told
def watch_command(request: WatchRequest) -> int:
    """Watch a folder until a signal ends it."""
    load_inputs(request.batch)
    watch = _Watch(
        request=request,
        record=load_record(request.batch.vault),
        settling=Settling(request.settle_s),
    )
    with watch.stopped_by_signals():
        watch.work()
    raise KeyboardInterrupt


@dataclass(slots=True, kw_only=True)
class _Watch:
    """A watch at work: what it knows, and the run that it has started."""

    request: WatchRequest
    record: WatchRecord
    settling: Settling
    stop: threading.Event = field(default_factory=threading.Event)
    run: subprocess.Popen[str] | None = None
    told: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Look, run what has arrived, wait; until a signal came."""
        folder, settle_s = self.request.batch.incoming, self.request.settle_s
        pause_s = settle_s / _LOOKS_PER_SETTLING
        pause_s = min(max(pause_s, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)
        text = f"a delivery is run once nothing in it has changed for {settle_s / 60:g} minutes"
        tell("watching", f"watching {printable(folder)}: {text}", {"settle_s": settle_s})
        while not self.stop.is_set():
            inputs = _inputs_digest(self.request.batch)
            for delivery in self._deliveries(folder):
                if not self.stop.is_set():
                    self._consider(delivery, inputs)
            self.stop.wait(pause_s)

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Context in which an interrupt ends the run that is at work, and then the watch."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stop.set()
        if self.run:
            _interrupt(self.run)

    def _deliveries(self, folder: Path) -> tuple[Path, ...]:
        try:
            return deliveries_in(folder)
        except OSError as error:
            self._tell_once("unreadable", f"the folder cannot be looked into: {error.strerror}")
            return ()

    def _consider(self, delivery: Path, inputs: str) -> None:
        """Run a delivery if it has arrived, was not run like this, and nobody else is at work."""
        look = look_at(delivery)
        is_settled = self.settling.is_settled(delivery, look, time.monotonic())
        if not look.n_files or not self.record.is_due(look.digest, inputs):
            return
        number = self.record.number_of(delivery)
        if not is_settled or not look.may_be_whole:
            self._tell_waiting(number, look, is_settled=is_settled)
        elif is_held(self.request.batch.vault):
            self._tell_once("held", f"delivery {number} waits: another run holds the vault")
        else:
            self._run(delivery, number, look, inputs)

    def _run(self, delivery: Path, number: int, look: Look, inputs: str) -> None:
        files = counted(look.n_files, "file")
        self._tell(number, "complete", f"has arrived ({files}) and is run now")
        status = self._status_of_run(delivery, number)
        if self.stop.is_set() or status == EXIT_INTERRUPTED:
            return
        ended = Ended(status=status, inputs=inputs)
        if not ended.has_failed:
            self.record.note_end(look.digest, ended)
            self._tell(number, "ended", _ENDED_WELL[status])
        elif is_held(self.request.batch.vault):
            self._tell_once("held", f"delivery {number} waits: another run holds the vault")
        else:
            self.record.note_end(look.digest, ended)
            self._tell_failed(number, status)

    def _status_of_run(self, delivery: Path, number: int) -> int:
        """Run a delivery in a process of its own, whatever becomes of that; its exit status."""
        path = delivery.absolute()
        command = [sys.executable, "-P", "-c", _MAIN, "run", str(path), *self.request.options]
        with subprocess.Popen(  # noqa: S603 - our own command line, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        ) as self.run:
            if self.stop.is_set():
                _interrupt(self.run)
            pumps = [
                threading.Thread(target=_hand_on, args=(source, target, path, number), daemon=True)
                for source, target in ((self.run.stdout, sys.stdout), (self.run.stderr, sys.stderr))
            ]
            for pump in pumps:
                pump.start()
            status = self.run.wait()
            for pump in pumps:
                pump.join(_PATIENCE_S)
        self.run = None
        return status

    def _tell_waiting(self, number: int, look: Look, *, is_settled: bool) -> None:
        if not is_settled:
            self._tell_once(f"arriving {number}", f"delivery {number} is arriving")
        elif look.n_unfinished:
            names = counted(look.n_unfinished, "name")
            text = f"waits: {names} in it are of unfinished files (a dot first, .part, .tmp, .lock)"
            self._tell_once(look.digest, f"delivery {number} {text}")

    def _tell_failed(self, number: int, status: int) -> None:
        how = f"exit status {status}" if status > 0 else f"signal {-status}"
        text = (
            f"failed with {how} and is tried again when it, the trial or the subjects file "
            "changes; log/watch.txt of the vault says which folder it is"
        )
        self._tell(number, "failed", text, level=logging.ERROR)

    def _tell_once(self, key: str, text: str) -> None:
        if key not in self.told:
            self.told.add(key)
            tell("waiting", text, {})

    def _tell(self, number: int, event: str, text: str, level: int = logging.INFO) -> None:
        self.told.clear()
        tell(event, f"delivery {number} {text}", {"delivery": number}, level=level)


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Interrupt a run, and kill it with its workers if it does not end."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    timer = threading.Timer(_PATIENCE_S, _kill, (process,))
    timer.daemon = True
    timer.start()


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _hand_on(source: TextIO, target: TextIO, delivery: Path, number: int) -> None:
    """Hand on what a run says, with a number where it quotes the delivery's own name."""
    for line in source:
        target.write(_blinded(line, delivery, number))
        target.flush()


def _blinded(line: str, delivery: Path, number: int) -> str:
    names: Sequence[str] = (str(delivery), str(delivery.resolve()))
    for name in dict.fromkeys(names):
        for form in (name, printable(name), json.dumps(name)[1:-1]):
            line = line.replace(form, f"delivery {number}")
    return line


def _inputs_digest(batch: BatchRequest) -> str:
    """Digest of what a run rests on beside the delivery: trial file, subjects file, version."""
    digest = hashlib.sha256(version("corelab").encode())
    for path in filter(None, (batch.trial_file, batch.subjects_file)):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            digest.update(f"no file: {error.errno}".encode())
    return digest.hexdigest()
