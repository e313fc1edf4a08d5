"""PDF: strings of the file, and of its streams after unpacking (ISO 32000-1, 7.3 and 7.4)."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.blob import decoded, read_blob
from corelab.blinding.audit.reading.reader import Content, Found, UnreadableError

PDF_MARK = b"%PDF"
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_FILTER = re.compile(rb"/(\w+Decode|FlateDecode|Fl|LZW|AHx|A85|RL|DCT)\b")
_LITERAL = re.compile(rb"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)", re.DOTALL)
_HEXADECIMAL = re.compile(rb"<([0-9A-Fa-f\s]{2,})>")
_SHOWN = re.compile(
    rb"\[((?:\((?:[^()\\]|\\.)*\)|<[0-9A-Fa-f\s]*>|[^\[\]()<>])*)\]\s*TJ", re.DOTALL
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b""}
_NAME_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
# Text in these is glyph numbers of an embedded font, or cannot be opened at all.
_CLOSED = (b"/Encrypt", b"/Identity-H", b"/Identity-V")
_PICTURES = frozenset({b"DCTDecode", b"DCT", b"JPXDecode", b"CCITTFaxDecode", b"JBIG2Decode"})
_DICTIONARY_BYTES = 2048


def read_pdf(content: Content) -> Iterator[Found]:
    """Strings of the file and of every stream; a stream of unknown coding is not searched."""
    data = content.data
    place, bare = 0, bytearray()
    for match in _STREAM.finditer(data):
        before = data[place : match.start()]
        bare += before
        yield from _stream(content, before[-_DICTIONARY_BYTES:], match[1])
        place = match.end()
    bare += data[place:]
    if any(mark in bare for mark in _CLOSED):
        raise UnreadableError
    yield from _strings(bytes(bare), content.at("PDF text"))
    yield from read_blob(content.inner(bytes(bare), "PDF"))


def _stream(content: Content, before: bytes, body: bytes) -> Iterator[Found]:
    """Strings in one stream, unpacked by its filters in their order."""
    dictionary = before[before.rfind(b" obj") :]
    for name in _FILTER.findall(dictionary):
        if name in _PICTURES:
            yield content.inner(body, "PDF picture")
            return
        body = _unpacked(content, name, body)
    if any(mark in body for mark in _CLOSED):
        raise UnreadableError
    yield from _strings(body, content.at("PDF text"))
    yield content.inner(body, "PDF stream")


def _unpacked(content: Content, name: bytes, body: bytes) -> bytes:
    try:
        if name in {b"FlateDecode", b"Fl"}:
            return zlib.decompressobj().decompress(body, content.allowance.left + 1)
        if name in {b"ASCII85Decode", b"A85"}:
            return base64.a85decode(body.strip().removesuffix(b"~>"))
        if name in {b"ASCIIHexDecode", b"AHx"}:
            return binascii.unhexlify(re.sub(rb"[\s>]", b"", body))
    except (zlib.error, ValueError) as error:
        raise UnreadableError from error
    raise UnreadableError


def _strings(data: bytes, place: str) -> Iterator[Passage]:
    """Literal and hexadecimal strings, those of one shown line joined; names."""
    for match in _SHOWN.finditer(data):
        parts = [_literal(text) for text in _LITERAL.findall(match[1])]
        yield Passage(decoded(b"".join(parts)), place, Standing.VALUE)
    for text in _LITERAL.findall(data):
        yield Passage(decoded(_literal(text)), place, Standing.VALUE)
    for text in _HEXADECIMAL.findall(data):
        digits = re.sub(rb"\s", b"", text)
        content = binascii.unhexlify(digits + b"0" * (len(digits) % 2))
        yield Passage(decoded(content), place, Standing.VALUE)
    if b"#" in data:
        plain = _NAME_ESCAPE.sub(lambda found: binascii.unhexlify(found[1]), data)
        yield Passage(decoded(plain), place, Standing.TEXT)


def _literal(text: bytes) -> bytes:
    return _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code.isdigit():
        return bytes([int(code, 8) & 0xFF])
    return _ESCAPED.get(code, b"" if code == b"\r\n" else code)
