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
        for folder in folders:
            shutil.copytree(folder, work / _NEW / folder.name, copy_function=_copy)
        for folder in folders:
            folder.rename(work / _OLD / folder.name)
            (work / _NEW / folder.name).rename(folder)
        shutil.rmtree(work)
    except (OSError, shutil.Error) as error:
        restore(layout, work)
        raise StoreError(
            "the cases of OUT cannot be copied, so that the times of their creation tell their "
            "order; free as much room as OUT takes and run the same command again"
        ) from error


def restore(layout: Layout, work: Path) -> bool:
    """Put back what an interrupted renewal had taken out of its place.

    Returns
    -------
    bool
        Whether there was one, so that it is still to be done.
    """
    for folder in (work / _OLD).glob("sub-*"):
        place = layout.root / folder.name
        if not place.exists():
            folder.rename(place)
    return work.exists()


def _copy(source: str, target: str) -> None:
    """Copy a file's bytes and see them on the disk."""
    shutil.copyfile(source, target)
    with Path(target).open("rb") as stream:
        os.fsync(stream.fileno())
