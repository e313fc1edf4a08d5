"""Gzip, bzip2, xz, zip and tar: what is packed, and what the packing itself says."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from datetime import UTC, datetime

from isal import isal_zlib

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.blob import read_field
from corelab.blinding.audit.reading.names import read_name
from corelab.blinding.audit.reading.reader import Content, Found, UnreadableError

GZIP_MARK = b"\x1f\x8b"
_RAW = -zlib.MAX_WBITS
_HEADER_BYTES, _FOOTER_BYTES = 10, 8
_HAS_CHECKSUM, _HAS_EXTRA, _HAS_NAME, _HAS_COMMENT = 2, 4, 8, 16
_ENCRYPTED = 1
_BUNDLE = 2**20


def read_gzip(content: Content) -> Iterator[Found]:
    """Name, comment, extra field, time and content of every member (RFC 1952, 2.3)."""
    data, place, number = content.data, 0, 0
    while data.startswith(GZIP_MARK, place):
        start = yield from _gzip_header(content, place)
        unpacked, unused = _inflate(content, memoryview(data)[start:])
        yield content.inner(
            unpacked, f"gzip member {number + 1}" if number else "gzip", _inside(content.name)
        )
        place = len(data) - len(unused) + _FOOTER_BYTES
        number += 1
        if place > len(data):
            raise UnreadableError
    if place < len(data):
        yield content.inner(data[place:], "bytes after the gzip stream")


def _gzip_header(content: Content, start: int) -> Generator[Passage, None, int]:
    """Texts of a header; where the packed content begins."""
    data = content.data
    try:
        flags, seconds = struct.unpack_from("<BI", data, start + 3)
        place = start + _HEADER_BYTES
        if flags & _HAS_EXTRA:
            (length,) = struct.unpack_from("<H", data, place)
            yield from read_field(content, data[place + 2 : place + 2 + length], "gzip extra field")
            place += 2 + length
        for flag, what in ((_HAS_NAME, "gzip name"), (_HAS_COMMENT, "gzip comment")):
            if flags & flag:
                end = data.index(b"\0", place)
                yield from read_field(content, data[place:end], what)
                place = end + 1
    except (struct.error, ValueError) as error:
        raise UnreadableError from error
    if seconds:
        yield _time(content, seconds, "gzip time")
    return place + (2 if flags & _HAS_CHECKSUM else 0)


def _inflate(content: Content, packed: memoryview) -> tuple[bytes, bytes]:
    inflater = isal_zlib.decompressobj(_RAW)
    try:
        unpacked = inflater.decompress(packed, content.allowance.left + 1)
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls the class an instance
        raise UnreadableError from error
    if not inflater.eof:
        raise UnreadableError
    return unpacked, inflater.unused_data


def read_bzip2(content: Content) -> Iterator[Found]:
    """Content of a bzip2 stream, and what follows it."""
    yield from _read_stream(content, bz2.BZ2Decompressor(), "bzip2")


def read_xz(content: Content) -> Iterator[Found]:
    """Content of an xz stream, and what follows it."""
    yield from _read_stream(content, lzma.LZMADecompressor(), "xz")


def _read_stream(
    content: Content, unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, place: str
) -> Iterator[Found]:
    try:
        unpacked = unpacker.decompress(content.data, content.allowance.left + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise UnreadableError from error
    if not unpacker.eof:
        raise UnreadableError
    yield content.inner(unpacked, place, _inside(content.name))
    if unpacker.unused_data:
        yield content.inner(unpacker.unused_data, f"bytes after the {place} stream")


def read_zip(content: Content) -> Iterator[Found]:
    """Names, comments, extra fields, times and contents of the members, and the comment."""
    try:
        with zipfile.ZipFile(io.BytesIO(content.data)) as archive:
            yield from read_field(content, archive.comment, "zip comment")
            for info in archive.infolist():
                yield from _zip_member(content, archive, info)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise UnreadableError from error


def _zip_member(
    content: Content, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> Iterator[Found]:
    yield from read_name(info.filename, content.at("zip member's name"))
    yield from read_field(content, info.comment, "zip member's comment")
    yield from read_field(content, info.extra, "zip member's extra field")
    year, month, day = info.date_time[:3]
    day_text = f"{year:04}-{month:02}-{day:02}"
    yield Passage(day_text, content.at("zip member's time"), Standing.VALUE)
    if info.flag_bits & _ENCRYPTED or info.file_size > content.allowance.left:
        raise UnreadableError
    if not info.is_dir():
        yield content.inner(archive.read(info), "zip member", info.filename)


def read_tar(content: Content) -> Iterator[Found]:
    """Names, owners, times and contents of the members."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content.data), mode="r:") as archive:
            for info in archive:
                yield from read_name(info.name, content.at("tar member's name"))
                for text in (info.linkname, info.uname, info.gname, *info.pax_headers.values()):
                    yield Passage(text, content.at("tar member's header"), Standing.VALUE)
                yield _time(content, int(info.mtime), "tar member's time")
                stream = archive.extractfile(info) if info.isfile() else None
                if stream is not None:
                    yield content.inner(stream.read(), "tar member", info.name)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UnreadableError from error


def day_of(seconds: float) -> str:
    """Day of a time in seconds since 1970, which is all of it that the audit asks for.

    Raises
    ------
    UnreadableError
        When no calendar has it.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableError from error


def _time(content: Content, seconds: int, place: str) -> Passage:
    return Passage(day_of(seconds), content.at(place), Standing.VALUE)


def _inside(name: str) -> str:
    """Name without the suffix that its packing added."""
    return name.rpartition(".")[0]
