"""Members of a zip archive, each read where it lies."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from corelab.dicom.archivesize import check_count, check_inflated
from corelab.dicom.membername import safe_name, told_apart
from corelab.dicom.window import Content, inflating
from corelab.errors import ReasonCode, UnfitDataError

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 1
_LOCAL_HEADER_BYTES = 30
_FAILURES = (
    EOFError,
    NotImplementedError,  # a feature that zipfile does not read
    OSError,  # an offset before the file
    RuntimeError,  # a password is asked for
    ValueError,  # an offset or a name that is none
    zipfile.BadZipFile,
    zlib.error,
)


class ZipArchive:
    """An open zip archive.

    Parameters
    ----------
    content
        Its bytes.

    Raises
    ------
    UnfitDataError
        ``archive_broken`` or ``archive_unsafe``.
    """

    def __init__(self, content: Content) -> None:
        with _broken("the zip archive cannot be read to its end"):
            self._zip = zipfile.ZipFile(content.whole())
        entries = self._zip.infolist()
        check_count(len(entries))
        check_inflated(sum(entry.file_size for entry in entries), content.size)
        _check_places(entries, content.size)
        named = [(_name(entry), entry) for entry in entries]
        files = [(name, entry) for name, entry in named if not _is_folder(entry)]
        self.names, self.skipped = told_apart(files, _is_regular)
        _check_packing([entry for _, entry in files])

    def open(self, name: str) -> BinaryIO:
        """Stream of a member, inflated no further than it is read.

        Raises
        ------
        UnfitDataError
            ``archive_broken``, here or while reading: cut, damaged, or fewer bytes than declared.
        """
        entry = self.names[name]
        message = "a file in the zip archive is damaged"
        with _broken(message):
            member = self._zip.open(entry)

        def read(count: int) -> bytes:
            with _broken(message):
                piece = member.read(count)
                if not piece:
                    raise EOFError("fewer bytes than declared")
                return piece

        return inflating(entry.file_size, read)


def _name(entry: zipfile.ZipInfo) -> str:
    # zipfile ends a name at its first NUL; the name as it stands is judged.
    return safe_name(entry.orig_filename)


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.orig_filename.endswith(("/", "\\"))


def _is_regular(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a plain file by its Unix mode, which other systems leave 0."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return kind in {0, stat.S_IFREG}


def _check_packing(entries: Sequence[zipfile.ZipInfo]) -> None:
    locked = sum(bool(entry.flag_bits & _ENCRYPTED) for entry in entries)
    if locked:
        message = f"{locked} of {len(entries)} files in the zip archive are locked by a password"
        raise UnfitDataError(ReasonCode.ARCHIVE_UNSAFE, message)
    for entry in entries:
        if entry.compress_type not in _METHODS:
            message = f"the zip archive is packed by method {entry.compress_type}, 0 or 8 are read"
            raise UnfitDataError(ReasonCode.ARCHIVE_BROKEN, message)


def _check_places(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Refuse members that share bytes, and bytes at the start that no member names.

    Overlapping members inflate quadratically (D. Fifield, A better zip bomb, WOOT 2019);
    two archives one after the other would lose the first.
    """
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    if not ordered:
        return
    if ordered[0].header_offset != 0:
        message = "the zip archive holds files that its directory does not name"
        raise UnfitDataError(ReasonCode.ARCHIVE_UNSAFE, message)
    starts = [entry.header_offset for entry in ordered[1:]]
    for entry, following in zip(ordered, [*starts, size], strict=True):
        if entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size > following:
            message = "files in the zip archive overlap or lie outside it"
            raise UnfitDataError(ReasonCode.ARCHIVE_UNSAFE, message)


@contextmanager
def _broken(message: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        evidence = f"{type(error).__name__}: {error}"
        raise UnfitDataError(ReasonCode.ARCHIVE_BROKEN, message, evidence=evidence) from error
