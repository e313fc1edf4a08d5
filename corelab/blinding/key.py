"""The vault's key: 32 random bytes in a file of their own, or in the environment."""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from corelab.blinding.cipher import KEY_BYTES
from corelab.errors import StoreError

VARIABLE = "CORELAB_VAULT_KEY"
_DIGITS = 2 * KEY_BYTES
_EXPECTED = f"{_DIGITS} hexadecimal digits, as corelab writes them"
_KEY = re.compile(rf"[0-9a-fA-F]{{{_DIGITS}}}")
_FILE_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_READ = 4096


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and where it is: a file or the environment variable."""

    secret: bytes
    place: str

    def __repr__(self) -> str:
        """Say where it is, never what it is."""
        return f"Key({self.place})"


def default_key_file(folder: Path) -> Path:
    """Key file of a vault folder: beside it, so that a copy of the folder does not carry it."""
    folder = folder.resolve()
    return folder.with_name(folder.name + ".key")


def find_key(folder: Path, key_file: Path | None) -> Key | None:
    """Key of a vault: of the named file, else of the environment, else of the file beside it.

    Returns
    -------
    Key or None
        ``None`` when there is no key yet in any of these places.

    Raises
    ------
    StoreError
        When there is one, and it is malformed or can be read by others.
    """
    if key_file is None and VARIABLE in os.environ:
        return Key(_secret(os.environ[VARIABLE], f"variable {VARIABLE}"), f"variable {VARIABLE}")
    path = key_file or default_key_file(folder)
    text = _read(path)
    return None if text is None else Key(_secret(text, f"key file {path}"), f"key file {path}")


def make_key_file(folder: Path, key_file: Path | None) -> Path:
    """Write a new random key, readable by its owner alone, and give back where.

    Raises
    ------
    StoreError
        When the file cannot be made.
    """
    path = key_file or default_key_file(folder)
    text = secrets.token_hex(KEY_BYTES) + "\n"
    try:
        try:
            _write_unnamed(path, text)
        except FileExistsError:
            raise
        except OSError:  # not every file system holds files without a name
            _write_beside(path, text)
    except OSError as error:
        raise StoreError(f"the key file {path} cannot be made: {error.strerror}") from error
    return path


def _write_unnamed(path: Path, text: str) -> None:
    """Write a file that gets its name when it is whole: who is killed before leaves no secret."""
    number = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, _FILE_MODE)
    with os.fdopen(number, "w", encoding="ascii") as stream:
        _put(stream, text)
        # Never over another key. Python has the link of /proc followed where a number is given.
        os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number, follow_symlinks=True)


def _write_beside(path: Path, text: str) -> None:
    """Do the same through a file of another name, which a kill may leave."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    number = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE)
    try:
        with os.fdopen(number, "w", encoding="ascii") as stream:
            _put(stream, text)
        os.link(part, path)
    finally:
        part.unlink()


def _put(stream: IO[str], text: str) -> None:
    stream.write(text)
    stream.flush()
    os.fsync(stream.fileno())


def missing_key(folder: Path, key_file: Path | None) -> StoreError:
    """Error of a vault whose key is in none of its places."""
    path = key_file or default_key_file(folder)
    return StoreError(
        f"the vault {folder} is there, but its key is not: no file {path}"
        + ("" if key_file else f", and {VARIABLE} is not set")
        + ". Put the key file back, or name it with --vault-key FILE; without the key nobody can "
        "read the vault"
    )


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            content = stream.read(_LONGEST_READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the key file {path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise StoreError(
            f"the key file {path} is open to other users (rights {mode:04o}, expected 0600): "
            f"chmod 600 {path}, and ask who may have read it"
        )
    return content.decode("ascii", "replace")


def _secret(text: str, place: str) -> bytes:
    words = text.strip()
    if not _KEY.fullmatch(words):
        found = "nothing" if not words else f"{len(words)} characters that are no key"
        raise StoreError(
            f"the {place} holds {found}, expected {_EXPECTED}; restore it from its copy"
        )
    return bytes.fromhex(words)
