"""Passphrases as a command gets them: typed without echo, or from a private file."""

from __future__ import annotations

import stat
import sys
from getpass import getpass
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.users import check_passphrase

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_READ = 4096


def known_passphrase(file: Path | None, name: str) -> str:
    """Passphrase that a user has.

    Parameters
    ----------
    file
        Where it stands; asked on the terminal where there is none.
    name
        Of the user.

    Raises
    ------
    StoreError
        When it can neither be read nor asked.
    """
    return _from_file(file) if file else _asked(f"Passphrase of {name}: ")


def new_passphrase(file: Path | None, name: str) -> str:
    """Passphrase that a user shall have; typed twice.

    Raises
    ------
    StoreError
        When it can neither be read nor asked, is too short, or was typed in two ways.
    """
    if file:
        passphrase = _from_file(file)
        check_passphrase(passphrase)
        return passphrase
    passphrase = _asked(f"New passphrase of {name}: ")
    check_passphrase(passphrase)
    if _asked("The same again: ") != passphrase:
        raise StoreError("the passphrase was typed in two ways: nothing was changed")
    return passphrase


def _asked(question: str) -> str:
    if not sys.stdin.isatty():
        raise StoreError(
            "there is no terminal to ask for a passphrase: name a file with --passphrase-file"
        )
    try:
        return getpass(question)
    except EOFError as error:
        raise StoreError("no passphrase was typed: nothing was changed") from error


def _from_file(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        with path.open("rb") as stream:
            content = stream.read(_LONGEST_READ)
    except OSError as error:
        raise StoreError(f"the passphrase file {path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise StoreError(
            f"the passphrase file {path} is open to other users (rights {mode:04o}, expected "
            f"0600): chmod 600 {path}"
        )
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StoreError(f"the passphrase file {path} is no text in UTF-8") from error
    if len(lines) != 1 or not lines[0]:
        raise StoreError(f"the passphrase file {path} has {len(lines)} lines, expected one")
    return lines[0]
