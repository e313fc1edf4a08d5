"""Everything under a folder: names, links, times and attributes beside the contents."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from corelab.blinding.audit.finder import Finder
from corelab.blinding.audit.needle import Passage, Standing, Unsearched
from corelab.blinding.audit.reading.blob import read_blob
from corelab.blinding.audit.reading.contents import read_contents
from corelab.blinding.audit.reading.names import read_name
from corelab.blinding.audit.reading.packed import day_of
from corelab.blinding.audit.reading.reader import Allowance, Content, UnreadableError
from corelab.blinding.audit.reading.wal import LOG_END, with_log
from corelab.series import IdentifierKind

_TRIES, _PAUSE_S = 20, 0.1
_BESIDE_DATABASES = (LOG_END, "-shm")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Leak:
    """Where an identifying text stands and of what kind it is, never the text itself."""

    path: Path
    place: str
    kind: IdentifierKind


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gap:
    """A place under OUT that could not be searched."""

    path: Path
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What the search of some files found."""

    leaks: tuple[Leak, ...]
    gaps: tuple[Gap, ...]
    n_files: int
    n_bytes: int


def paths_below(out: Path) -> list[Path]:
    """Every file, folder and link below a folder, relative to it; links are not followed."""
    found: list[Path] = []
    for folder, folders, files in os.walk(out, followlinks=False):
        here = Path(folder).relative_to(out)
        found += [here / name for name in (*folders, *files)]
    return sorted(found)


def search_paths(out: Path, paths: Iterable[Path], finder: Finder) -> Searched:
    """Search names, times, attributes and contents.

    Parameters
    ----------
    out
        The folder that paths are relative to.
    paths
        As :func:`paths_below` gives them.
    finder
        Of what is looked for.
    """
    leaks: set[Leak] = set()
    gaps: set[Gap] = set()
    n_files = n_bytes = 0
    for path in paths:
        n_files += 1
        for found in _all_of(out, path):
            if isinstance(found, int):
                n_bytes += found
            elif isinstance(found, Unsearched):
                gaps.add(Gap(path=path, place=found.place))
            else:
                for kind in finder.kinds_in(found):
                    leaks.add(Leak(path=path, place=found.place, kind=kind))
    return Searched(
        leaks=tuple(sorted(leaks)), gaps=tuple(sorted(gaps)), n_files=n_files, n_bytes=n_bytes
    )


def _all_of(out: Path, path: Path) -> Iterator[Passage | Unsearched | int]:
    """All that one path shows, with the number of bytes that were read of it."""
    yield from read_name(os.fsencode(path.name).decode("utf-8", "replace"), "name")
    full = out / path
    try:
        status = full.lstat()
        yield from _modified(status.st_mtime)
        yield from _attributes(full)
        if stat.S_ISLNK(status.st_mode):
            yield from read_name(str(full.readlink()), "link target")
            yield Unsearched("what the link points to")
        elif stat.S_ISREG(status.st_mode):
            yield from _contents_of(full)
        elif not stat.S_ISDIR(status.st_mode):
            yield Unsearched("content")
        elif not os.access(full, os.R_OK | os.X_OK):
            yield Unsearched("folder")
    except FileNotFoundError:
        # SQLite takes these away when a database is closed; all that stood in them is in it then.
        if not path.name.endswith(_BESIDE_DATABASES):
            yield Unsearched("content")
    except (OSError, MemoryError):
        yield Unsearched("content")


def _contents_of(path: Path) -> Iterator[Passage | Unsearched | int]:
    """Read a file; a database and its log as what both are together, and each for itself."""
    data = _bytes_of(path)
    yield len(data)
    database, log = _pair_of(path)
    if not log.is_file():
        yield from read_contents(data, path.name)
        return
    yield from read_blob(Content(data=data, name=path.name, allowance=Allowance()))
    try:
        whole = _together(database, log)
    except FileNotFoundError:
        whole = _bytes_of(database)  # closed just now: the log is in it
    yield from read_contents(whole, database.name)


def _pair_of(path: Path) -> tuple[Path, Path]:
    """Tell where the database of a file and its log lie, if it is either of them."""
    database = path.with_name(path.name.removesuffix(LOG_END))
    return database, database.with_name(database.name + LOG_END)


def _together(database: Path, log: Path) -> bytes:
    """Bytes of a database with its log, neither of which changed between the two readings."""
    for _ in range(_TRIES):
        before = _times_of(database, log)
        whole = with_log(_bytes_of(database), _bytes_of(log))
        if _times_of(database, log) == before:
            return whole
        time.sleep(_PAUSE_S)
    raise OSError(f"{database.name} does not hold still")


def _times_of(*paths: Path) -> list[tuple[int, int]]:
    states = [path.stat() for path in paths]
    return [(state.st_size, state.st_mtime_ns) for state in states]


def _modified(seconds: float) -> Iterator[Passage | Unsearched]:
    try:
        yield Passage(day_of(seconds), "modification time", Standing.VALUE)
    except UnreadableError:
        yield Unsearched("modification time")


def _bytes_of(path: Path) -> bytes:
    """Read a file without leaving a time of access, where the system lets its owner do so."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        return path.read_bytes()
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor
        return stream.read()


def _attributes(path: Path) -> Iterator[Passage]:
    for name in os.listxattr(path, follow_symlinks=False):
        yield from read_name(name, "extended attribute")
        value = os.getxattr(path, name, follow_symlinks=False)
        content = Content(data=value, name="", allowance=Allowance())
        yield from read_blob(content, "extended attribute")
