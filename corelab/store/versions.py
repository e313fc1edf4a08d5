"""The files of earlier versions of a read: inside its case's folder, where one rename moves all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.store.times import settle
from corelab.vocab import Case, Read


def standing_read(layout: Layout, case: Case) -> Read | None:
    """Read that stands for a case; ``None`` where there is none."""
    try:
        return load_read(layout.read(case))
    except StoreError:
        return None


def version_numbers(layout: Layout, case: Case) -> tuple[int, ...]:
    """Return the numbers of the earlier versions that lie beside a case's read."""
    numbers = (path.name.removeprefix("v") for path in layout.versions_folder(case).glob("v*"))
    return tuple(sorted(int(number) for number in numbers if number.isdecimal()))


def carry_versions(layout: Layout, case: Case, built: Layout, number: int) -> None:
    """Copy what a case has in OUT into its new folder, as versions that are earlier than it.

    Nothing changes in OUT: the new folder takes the place of the old one with all its versions.

    Parameters
    ----------
    layout
        Where OUT lies.
    case
        Whose files.
    built
        Where its new files lie.
    number
        Version of the new read.
    """
    for earlier in version_numbers(layout, case):
        if earlier < number:
            _copy(layout.version_folder(case, earlier), built.version_folder(case, earlier))
    standing = standing_read(layout, case)
    if standing is not None and standing.version < number:
        _copy(layout.case_folder(case), built.version_folder(case, standing.version))


def promote(layout: Layout, case: Case) -> None:
    """Let the newest earlier version of a case stand again, its read last."""
    numbers = version_numbers(layout, case)
    if not numbers:
        return
    folder, target = layout.version_folder(case, numbers[-1]), layout.case_folder(case)
    for path in sorted(folder.iterdir(), key=lambda path: path.name == layout.read(case).name):
        path.rename(target / path.name)
    remove_if_empty(folder)
    remove_if_empty(folder.parent)
    settle(target)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that nothing is left in."""
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def _copy(source: Path, target: Path) -> None:
    """Copy the files of a folder, not its folders, and see their bytes on the disk."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file():
            copy = shutil.copy2(path, target / path.name, follow_symlinks=False)
            with Path(copy).open("rb") as stream:
                os.fsync(stream.fileno())
