"""The times that a file browser shows: one and the same for everything under OUT."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from corelab.errors import DiskError, StoreError

SETTLED_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""Says nothing of any scan or run; every file system and archive holds it in any time zone."""
_STAMPS_NS = (10**9 * int(SETTLED_AT.timestamp()),) * 2


def settle(folder: Path) -> None:
    """Set the times of a folder and of all below it to :data:`SETTLED_AT`.

    When a case was measured tells when it was received, and so who was enrolled before whom.
    Nothing here goes by these times: what is unchanged is known by its digests.

    Raises
    ------
    StoreError
        When a time cannot be set.
    """
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            _settle(os.path.join(parent, name))  # noqa: PTH118 - a Path for each costs more than all
    settle_one(folder)


@contextmanager
def settled(folder: Path) -> Iterator[None]:
    """Context after which a folder is settled, also when it ends early."""
    try:
        yield
    except BaseException:
        with suppress(StoreError):  # what ended it early is what must be told
            settle(folder)
        raise
    settle(folder)


def settle_one(path: Path) -> None:
    """Set the times of a file or folder alone; of a link itself, not of what it leads to.

    Raises
    ------
    StoreError
        When that cannot be done; what is gone by now needs no time.
    """
    _settle(str(path))


def _settle(path: str) -> None:
    try:
        state = os.lstat(path)
        # A time that is set anew counts as a change of the file, which is then searched anew.
        if (state.st_atime_ns, state.st_mtime_ns) != _STAMPS_NS:
            os.utime(path, ns=_STAMPS_NS, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        what = f"the time of {Path(path).name} cannot be set: {error.strerror}"
        raise DiskError(what, error.errno) from error
