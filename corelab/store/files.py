"""Files that appear complete or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EDQUOT, EIO, ENOSPC, EROFS, ESTALE
from pathlib import Path

from corelab.errors import DiskError, StoreError

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

Chunk = bytes | memoryview

_CHUNK_BYTES = 1 << 20
_MB = 1_000_000
_PART = re.compile(r"\..+\.\d+\.part")
FULL = frozenset({ENOSPC, EDQUOT})
"""What the operating system says of a disk, or of a share of it, that has no room."""
DISK_NUMBERS = FULL | {EIO, EROFS, ESTALE}
"""What it says of a disk that is full, fails or is not to be written to."""
_OWNER_ONLY_FOLDER, _OTHERS = 0o700, 0o077


def write_bytes(path: Path, content: bytes) -> None:
    """Put a whole file in place; see :func:`write_chunks`."""
    write_chunks(path, (content,))


def write_chunks(path: Path, chunks: Iterable[Chunk]) -> None:
    """Put a file in place piece by piece, so that it is never in memory as a whole.

    Temporary file beside it, fsync, rename, fsync of the folder.

    Parameters
    ----------
    path
        Where the whole file appears, or nothing.
    chunks
        Its bytes in order; what is raised while they are made ends the write.

    Raises
    ------
    DiskError
        When the folder cannot be written to or the disk is full; no partial file remains.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(f"{path.name} cannot be written", path.parent, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Put a whole UTF-8 text in place."""
    write_bytes(path, content.encode("utf-8"))


def write_private(path: Path, content: str) -> None:
    """Put a text in place that only its owner may read, from its first byte on."""
    write_private_bytes(path, content.encode("utf-8"))


def write_private_bytes(path: Path, content: bytes) -> None:
    """Put a whole file in place that only its owner may read, from its first byte on."""
    with _for_its_owner():
        write_bytes(path, content)


def write_json(path: Path, content: Mapping[str, Json]) -> None:
    """Put a JSON object in place, keys in the order given."""
    write_text(path, json_text(content))


def json_text(content: Mapping[str, Json]) -> str:
    """Text of a JSON object as it is written to files."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def disk_error(what: str, folder: Path, error: OSError) -> DiskError:
    """Say what a disk refused, and how much room it has left where it is full."""
    why = error.strerror or type(error).__name__
    if error.errno in FULL:
        with suppress(OSError):
            room = shutil.disk_usage(_existing(folder))
            why += f": {room.free // _MB} of {room.total // _MB} MB are free at {folder}"
    return DiskError(f"{what}: {why}", error.errno)


def remove_parts(folder: Path) -> None:
    """Remove what a killed process had begun to write into a folder."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _PART.fullmatch(path.name):
                path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises
    ------
    DiskError
        When that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(f"{folder} cannot be made a folder", folder.parent, error) from error


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner may open, close one that is there, and return it.

    Raises
    ------
    StoreError
        When that cannot be done.
    """
    with _for_its_owner():
        make_folder(folder)
    try:
        folder.chmod(_OWNER_ONLY_FOLDER)
    except OSError as error:
        raise StoreError(f"{folder} cannot be closed to others: {error.strerror}") from error
    return folder


def read_json(path: Path) -> dict[str, Json]:
    """Read a JSON object.

    Raises
    ------
    StoreError
        When the file is absent or holds something else.
    """
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path.name} is absent") from error
    except ValueError as error:
        raise StoreError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path.name} holds no JSON object")
    return content


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb", opener=_open_quietly) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_bytes(path: Path) -> bytes:
    """Bytes of a file under OUT."""
    with open(path, "rb", opener=_open_quietly) as stream:
        return stream.read()


def _open_quietly(path: str, flags: int) -> int:
    """Open a file without leaving a time of access, where the system lets its owner do so.

    A time that was set back would count as a change of the file, to be searched anew.
    """
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        return os.open(path, flags)


@contextmanager
def _for_its_owner() -> Iterator[None]:
    """Make what is made in it for its owner alone."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _existing(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if place.exists()), folder)


def sync_folder(folder: Path) -> None:
    """See the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
