"""A piece of work within the time and the memory that it may take, and what a disk lets it do."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from errno import EAGAIN, EBUSY, EINTR, EIO, ENOMEM, ESTALE, ETIMEDOUT
from pathlib import Path
from typing import TypeVar

from corelab.errors import DiskError, ReasonCode, UnfitDataError
from corelab.store.files import FULL
from pipelines.engine import memory_limit_bytes
from pipelines.limits import Budget, bounded_memory, bounded_time, resident_bytes

Result = TypeVar("Result")

_PASSING = FULL | {EIO, ESTALE, ETIMEDOUT, EAGAIN, EBUSY, EINTR}
"""What a disk says that may be otherwise a moment later."""
_PAUSE_S = 2.0
_MEMORY_SHARE = 0.9
"""Of what a worker may take: beyond its limit it would be ended without a word."""
_REFUSED_MEMORY = ("bad_alloc", "allocate memory", "failed to map segment")
"""What ITK and the loader of libraries say when memory is refused."""
_MB = 1_000_000


def within_bounds(work: Callable[[], Result], note: Path, *, minutes: float) -> Result:
    """Do work within its time and within the memory of the worker in which this runs.

    What a disk refuses is tried once more. What takes too long ends the process; that is known
    by its note when the work comes again.

    Parameters
    ----------
    work
        What is to be done.
    note
        Where the process says what it was at when its time was over.
    minutes
        Time that it may take.

    Raises
    ------
    UnfitDataError
        ``time_limit`` or ``memory_limit``.
    OSError, DiskError
        What the disk refused twice.
    """
    if _is_told(note):
        raise _out_of_time(note, minutes)
    try:
        return _tried(work, note, minutes)
    except (OSError, DiskError) as error:
        if error.errno not in _PASSING:
            raise
    time.sleep(_PAUSE_S)
    return _tried(work, note, minutes)


def _is_told(note: Path) -> bool:
    """Whether the work was ended; an empty note is that of a process which was killed."""
    try:
        return note.stat().st_size > 0
    except FileNotFoundError:
        return False


def _out_of_time(note: Path, minutes: float) -> UnfitDataError:
    evidence = note.read_text("utf-8", "replace")
    note.unlink()
    message = f"measuring took longer than the {minutes:g} min that the trial's limits give a case"
    return UnfitDataError(ReasonCode.TIME_LIMIT, message, evidence=evidence)


def _tried(work: Callable[[], Result], note: Path, minutes: float) -> Result:
    note.parent.mkdir(parents=True, exist_ok=True)
    limit = memory_limit_bytes()
    try:
        with (
            bounded_time(minutes * 60, note),
            bounded_memory(_budget(limit)) if limit else nullcontext(),
        ):
            return work()
    except Exception as error:
        if not _is_short_of_memory(error):
            raise
        evidence = f"{type(error).__name__}: {error}"
    share = f"{(limit or 0) // _MB} MB"
    message = f"measuring needs more memory than the {share} of a worker: fewer workers have more"
    raise UnfitDataError(ReasonCode.MEMORY_LIMIT, message, evidence=evidence)


def _is_short_of_memory(error: Exception) -> bool:
    """Whether memory was refused, whatever a library makes of it."""
    is_refusal = isinstance(error, MemoryError) or getattr(error, "errno", None) == ENOMEM
    return is_refusal or any(words in str(error) for words in _REFUSED_MEMORY)


def _budget(limit_bytes: int) -> Budget:
    """Memory for a case: what its worker may take, less what it has."""
    free = int(limit_bytes * _MEMORY_SHARE) - resident_bytes()
    return Budget(memory_bytes=max(0, free), cpu_s=0)
