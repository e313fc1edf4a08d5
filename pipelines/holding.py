"""One run at a time in OUT; who comes second is told who is there.

The operating system holds the lock, on OUT's folder itself: a process that is dead holds nothing.
Who holds it stands beside OUT, not in it, since OUT is what readers get and every byte of it is
searched. Where a file system gives no lock on a folder, that file is the lock.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from corelab.errors import DiskError, StoreError
from corelab.store.files import disk_error

_NO_LOCKS = {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}
_CARD_MODE = 0o644
_LONGEST_CARD = 500


@contextmanager
def hold_out(out: Path, command: str) -> Iterator[None]:
    """Keep everybody else from writing to OUT.

    Parameters
    ----------
    out
        Folder.
    command
        Who holds it: the name of a command.

    Raises
    ------
    StoreError
        When another process holds it: which one, where and since when.
    DiskError
        When it is no folder, or nothing can hold it.
    """
    card = _card_of(out)
    with ExitStack() as held:
        folder = _opened(out, os.O_RDONLY | os.O_DIRECTORY, held)
        is_held = _locked(folder, card)
        try:
            own = _opened(card, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, held)
        except DiskError:
            if not is_held:
                raise  # neither OUT nor what lies beside it can be locked
            yield
            return
        if not _locked(own, card) and not is_held:
            raise DiskError(f"{out} cannot be held: its file system has no locks", errno.ENOLCK)
        _write_card(own, command)
        try:
            yield
        finally:
            if is_held:
                card.unlink(missing_ok=True)
            else:
                os.ftruncate(own, 0)  # the file is the lock: somebody may wait to open it


def _card_of(out: Path) -> Path:
    place = out.resolve()
    return place.with_name(f".{place.name}.held")


def _opened(path: Path, flags: int, held: ExitStack) -> int:
    try:
        number = os.open(path, flags | os.O_CLOEXEC, _CARD_MODE)
    except OSError as error:
        raise disk_error(f"{path} cannot be held", path.parent, error) from error
    held.callback(os.close, number)
    return number


def _locked(number: int, card: Path) -> bool:
    """Whether this file is locked now; not where its file system knows no such lock."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(f"OUT is held by {_holder(card)}: wait until it ends") from error
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _write_card(number: int, command: str) -> None:
    """Say who is here; a disk without room for it is no reason to stop."""
    content = {
        "command": f"corelab {command}",
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
    }
    with suppress(OSError):
        os.ftruncate(number, 0)
        os.pwrite(number, json.dumps(content).encode(), 0)


def _holder(card: Path) -> str:
    try:
        told = json.loads(card.read_bytes()[:_LONGEST_CARD])
        who, where = f"process {told['process']}", f"on {told['host']}"
        return f"{told['command']!r} ({who} {where}, since {told['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which does not say who it is"
