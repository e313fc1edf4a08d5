"""Everything under a folder: names, links, times and attributes beside the contents."""

from __future__ import annotations

import os
import stat
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
from corelab.series import IdentifierKind


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
            data = _bytes_of(full)
            yield len(data)
            yield from read_contents(data, path.name)
        elif not stat.S_ISDIR(status.st_mode):
            yield Unsearched("content")
        elif not os.access(full, os.R_OK | os.X_OK):
            yield Unsearched("folder")
    except (OSError, MemoryError):
        yield Unsearched("content")


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
