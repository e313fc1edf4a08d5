"""PNG, JPEG and WebP: text and metadata, pixels as values, and what follows the picture."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.blob import decoded, read_field
from corelab.blinding.audit.reading.reader import Content, Found, UnreadableError
from corelab.blinding.audit.reading.values import read_values

PNG_MARK = b"\x89PNG\r\n\x1a\n"
JPEG_MARK = b"\xff\xd8\xff"
_CHUNK_FRAME_BYTES = 12
_KEYWORD_AND_TEXT = 2
_NUMBERS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"pHYs", b"sBIT", b"bKGD"})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN, _END = 0xDA, 0xD9
_WEBP_FRAME_BYTES = 8
_WEBP_PICTURES = frozenset({b"VP8 ", b"VP8L", b"ALPH"})


def read_png(content: Content) -> Iterator[Found]:
    """Every chunk (PNG specification, clauses 5 and 11), packed ones unpacked."""
    data, place, packed = content.data, len(PNG_MARK), bytearray()
    kind = b""
    while kind != b"IEND":
        try:
            length, kind = struct.unpack_from(">I4s", data, place)
        except struct.error as error:
            raise UnreadableError from error
        body = data[place + 8 : place + 8 + length]
        if len(body) < length:
            raise UnreadableError
        if kind == b"IDAT":
            packed += body
        else:
            yield from _png_chunk(content, kind, body)
        place += length + _CHUNK_FRAME_BYTES
    yield from _pixels(content, bytes(packed))
    if place < len(data):
        yield content.inner(data[place:], "bytes after the picture")


def _png_chunk(content: Content, kind: bytes, body: bytes) -> Iterator[Found]:
    place = f"PNG {kind.decode('latin-1')}"
    if kind in {b"zTXt", b"iCCP"}:
        keyword, _, rest = body.partition(b"\0")
        yield from read_field(content, keyword, place)
        yield content.inner(_inflated(content, rest[1:])[0], place)
    elif kind == b"iTXt":
        keyword, _, rest = body.partition(b"\0")
        *names, text = rest[2:].split(b"\0", _KEYWORD_AND_TEXT)
        if rest[:1] == b"\1":
            text = _inflated(content, text)[0]
        for part in (keyword, *names, text):
            yield from read_field(content, part, place)
    elif kind in _NUMBERS:
        yield Passage(body.decode("latin-1"), content.at(place), Standing.CODED)
    elif body:
        if kind == b"tIME":
            yield Passage(_day(body), content.at(place), Standing.VALUE)
        yield content.inner(body, place)


def _day(body: bytes) -> str:
    year, month, day = struct.unpack(">HBB", body[:4].ljust(4, b"\0"))
    return f"{year:04}-{month:02}-{day:02}"


def _pixels(content: Content, packed: bytes) -> Iterator[Found]:
    pixels, behind = _inflated(content, packed)
    yield from read_values(pixels, content.at("pixel values"))
    if behind:
        yield content.inner(behind, "bytes after the pixels")


def _inflated(content: Content, packed: bytes) -> tuple[bytes, bytes]:
    inflater = zlib.decompressobj()
    try:
        unpacked = inflater.decompress(packed, content.allowance.left + 1)
    except zlib.error as error:
        raise UnreadableError from error
    if not inflater.eof:
        raise UnreadableError
    content.allowance.take(len(unpacked))
    return unpacked, inflater.unused_data


def read_jpeg(content: Content) -> Iterator[Found]:
    """Every segment but the coded picture (ISO/IEC 10918-1, B.1), and what follows."""
    data, place = content.data, 2
    while True:
        marker, body, place = _jpeg_segment(data, place)
        if marker == _END:
            break
        if body:
            yield content.inner(body, f"JPEG segment {marker:02X}")
        if marker == _SCAN:
            end = _end_of_scan(data, place)
            yield from read_values(data[place:end], content.at("coded picture"))
            place = end
    if place < len(data):
        yield content.inner(data[place:], "bytes after the picture")


def _jpeg_segment(data: bytes, place: int) -> tuple[int, bytes, int]:
    while data[place : place + 2] == b"\xff\xff":
        place += 1
    if data[place : place + 1] != b"\xff" or place + 1 >= len(data):
        raise UnreadableError
    marker = data[place + 1]
    place += 2
    if marker in _ALONE or marker == _END:
        return marker, b"", place
    (length,) = struct.unpack(">H", data[place : place + 2].rjust(2, b"\0"))
    if length < 2 or place + length > len(data):  # noqa: PLR2004 - the length counts itself
        raise UnreadableError
    return marker, data[place + 2 : place + length], place + length


def _end_of_scan(data: bytes, place: int) -> int:
    """Where the next segment begins: a mark that is no stuffing and no restart."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            raise UnreadableError
        if data[place + 1] not in {0x00, 0xFF, *range(0xD0, 0xD8)}:
            return place
        place += 1


def is_webp(data: bytes) -> bool:
    """Whether bytes begin as WebP does."""
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def read_webp(content: Content) -> Iterator[Found]:
    """Every chunk but the coded picture (RFC 9649, 2.3), and what follows."""
    data = content.data
    (size,) = struct.unpack_from("<I", data, 4)
    place, end = 12, size + _WEBP_FRAME_BYTES
    if end > len(data):
        raise UnreadableError
    while place + _WEBP_FRAME_BYTES <= end:
        kind, length = struct.unpack_from("<4sI", data, place)
        body = data[place + _WEBP_FRAME_BYTES : place + _WEBP_FRAME_BYTES + length]
        if kind in _WEBP_PICTURES:
            yield from read_values(body, content.at("coded picture"))
        elif body:
            yield content.inner(body, f"WebP {decoded(kind).strip()}")
        place += _WEBP_FRAME_BYTES + length + length % 2
    if end < len(data):
        yield content.inner(data[end:], "bytes after the picture")
