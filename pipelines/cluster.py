"""What workers on other machines must be before a case is theirs: same version, same files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.files import write_text
from pipelines.engine import Crash, Engine

_MOST_TOLD = 5
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Dask's nanny sets these to 1; sums over several threads would differ in their last digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What a worker must find: INCOMING, and in OUT a note that this run has just left."""

    incoming: Path
    note: Path
    word: str
    software_version: str


def refuse_unfit_workers(engine: Engine, incoming: Path, out: Path) -> None:
    """Make sure that every worker sees INCOMING and OUT and runs this version.

    Parameters
    ----------
    engine
        Of a running scheduler; local workers are what this process is.
    incoming, out
        Folders that all must share.

    Raises
    ------
    StoreError
        Which worker is unfit, and what was expected of it.
    """
    with _note_in(out) as (note, word):
        place = Workplace(
            incoming=incoming.resolve(),
            note=note,
            word=word,
            software_version=version("corelab"),
        )
        answers = engine.everywhere(look_around, place)
    faults = [
        f"worker {name}: {_said(answer)}" for name, answer in sorted(answers.items()) if answer
    ]
    threads = engine.threads_of_workers()
    faults += [
        f"worker {name}: runs {count} threads, expected 1 (start it with --nthreads 1)"
        for name, count in sorted(threads.items())
        if count != 1
    ]
    if faults:
        more = len(faults) - _MOST_TOLD
        shown = faults[:_MOST_TOLD] + ([f"and {more} more"] if more > 0 else [])
        raise StoreError("no case was started:\n  " + "\n  ".join(shown))


def look_around(place: Workplace) -> str:
    """Say in a worker what is not as it must be; an empty text when all is well."""
    mine = version("corelab")
    if mine != place.software_version:
        return f"runs corelab {mine}, expected {place.software_version} as here"
    if not place.incoming.exists():
        return f"does not see INCOMING at {place.incoming}; all must share it under one path"
    try:
        word = place.note.read_text("utf-8")
    except OSError:
        word = ""
    if word != place.word:
        return f"does not see OUT at {place.note.parent}; all must share it under one path"
    unset = [name for name in _THREADS if os.environ.get(name) != "1"]
    if unset:
        return f"was started without {unset[0]}=1; `dask worker` with a nanny sets it"
    return ""


def _said(answer: str | Crash) -> str:
    """Put an answer in words; a worker that cannot even import this module runs something else."""
    return f"cannot run corelab here ({answer.kind})" if isinstance(answer, Crash) else answer


@contextmanager
def _note_in(out: Path) -> Iterator[tuple[Path, str]]:
    note, word = out.resolve() / ".workers", secrets.token_hex(16)
    write_text(note, word)
    try:
        yield note, word
    finally:
        note.unlink(missing_ok=True)
