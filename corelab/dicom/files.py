"""Which files a delivery holds."""

from __future__ import annotations

import os
import stat
from pathlib import Path

IGNORED_NAMES = frozenset({"dicomdir", ".ds_store", "thumbs.db", "desktop.ini"})
"""Directory records and what file managers leave behind; DICOMDIR may point outside
(CVE-2026-32711), so the files are walked instead."""


def find_files(incoming: Path) -> tuple[Path, ...]:
    """Regular files at any depth below a folder, sorted; no link is followed.

    Links, pipes, sockets and devices are left out, and so are folders that cannot be opened.

    Parameters
    ----------
    incoming
        Folder as received; a single file is allowed.
    """
    if is_regular(incoming):
        return (incoming,)
    found: list[Path] = []
    for folder, _, names in os.walk(incoming, followlinks=False):
        paths = (Path(folder, name) for name in names)
        found.extend(path for path in paths if is_regular(path))
    return tuple(sorted(found))


def is_regular(path: Path) -> bool:
    """Whether a path is a file of its own: no link, pipe, socket or device."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_ignored(path: Path) -> bool:
    """Whether a file is known to hold no image, so that it is counted and not read."""
    return path.name.casefold() in IGNORED_NAMES or path.name.startswith("._")
