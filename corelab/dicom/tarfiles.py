"""Members of a tar archive: windows into its bytes."""

from __future__ import annotations

import tarfile
from typing import BinaryIO

from corelab.dicom.archivesize import check_count
from corelab.dicom.membername import safe_name, told_apart
from corelab.dicom.window import Content
from corelab.errors import ReasonCode, UnfitDataError

_CHUNK_BYTES = 2**20
_FAILURES = (EOFError, OSError, OverflowError, ValueError, tarfile.TarError)


class TarArchive:
    """An open tar archive that is not compressed.

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
        self._content = content
        entries, end = _entries(content)
        _check_end(content, end)
        named = [(safe_name(entry.name), entry) for entry in entries]
        files = [(name, entry) for name, entry in named if not entry.isdir()]
        self.names, self.skipped = told_apart(files, _is_regular)

    def open(self, name: str) -> BinaryIO:
        """Stream of a member."""
        entry = self.names[name]
        return self._content.window(entry.offset_data, entry.size)


def _entries(content: Content) -> tuple[list[tarfile.TarInfo], int]:
    """Every entry, and where the walk over them ended."""
    found: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(fileobj=content.whole(), mode="r:", encoding="utf-8") as archive:
            for entry in archive:
                found.append(entry)
                check_count(len(found))
                if _is_regular(entry) and entry.offset_data + entry.size > content.size:
                    raise EOFError("a member ends behind the archive")
            return found, archive.offset
    except _FAILURES as error:
        evidence = f"{type(error).__name__}: {error}"
        message = "the tar archive cannot be read to its end"
        raise UnfitDataError(ReasonCode.ARCHIVE_BROKEN, message, evidence=evidence) from error


def _is_regular(entry: tarfile.TarInfo) -> bool:
    """Whether an entry is a file with its own bytes; one with holes says any size it likes."""
    return entry.isreg() and not entry.issparse()


def _check_end(content: Content, end: int) -> None:
    """Refuse what stands where zeros should end the archive.

    tarfile stops at the first header that it cannot read, without a word.
    """
    if end >= content.size:
        message = "the tar archive ends without its end mark"
        raise UnfitDataError(ReasonCode.ARCHIVE_BROKEN, message)
    rest = content.window(end, content.size - end)
    while chunk := rest.read(_CHUNK_BYTES):
        if chunk.count(0) != len(chunk):
            message = "the tar archive is damaged, or goes on after its end"
            raise UnfitDataError(ReasonCode.ARCHIVE_BROKEN, message)
