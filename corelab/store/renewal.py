"""OUT's cases made anew, so that no file system tells in which order they came.

A file keeps the time of its creation and its number in the file system, and file browsers show
them. Cases that came with a later delivery would be later in both. Copies that were all made
at one time, in the order of the codes, tell nothing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.layout import Layout

_NEW, _OLD = "new", "old"
_State = tuple[tuple[str, int, int], ...]


def renew(layout: Layout, work: Path) -> None:
    """Replace every case's folder by a copy of it, in the order of the subject codes.

    All copies are there before the first takes its place, and no old one goes before the
    last did: freed numbers in the file system would tell as well. For that time OUT takes
    twice its room.

    Parameters
    ----------
    layout
        Where OUT lies.
    work
        Folder on the same file system; what an interruption leaves there is taken up by
        :func:`restore`.

    Raises
    ------
    StoreError
        When the copies cannot be made; OUT is then as it was.
    """
    folders = sorted(layout.root.glob("sub-*"))
    try:
        (work / _OLD).mkdir(parents=True, exist_ok=True)
        states = {folder: _copy_folder(folder, work / _NEW / folder.name) for folder in folders}
        for folder, copied in states.items():
            state = copied
            while state != _state_of(folder):  # somebody saved into it meanwhile
                shutil.rmtree(work / _NEW / folder.name)
                state = _copy_folder(folder, work / _NEW / folder.name)
            folder.rename(work / _OLD / folder.name)
            (work / _NEW / folder.name).rename(folder)
        shutil.rmtree(work)
    except (OSError, shutil.Error) as error:
        restore(layout, work)
        raise StoreError(
            "the cases of OUT cannot be copied, so that the times of their creation tell their "
            "order; free as much room as OUT takes and run the same command again"
        ) from error


def restore(layout: Layout, work: Path) -> None:
    """Put back what an interrupted renewal had taken out of its place."""
    for folder in (work / _OLD).glob("sub-*"):
        place = layout.root / folder.name
        if not place.exists():
            folder.rename(place)


def _copy_folder(folder: Path, target: Path) -> _State:
    """Copy a folder with its files' rights; its state before that."""
    state = _state_of(folder)
    shutil.copytree(folder, target, symlinks=True, copy_function=_copy)
    return state


def _state_of(folder: Path) -> _State:
    """Size and time of everything in a folder."""
    states = ((path, path.lstat()) for path in sorted(folder.rglob("*")))
    return tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in states)


def _copy(source: str, target: str) -> None:
    """Copy a file and see its bytes on the disk."""
    shutil.copy2(source, target)
    with Path(target).open("rb") as stream:
        os.fsync(stream.fileno())
