"""What a user is told when a command ends otherwise than well: words and an exit status."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import ParamSpec, TypeVar

from corelab.dicom.files import printable
from corelab.errors import CorelabError, DiskError, StoreError, UnfitDataError
from corelab.store.files import DISK_NUMBERS
from pipelines.cli import EXIT_INCIDENT, EXIT_INTERRUPTED, EXIT_PROBLEMS, EXIT_USAGE
from pipelines.incident import IncidentError
from pipelines.log import tell
from pipelines.progress import Stage, Watcher

Parameters = ParamSpec("Parameters")
Item = TypeVar("Item")

GRACE_S = 4.0
"""How long an interrupted command may tidy up; what it leaves then is what a kill would leave."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_RESUMES = "the same command resumes"


class InterruptedRunError(KeyboardInterrupt):
    """A run was interrupted, and its user was told how far it came."""


class Tally:
    """A watcher that counts the steps of one stage, and hands everything on to another.

    Parameters
    ----------
    watcher
        Is told all.
    stage
        Whose steps are cases.
    """

    def __init__(self, watcher: Watcher, stage: str) -> None:
        self._watcher = watcher
        self._stage = stage
        self._done = 0
        self._total: int | None = None

    def watch(self, stage: Stage[Item], steps: Iterable[Item]) -> Iterator[Item]:
        """Hand the steps on, and count those of the stage."""
        if stage.name != self._stage:
            yield from self._watcher.watch(stage, steps)
            return
        self._total = stage.total
        for step in self._watcher.watch(stage, steps):
            yield step
            self._done += 1

    @property
    def is_begun(self) -> bool:
        """Whether the stage was reached."""
        return self._total is not None

    def __str__(self) -> str:
        """How much is done, and how to go on."""
        if self._total is None:
            return f"no case was begun; {_RESUMES}"
        return f"{self._done} of {self._total} cases are done; {_RESUMES}"


@contextmanager
def resumable(watcher: Watcher, stage: str) -> Iterator[Watcher]:
    """Context that says of an interrupt or a failed disk how far the run came.

    Parameters
    ----------
    watcher
        Of the run.
    stage
        In which it measures its cases, one a step.

    Raises
    ------
    InterruptedRunError
        When the user knows already.
    StoreError
        In place of what says less.
    """
    tally = Tally(watcher, stage)
    try:
        yield tally
    except KeyboardInterrupt:
        complain(f"interrupted: {tally}")
        raise InterruptedRunError from None
    except StoreError as error:
        if not (tally.is_begun or isinstance(error, DiskError)):
            raise
        raise StoreError(f"{error}. When that is mended: {tally}") from error
    except OSError as error:
        if error.errno not in DISK_NUMBERS:
            raise
        # Its own words may name a file of a site.
        raise StoreError(f"a disk failed: {error.strerror}. When that is mended: {tally}") from None


def told(command: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Turn errors into a message and a status; a bug stays a traceback where that names nobody."""

    @wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> int:
        try:
            with _stoppable():
                return command(*args, **kwargs)
        except UnfitDataError as error:
            complain(f"not measured: {error}")
            return EXIT_PROBLEMS
        except IncidentError as error:
            complain(str(error))
            return EXIT_INCIDENT
        except CorelabError as error:
            complain(str(error))
            return EXIT_USAGE
        except InterruptedRunError:
            return EXIT_INTERRUPTED
        except KeyboardInterrupt:
            complain(f"interrupted; {_RESUMES}")
            return EXIT_INTERRUPTED

    return wrapped


def complain(text: str) -> None:
    """Say an error, in signs that no terminal acts on: it may quote a user's file."""
    lines = "\n".join(map(printable, text.splitlines()))
    tell("error", lines, {"message": lines}, level=logging.ERROR)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Context in which SIGTERM interrupts as the keyboard does, and neither waits for long."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    timer = threading.Timer(GRACE_S, _leave)
    timer.daemon = True

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in _SIGNALS:  # a second one would only stop the tidying
            signal.signal(each, signal.SIG_IGN)
        timer.start()
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in _SIGNALS}
    try:
        yield
    finally:
        timer.cancel()
        for each, handler in before.items():
            signal.signal(each, handler)


def _leave() -> None:
    """End this process where it stands: everything that counts is complete on the disk."""
    complain(f"interrupted; {_RESUMES}")
    os._exit(EXIT_INTERRUPTED)
