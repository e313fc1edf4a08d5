"""Which files a delivery holds."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from corelab.errors import ReasonCode
from corelab.series import LooseFile, Refusal

IGNORED_NAMES = frozenset({"dicomdir", ".ds_store", "thumbs.db", "desktop.ini"})
"""Directory records and what file managers leave behind; DICOMDIR may point outside
(CVE-2026-32711), so the files are walked instead."""

_KINDS = {
    stat.S_IFLNK: "a link, which is not followed",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Regular files of a folder at any depth, and everything else that is no folder.

    A folder that cannot be opened is among the ``skipped``.
    """

    files: tuple[Path, ...]
    skipped: tuple[LooseFile, ...]


def walk(incoming: Path) -> Found:
    """Files at any depth below a folder, sorted; no link is followed, no pipe opened.

    Parameters
    ----------
    incoming
        Folder as received; a single file is allowed.
    """
    if is_regular(incoming):
        return Found(files=(incoming,), skipped=())
    files: list[Path] = []
    skipped: list[LooseFile] = []

    def note_closed(error: OSError) -> None:
        message = "a folder of the delivery cannot be opened"
        refusal = Refusal(reason=ReasonCode.UNREADABLE, message=message, evidence=str(error))
        skipped.append(LooseFile(path=Path(error.filename), refusal=refusal))

    for folder, folders, names in os.walk(incoming, onerror=note_closed, followlinks=False):
        for path in (Path(folder, name) for name in names):
            if is_regular(path):
                files.append(path)
            else:
                skipped.append(_no_file(path))
        links = (Path(folder, name) for name in folders)
        skipped.extend(_no_file(path) for path in links if path.is_symlink())
    skipped.sort(key=lambda entry: entry.path)
    return Found(files=tuple(sorted(files)), skipped=tuple(skipped))


def is_regular(path: Path) -> bool:
    """Whether a path is a file of its own: no link, pipe, socket or device."""
    return _kind(path) == stat.S_IFREG


def is_ignored(path: Path) -> bool:
    """Whether a file is known to hold no image, so that it is counted and not read."""
    return path.name.casefold() in IGNORED_NAMES or path.name.startswith("._")


def printable(path: Path | str) -> str:
    """Text for people: bytes that are no UTF-8 and signs that steer a terminal as escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _no_file(path: Path) -> LooseFile:
    what = _KINDS.get(_kind(path), "neither a file nor a folder")
    return LooseFile(path=path, refusal=Refusal(reason=ReasonCode.NOT_A_FILE, message=what))


def _kind(path: Path) -> int:
    try:
        return stat.S_IFMT(path.lstat().st_mode)
    except OSError:
        return 0
