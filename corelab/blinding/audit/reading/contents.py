"""Any file's bytes to passages, whatever they are and whatever lies in them."""

from __future__ import annotations

from collections.abc import Iterator

from corelab.blinding.audit.needle import Passage, Unsearched
from corelab.blinding.audit.reading.blob import read_blob
from corelab.blinding.audit.reading.mask import MASK_MARK, read_mask
from corelab.blinding.audit.reading.nifti import is_nifti, read_nifti
from corelab.blinding.audit.reading.packed import (
    GZIP_MARK,
    read_bzip2,
    read_gzip,
    read_tar,
    read_xz,
    read_zip,
)
from corelab.blinding.audit.reading.pdf import PDF_MARK, read_pdf
from corelab.blinding.audit.reading.pictures import (
    JPEG_MARK,
    PNG_MARK,
    is_webp,
    read_jpeg,
    read_png,
    read_webp,
)
from corelab.blinding.audit.reading.reader import (
    Allowance,
    Content,
    Found,
    Reader,
    UnreadableError,
)
from corelab.blinding.audit.reading.tables import (
    PARQUET_MARK,
    SQLITE_MARK,
    read_csv,
    read_parquet,
    read_sqlite,
)
from corelab.blinding.audit.reading.texts import read_json, read_page

_BY_MARK: tuple[tuple[bytes, Reader], ...] = (
    (GZIP_MARK, read_gzip),
    (PNG_MARK, read_png),
    (JPEG_MARK, read_jpeg),
    (PDF_MARK, read_pdf),
    (PARQUET_MARK, read_parquet),
    (SQLITE_MARK, read_sqlite),
    (MASK_MARK, read_mask),
    (b"PK\x03\x04", read_zip),
    (b"PK\x05\x06", read_zip),
    (b"BZh", read_bzip2),
    (b"\xfd7zXZ\0", read_xz),
)
_CLOSED_MARKS = (
    b"\x28\xb5\x2f\xfd",  # zstd
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # Office before 2007
    b"\x1f\x9d",  # compress
    b"\x04\x22\x4d\x18",  # lz4
)
_PAGE_STARTS = (b"<!doctype", b"<html", b"<svg", b"<?xml", b"<!--")
_BY_SUFFIX: dict[str, Reader] = {
    "json": read_json,
    "csv": read_csv,
    "tsv": read_csv,
    "html": read_page,
    "htm": read_page,
    "svg": read_page,
    "xml": read_page,
}
_TAR_MARK_AT, _TAR_MARK = 257, b"ustar"


def read_contents(data: bytes, name: str) -> Iterator[Passage | Unsearched]:
    """All that can be read in a file, and which places could not be searched.

    Parameters
    ----------
    data
        The file's bytes.
    name
        Its name, for what only a suffix tells.
    """
    yield from _read(Content(data=data, name=name, allowance=Allowance()))


def _read(content: Content) -> Iterator[Passage | Unsearched]:
    """Passages of a content and of all that lies in it; where it breaks, its bytes as they are.

    Libraries raise what they like over bytes that nobody has vouched for.
    """
    try:
        for found in _reader_of(content)(content):
            if isinstance(found, Content):
                yield from _read(found)
            else:
                yield found
    except Exception:  # noqa: BLE001 - a library that trips over a file must not end the search
        yield Unsearched(content.place or "content")
        yield from read_blob(content)


def _reader_of(content: Content) -> Reader:
    data = content.data
    if data.startswith(_CLOSED_MARKS):
        return _refuse
    for mark, reader in _BY_MARK:
        if data.startswith(mark):
            return reader
    if is_nifti(data):
        return read_nifti
    if is_webp(data):
        return read_webp
    if data.startswith(_TAR_MARK, _TAR_MARK_AT):
        return read_tar
    suffix = content.name.lower().rpartition(".")[2]
    start = data[:64].lstrip().lower()
    return _BY_SUFFIX.get(suffix) or (read_page if start.startswith(_PAGE_STARTS) else read_blob)


def _refuse(content: Content) -> Iterator[Found]:
    raise UnreadableError(content.place)
