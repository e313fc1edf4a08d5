"""Everything that a file holds: itself, and whatever is packed inside it."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet

_GZIP, _ZIP, _PNG = b"\x1f\x8b", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n"
_PARQUET, _SQLITE, _NO_LOG = b"PAR1", b"SQLite format 3\0", b"\x01\x01"
_GZIP_WBITS = 16 + zlib.MAX_WBITS
_DEEPEST = 4
_CHUNK = struct.Struct(">I4s")
_CHUNK_CHECK_BYTES = 4
_DATA_URI = re.compile(rb"data:[\w/+.;=-]*;base64,([A-Za-z0-9+/=\s]+)")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)


def layers_of(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """Bytes of a file, and of each thing inside it, unpacked as deep as they lie.

    Parameters
    ----------
    content
        gzip, zip, PNG, Parquet, SQLite, PDF and HTML are looked into; anything else is itself.
    depth
        How deep it lies.
    """
    yield _as_written(content)
    if depth < _DEEPEST:
        for inner in _inside(content):
            yield from layers_of(inner, depth + 1)


def _inside(content: bytes) -> Iterator[bytes]:
    if content.startswith(_GZIP):
        yield _inflated(content, _GZIP_WBITS)
    elif content.startswith(_ZIP):
        yield from _members(content)
    elif content.startswith(_PNG):
        yield from _chunks(content)
    elif content.startswith(_PARQUET):
        yield from _columns(content)
    elif content.startswith(_SQLITE):
        yield from _cells(content)
    elif content.startswith(b"%PDF"):
        yield from (_inflated(found, zlib.MAX_WBITS) for found in _STREAM.findall(content))
    else:
        yield from _data_uris(content)


def _inflated(content: bytes, window_bits: int) -> bytes:
    try:
        return zlib.decompressobj(window_bits).decompress(content)
    except zlib.error:
        return b""


def _members(content: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield archive.comment
        for member in archive.infolist():
            yield b"\n".join((member.filename.encode(), member.comment, member.extra))
            yield archive.read(member)


def _chunks(content: bytes) -> Iterator[bytes]:
    """Each packed text of a PNG, and its pixels (PNG specification, section 11)."""
    for kind, part in _places(content):
        if kind in {b"zTXt", b"iTXt", b"iCCP"}:
            chunk = content[part]
            yield from (_inflated(chunk[n:], zlib.MAX_WBITS) for n in _zlib_starts(chunk))
    yield _inflated(b"".join(content[part] for part in _pixels(content)), zlib.MAX_WBITS)


def _places(content: bytes) -> Iterator[tuple[bytes, slice]]:
    """Kind of each chunk of a PNG, and where its data lie."""
    place = len(_PNG)
    while place + _CHUNK.size <= len(content):
        length, kind = _CHUNK.unpack_from(content, place)
        place += _CHUNK.size
        yield kind, slice(place, place + length)
        place += length + _CHUNK_CHECK_BYTES


def _pixels(content: bytes) -> list[slice]:
    return [part for kind, part in _places(content) if kind == b"IDAT"]


def _as_written(content: bytes) -> bytes:
    """Bytes of a file; of a PNG without its packed pixels, in which chance spells ages.

    They are looked at unpacked, so they are left out only where that leaves nothing over.
    """
    parts = _pixels(content) if content.startswith(_PNG) else []
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(b"".join(content[part] for part in parts))
    except zlib.error:
        return content
    if not inflater.eof or inflater.unused_data:
        return content
    starts = [0, *(part.stop for part in parts)]
    stops = [*(part.start for part in parts), len(content)]
    return b"".join(map(content.__getitem__, map(slice, starts, stops)))


def _zlib_starts(chunk: bytes) -> Iterator[int]:
    return (found.start() for found in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", chunk))


def _columns(content: bytes) -> Iterator[bytes]:
    table = pyarrow.parquet.read_table(io.BytesIO(content))
    yield repr(table.schema.metadata).encode()
    for column in table.columns:
        yield "\n".join(map(str, column.to_pylist())).encode()


def _cells(content: bytes) -> Iterator[bytes]:
    """Every value of every table of a database that is one file."""
    connection = sqlite3.connect(":memory:")
    # A database that was written with a log says so, and is then refused without one.
    connection.deserialize(content[:18] + _NO_LOG + content[20:])
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        quoted = name.replace('"', '""')
        for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - own name
            yield b"\n".join(c if isinstance(c, bytes) else str(c).encode() for c in row)
    connection.close()


def _data_uris(content: bytes) -> Iterator[bytes]:
    for written in _DATA_URI.findall(content):
        try:
            yield base64.b64decode(written)
        except binascii.Error:
            continue


def facts_of(path: Path) -> bytes:
    """Return what a file browser shows of a file or folder beside its content: name and day."""
    day = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    return os.fsencode(path.name) + f"\n{day:%Y%m%d}\n".encode()
