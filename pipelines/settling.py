"""Whether a delivery has arrived: nothing changed for a while, and nothing looks unfinished."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_UNFINISHED_ENDS = (
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".download",
    ".tmp",
    ".temp",
    ".lock",
    ".lck",
    "~",
)
# What Macs leave on every disk that they write to; no transfer program names its files so.
_FINISHED = frozenset({".DS_Store", ".Trashes", ".fseventsd", ".Spotlight-V100"})
_MAC_COMPANION = "._"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at a delivery found; ``digest`` is of the name, size and time of each file."""

    digest: str
    n_files: int
    n_unfinished: int

    @property
    def may_be_whole(self) -> bool:
        """Whether there is something, and no name that a transfer gives to what is not done."""
        return self.n_files > 0 and not self.n_unfinished


def deliveries_in(folder: Path) -> tuple[Path, ...]:
    """Folders and files right below a folder, sorted; no links, nothing that is not done by name.

    Raises
    ------
    OSError
        When nobody may look into the folder, or it is gone.
    """
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not e.is_symlink() and not _is_unfinished(e.name)]
    return tuple(folder / name for name in sorted(names) if name not in _FINISHED)


def look_at(delivery: Path) -> Look:
    """Look at every file of a delivery, without opening any."""
    digest, n_files, n_unfinished = hashlib.sha256(os.fsencode(delivery.name)), 0, 0
    for name, state in _entries(delivery):
        digest.update(os.fsencode(f"\n{name}\0{state}"))
        n_files += bool(state)
        n_unfinished += _is_unfinished(os.path.basename(name))  # noqa: PTH119 - text, not a path
    return Look(digest=digest.hexdigest(), n_files=n_files, n_unfinished=n_unfinished)


class Settling:
    """How long each delivery has looked the same.

    Parameters
    ----------
    settle_s
        A delivery that looks the same for so long has arrived. Only what is seen here counts: a
        program that copies files may give them times of long ago.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since: dict[Path, tuple[str, float]] = {}

    def is_settled(self, delivery: Path, look: Look, now_s: float) -> bool:
        """Whether a delivery has looked like this since long enough before ``now_s``."""
        digest, since_s = self._since.get(delivery, ("", now_s))
        if digest != look.digest:
            self._since[delivery] = (look.digest, now_s)
            return False
        return now_s - since_s >= self._settle_s


def _entries(delivery: Path) -> Iterator[tuple[str, str]]:
    """Names below a delivery, sorted, with size and time of files; no state for a folder."""
    if not delivery.is_dir():
        yield "", _state(delivery)
        return
    unread: list[OSError] = []
    for parent, folders, files in os.walk(delivery, onerror=unread.append):
        folders.sort()
        below = os.path.relpath(parent, delivery)
        yield from ((os.path.join(below, name), "") for name in folders)  # noqa: PTH118 - text
        for name in sorted(files):
            path = os.path.join(below, name)  # noqa: PTH118 - text
            yield path, _state(Path(parent, name))
    # A folder that nobody may open is a finding of the run, not a reason to wait for good.
    yield from (("", f"closed: {error.errno}") for error in unread)


def _state(path: Path) -> str:
    try:
        state = path.lstat()
    except OSError:
        return "gone"
    return f"{state.st_size} {state.st_mtime_ns}"


def _is_unfinished(name: str) -> bool:
    if name in _FINISHED or name.startswith(_MAC_COMPANION):
        return False
    return name.startswith(".") or name.lower().endswith(_UNFINISHED_ENDS)
