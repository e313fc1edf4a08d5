"""Whether a file is as it was, told without reading it: as git does, and trusted as far.

A stamp holds size, times and place of a file. The time of its last change (ctime) is set by the
system at every write and every change of rights or other times, and by nobody else: bytes that
were changed and got their old size and time of modification back have another stamp.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

GONE = "gone"
_TICK_S = 0.05
"""Systems count the time of a change in steps of up to 10 ms: within one, two look alike."""


def stamp_of(path: Path) -> str:
    """Stamp of a file, folder or link itself; one that was changed just now is like no other.

    A folder's times change as it is listed and settled, so that its rights and attributes are
    taken in their place; what it holds shows in the stamps below it.
    """
    try:
        state = path.lstat()
        if stat.S_ISDIR(state.st_mode):
            return _stamp_of_folder(path, state)
        if _is_fresh(state):
            time.sleep(_TICK_S)
            state = path.lstat()
    except OSError:
        return GONE
    fresh = f" {time.time_ns()}" if _is_fresh(state) else ""
    return (
        f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_dev} {state.st_ino}"
        f"{fresh}"
    )


def stamps_below(folder: Path) -> dict[Path, str]:
    """Stamps of a folder and of all below it; no link is followed."""
    return {path: stamp_of(path) for path in _all_of(folder)}


def digest_of(stamps: Mapping[Path, str], folder: Path) -> str:
    """Digest of the stamps of everything in a folder, whatever the order."""
    return text_digest(f"{os.path.relpath(path, folder)!a} {s}" for path, s in stamps.items())


def text_digest(texts: Iterable[str]) -> str:
    """Digest of texts, whatever their order."""
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


def _all_of(folder: Path) -> Iterator[Path]:
    yield folder
    for parent, folders, files in os.walk(folder, followlinks=False):
        yield from (Path(parent, name) for name in (*folders, *files))


def _stamp_of_folder(path: Path, state: os.stat_result) -> str:
    names = sorted(os.listxattr(path, follow_symlinks=False))
    attributes = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]
    return f"{state.st_mode} {state.st_uid} {state.st_gid} {state.st_dev} {attributes}"


def _is_fresh(state: os.stat_result) -> bool:
    return time.time_ns() - state.st_ctime_ns < 1e9 * _TICK_S
