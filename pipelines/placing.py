"""Where the files of a case are built, and how they come into OUT: all at one moment.

Every attempt at a case has a folder of its own below ``OUT/.work``, so that an attempt that
nobody waits for any more never meets the one that took its place. A folder that is replaced
changes places with the new one at one moment, and is deleted where nobody looks for results.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from corelab.errors import DiskError
from corelab.store.files import disk_error, remove_parts, sync_folder
from corelab.store.layout import Layout
from corelab.store.renewal import restore
from corelab.store.times import settle, settle_one
from corelab.vocab import Case

WORK_FOLDER = ".work"
RENEWAL = Path(WORK_FOLDER, "renewal")
_MARK = "attempt"
_OLD = "replaced"
_OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST}
_LIBRARY = ctypes.CDLL(None, use_errno=True)
_HERE, _RENAME_EXCHANGE = -100, 2
"""Of renameat2(2): paths are as this process sees them, and what is there changes places."""
_NO_EXCHANGE = {errno.ENOENT, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def begin_work(out: Path) -> bool:
    """Make an empty work folder, and remove what a killed run left half done.

    The old one leaves its name at once: a worker that outlived its run finds its attempt gone.

    Returns
    -------
    bool
        Whether an earlier run did not come to its end.

    Raises
    ------
    DiskError
        When OUT cannot be written to.
    """
    work = out / WORK_FOLDER
    restore(Layout(out), out / RENEWAL)
    _put_back(out)
    try:
        is_resumed = work.exists()
        if is_resumed:
            work.rename(out / f"{WORK_FOLDER}.{secrets.token_hex(4)}")
        work.mkdir()
    except OSError as error:
        raise disk_error("OUT cannot be written to", out, error) from error
    for older in out.glob(f"{WORK_FOLDER}.*"):
        is_resumed = True
        shutil.rmtree(older, ignore_errors=True)
    for folder in (out, out / "qa"):
        remove_parts(folder)
    return is_resumed


@contextmanager
def work_emptied(out: Path) -> Iterator[None]:
    """Context that leaves nothing in the work folder, however it ends.

    The folder itself stays where a run did not come to its end, and says so to the next one.
    """
    try:
        yield
    finally:
        restore(Layout(out), out / RENEWAL)
        with suppress(OSError):
            _put_back(out)
            for path in (out / WORK_FOLDER).iterdir():
                _remove(path)


def remove_parts_below(vault: Path) -> None:
    """Remove what a killed run had begun to write into a vault's folders."""
    for folder in (vault, *vault.iterdir()):
        if folder.is_dir():
            remove_parts(folder)


def end_work(out: Path) -> None:
    """Remove the work folder: the run came to its end."""
    shutil.rmtree(out / WORK_FOLDER, ignore_errors=True)


@contextmanager
def attempt_at(case: Case, out: Path) -> Iterator[Layout]:
    """Folder for one attempt at a case, gone at its end with all that lies in it.

    Raises
    ------
    DiskError
        When it cannot be made.
    """
    root = out / WORK_FOLDER / f"{case.stem}.{secrets.token_hex(4)}"
    try:
        root.mkdir(parents=True)
        (root / _MARK).touch()
    except OSError as error:
        raise disk_error("OUT cannot be written to", out, error) from error
    try:
        yield Layout(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def put_in_place(built: Path, final: Path, attempt: Path) -> None:
    """Give a case's folder its name under OUT, in place of an older one.

    Parameters
    ----------
    built, final
        Whole folder of the case, and where it belongs.
    attempt
        Folder that ``built`` lies in.

    Raises
    ------
    DiskError
        When that cannot be, or another run has taken the attempt away: OUT is as it was.
    """
    try:
        settle(built)
        sync_folder(built)
        final.parent.mkdir(parents=True, exist_ok=True)
        if not (attempt / _MARK).exists():
            raise DiskError("another run began in OUT: this one's attempt is void", errno.ECANCELED)
        while not _have_changed_places(built, final):
            _set_aside(final, attempt)
            try:
                built.rename(final)
                break
            except OSError as error:
                if error.errno not in _OCCUPIED:
                    raise
        settle_one(final.parent)
        sync_folder(final.parent)
    except OSError as error:
        raise disk_error(f"{final.name} cannot be put in place", final.parent, error) from error


def discard(path: Path, out: Path) -> None:
    """Delete a file or folder under OUT, whose name is gone before anything of it is."""
    work = out / WORK_FOLDER
    is_new = not work.exists()
    work.mkdir(exist_ok=True)
    aside = work / f"{_OLD}.{secrets.token_hex(4)}"
    path.rename(aside)
    _remove(aside)
    if is_new:
        work.rmdir()


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _have_changed_places(built: Path, final: Path) -> bool:
    """Exchange two folders at one moment; not where one is absent, or the file system cannot."""
    exchange = getattr(_LIBRARY, "renameat2", None)
    if exchange is None:
        return False
    names = (os.fsencode(built), os.fsencode(final))
    if exchange(_HERE, names[0], _HERE, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number))


def _put_back(out: Path) -> None:
    """Give a case its name again that was set aside by a run which was killed then."""
    for aside in out.glob(f"{WORK_FOLDER}*/sub-*/{_OLD}.*"):
        case = aside.parent.name.rpartition(".")[0]
        final = out.joinpath(*case.split("_", 1))
        if not final.exists():
            final.parent.mkdir(exist_ok=True)
            aside.rename(final)


def _set_aside(final: Path, attempt: Path) -> None:
    """Take a folder's name away; for an instant the case has none."""
    with suppress(FileNotFoundError):
        final.rename(attempt / f"{_OLD}.{secrets.token_hex(4)}")
