"""Archives read in place: a member is a path below the path of its archive.

``incoming/site.zip/a/IM0001`` is the member ``a/IM0001`` of ``incoming/site.zip``. Nothing is
ever unpacked to a named file. What cannot be read safely and whole is not read at all.
"""

from __future__ import annotations

import errno
import gzip
import os
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

from corelab.dicom.archivesize import check_inflated
from corelab.dicom.files import is_regular
from corelab.dicom.tarfiles import TarArchive
from corelab.dicom.window import Content
from corelab.dicom.zipfiles import ZipArchive
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import LooseFile, Refusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DEEPEST_NESTING = 2
_ZIP, _GZIP, _ZSTD, _TAR = b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"ustar"
_UNREAD = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\0")
_ENDINGS = frozenset({".zip", ".tar", ".gz", ".tgz", ".zst", ".7z", ".rar", ".bz2", ".xz", ".iso"})
_TAR_MARK_AT = 257
_HEAD_BYTES = 512
_CHUNK_BYTES = 2**20
_OPEN_ARCHIVES = 3
_OFFICE_MARK = "[Content_Types].xml"
_INFLATE_FAILURES = (EOFError, OSError, zlib.error, zstd.ZstdError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What an archive holds: paths of its regular files, and what else was found in it."""

    path: Path
    members: tuple[Path, ...]
    skipped: tuple[LooseFile, ...]


class _Container(Protocol):
    @property
    def names(self) -> Mapping[str, object]: ...

    @property
    def skipped(self) -> Mapping[str, str]: ...

    def open(self, name: str) -> BinaryIO: ...


class _LoneFile:
    """What a compressed file holds that is no tar: one member."""

    def __init__(self, content: Content, name: str) -> None:
        self._content = content
        self.names: Mapping[str, object] = {name: content}
        self.skipped: Mapping[str, str] = {}

    def open(self, name: str) -> BinaryIO:
        del name
        return self._content.whole()


def list_archive(path: Path) -> Archive | LooseFile | None:
    """Members of an archive, told by its first bytes; ``None`` for any other file.

    Parameters
    ----------
    path
        A delivered file that is not DICOM: a file of its own or a member of an archive.

    Returns
    -------
    Archive, LooseFile or None
        A loose file is an archive that is broken, unsafe or of a kind that is not read
        (``archive_broken``, ``archive_unsafe``), or an office document.
    """
    try:
        head = _content_or_member(path).read(_HEAD_BYTES)
        if head.startswith((_ZIP, _GZIP, _ZSTD)) or _is_tar(head):
            return _listed(path)
        if head.startswith(_UNREAD) or path.suffix.casefold() in _ENDINGS:
            return _unread(path)
    except UnfitDataError as error:
        refusal = Refusal.of(error)
        if error.reason in {ReasonCode.ARCHIVE_BROKEN, ReasonCode.ARCHIVE_UNSAFE}:
            message = f"{error.message}; nothing of the archive was read"
            refusal = replace(refusal, message=message)
        return LooseFile(path=path, refusal=refusal)
    return None


def _unread(path: Path) -> LooseFile:
    """Refusal that is asked of the site: what may hold a whole delivery is no odd file."""
    message = "an archive or a disc image that is not read: zip, tar, gzip and zstd are"
    return LooseFile(path=path, refusal=Refusal(reason=ReasonCode.ARCHIVE_BROKEN, message=message))


def _listed(path: Path) -> Archive:
    if _depth(path) > DEEPEST_NESTING:
        message = f"archives lie inside each other more than {DEEPEST_NESTING} deep"
        raise UnfitDataError(ReasonCode.ARCHIVE_UNSAFE, message)
    container = _container_at(path)
    if _OFFICE_MARK in container.names:
        raise UnfitDataError(ReasonCode.NOT_DICOM, "an office document")
    if not container.names and not container.skipped:
        raise UnfitDataError(ReasonCode.ARCHIVE_BROKEN, "the archive holds no file")
    skipped = (
        LooseFile(path=path / name, refusal=Refusal(reason=ReasonCode.NOT_A_FILE, message=what))
        for name, what in container.skipped.items()
    )
    members = sorted(path / name for name in container.names)
    return Archive(path=path, members=tuple(members), skipped=tuple(skipped))


def open_member(path: Path) -> BinaryIO:
    """Open a member of an archive; the stream can be sought.

    Parameters
    ----------
    path
        As :func:`list_archive` named it.

    Raises
    ------
    UnfitDataError
        Where the archive is not what it was, or the member is damaged.
    """
    holder = holder_of(path)
    if holder is None:
        raise UnfitDataError(ReasonCode.UNREADABLE, "the file is no longer there")
    return _container_at(holder).open(path.relative_to(holder).as_posix())


def file_of(path: Path) -> Path:
    """Return the file that a path lies in: itself, or the outermost archive around it."""
    above = (parent for parent in path.parents if is_regular(parent))
    return path if is_regular(path) else next(above, path)


def holder_of(path: Path) -> Path | None:
    """Archive that a path is a member of, ``None`` for a file of its own.

    Raises
    ------
    UnfitDataError
        Where the archive no longer holds the path.
    """
    outer = file_of(path)
    if outer == path:
        return None
    names = _container_at(outer).names
    inner = path.relative_to(outer)
    if inner.as_posix() in names:
        return outer
    for parent in PurePosixPath(inner).parents:
        if parent.as_posix() in names:
            return outer / parent
    raise UnfitDataError(ReasonCode.UNREADABLE, "the archive no longer holds the file")


def _depth(path: Path) -> int:
    """How many archives a path is in, itself counted."""
    holder = holder_of(path)
    return 1 if holder is None else 1 + _depth(holder)


def _is_tar(head: bytes) -> bool:
    return head[_TAR_MARK_AT : _TAR_MARK_AT + len(_TAR)] == _TAR


def _content_or_member(path: Path) -> BinaryIO:
    return _file_content(path).whole() if is_regular(path) else open_member(path)


def _container_at(path: Path) -> _Container:
    try:
        state = file_of(path).stat()
    except OSError as error:
        raise UnfitDataError(ReasonCode.UNREADABLE, "the archive is no longer there") from error
    return _container(path, (state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=_OPEN_ARCHIVES)
def _container(path: Path, _state: tuple[int, int]) -> _Container:
    """Open an archive and keep it open, inflated once, while its file does not change."""
    if is_regular(path):
        content = _file_content(path)
    else:
        content = _inflated(open_member(path), file_of(path).stat().st_size)
    head = content.whole().read(_HEAD_BYTES)
    if head.startswith(_ZIP):
        return ZipArchive(content)
    if head.startswith((_GZIP, _ZSTD)):
        stream = content.whole()
        opened = zstd.ZstdFile(stream) if head.startswith(_ZSTD) else gzip.GzipFile(fileobj=stream)
        content = _inflated(opened, content.size)
        if not _is_tar(content.whole().read(_HEAD_BYTES)):
            return _LoneFile(content, path.stem)
    return TarArchive(content)


def _file_content(path: Path) -> Content:
    try:
        return Content(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
    except OSError as error:
        message = "the file cannot be opened"
        raise UnfitDataError(ReasonCode.UNREADABLE, message, evidence=str(error)) from error


def _inflated(stream: BinaryIO | gzip.GzipFile | zstd.ZstdFile, packed_bytes: int) -> Content:
    """Bytes of a stream in a file without a name, which is gone with the process."""
    n_bytes = 0
    with TemporaryFile(prefix="corelab-") as file, stream:
        try:
            while chunk := stream.read(_CHUNK_BYTES):
                n_bytes += len(chunk)
                check_inflated(n_bytes, packed_bytes)
                file.write(chunk)
            file.flush()
        except _INFLATE_FAILURES as error:
            is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
            message = "the compressed archive is cut or damaged"
            if is_full:
                message = "there is no room on this machine to inflate the archive"
            evidence = f"{type(error).__name__}: {error}"
            raise UnfitDataError(ReasonCode.ARCHIVE_BROKEN, message, evidence=evidence) from error
        return Content(os.dup(file.fileno()))
