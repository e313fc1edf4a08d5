"""Names inside an archive: which are safe to be a path below it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import NoReturn, TypeVar

from corelab.errors import ReasonCode, UnfitDataError

_DRIVE = re.compile("[A-Za-z]:")
_LONGEST_BYTES = 1024
_NO_FILE = "a link or device in an archive"
Entry = TypeVar("Entry")


def safe_name(name: str) -> str:
    r"""Name of a member as a relative path of plain parts, empty for the archive's own folder.

    Parameters
    ----------
    name
        As the archive gives it; a backslash divides folders, as old Windows tools mean it.

    Raises
    ------
    UnfitDataError
        ``archive_unsafe`` for an absolute name, a drive letter, ``..``, a NUL, a name too long.
    """
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in {"", "."}]
    if "\0" in plain:
        _refuse("a name in the archive holds a NUL", name)
    if plain.startswith("/") or _DRIVE.match(plain) or ".." in parts:
        _refuse("a name in the archive points outside it", name)
    try:
        n_bytes = len(os.fsencode(plain))
    except UnicodeEncodeError:
        _refuse("a name in the archive is no text", name)
    if n_bytes > _LONGEST_BYTES:
        _refuse(f"a name in the archive has {n_bytes} bytes, {_LONGEST_BYTES} allowed", name)
    return "/".join(parts)


def told_apart(
    entries: Sequence[tuple[str, Entry]], is_regular: Callable[[Entry], bool]
) -> tuple[dict[str, Entry], dict[str, str]]:
    """Members by name, and by name too what each other entry is.

    Parameters
    ----------
    entries
        Safe name and entry of everything but folders.
    is_regular
        Whether an entry is a file with bytes of its own.

    Raises
    ------
    UnfitDataError
        ``archive_unsafe`` where a name comes twice, or is a file here and a folder there.
    """
    _check_names(name for name, _ in entries)
    members = {name: entry for name, entry in entries if is_regular(entry)}
    return members, {name: _NO_FILE for name, _ in entries if name not in members}


def _check_names(names: Iterable[str]) -> None:
    """Refuse names that cannot all be told apart as paths."""
    seen: set[str] = set()
    for name in names:
        if name in seen or not name:
            _refuse("a name comes more than once in the archive", name)
        seen.add(name)
    folders = {str(parent) for name in seen for parent in PurePosixPath(name).parents}
    for name in sorted(folders & seen):
        _refuse("a name in the archive is both a file and a folder", name)


def _refuse(message: str, name: str) -> NoReturn:
    raise UnfitDataError(ReasonCode.ARCHIVE_UNSAFE, message, evidence=repr(name))
