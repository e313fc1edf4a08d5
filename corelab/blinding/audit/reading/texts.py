"""JSON and pages: text value by text value, codes undone, embedded files opened."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.blob import decoded, read_blob, standing_of
from corelab.blinding.audit.reading.reader import Content, Found

# Letters beside numbers in a path of SVG are strokes of the pen (SVG 1.1, 8.3).
_DRAWING = re.compile(r"""\s(?:d|points)=["']([MmLlHhVvCcSsQqTtAaZzEe\d\s,.+-]*)["']""")
_DATA_URI = re.compile(r"data:([\w.+/-]*)((?:;[\w.=+-]+)*),([A-Za-z0-9+/=%_.~!*'()-]*)")


class _Pairs(list[tuple[str, object]]):
    """An object of JSON, keys that stand twice included."""


def read_json(content: Content) -> Iterator[Found]:
    """Every key, text and number; what is no sound JSON as plain text."""
    try:
        value = json.loads(
            content.data,
            object_pairs_hook=_Pairs,
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_Number,
        )
    except (ValueError, RecursionError):
        yield from read_blob(content)
        return
    yield from _json(content, value)


class _Number(str):
    """A number of JSON as it is written."""

    __slots__ = ()


def _json(content: Content, value: object) -> Iterator[Found]:
    place = content.at("JSON")
    if isinstance(value, _Number):
        yield Passage(value, place, Standing.NUMBER)
    elif isinstance(value, str):
        text, embedded = _split_data_uris(value)
        yield Passage(text, place, Standing.VALUE)
        yield from (content.inner(data, "embedded file") for data in embedded)
    elif isinstance(value, _Pairs):
        for key, held in value:
            yield Passage(key, place, Standing.VALUE)
            yield from _json(content, held)
    elif isinstance(value, list):
        for held in value:
            yield from _json(content, held)


def read_page(content: Content) -> Iterator[Found]:
    """Read the source of an HTML, SVG or XML page, its texts and attributes, and embedded files."""
    text, embedded = _split_data_uris(decoded(content.data))
    drawn = _DRAWING.findall(text)
    yield from (Passage(path, content.at("drawing"), Standing.CODED) for path in drawn)
    text = _DRAWING.sub(" ", text)
    yield from read_blob(content.inner(text.encode("utf-8", "replace"), "page source"))
    page = _Page()
    page.feed(text)
    page.close()
    where = content.at("page text")
    yield from (Passage(part, where, standing_of(part)) for part in page.parts)
    yield from (content.inner(data, "embedded file") for data in embedded)


class _Page(HTMLParser):
    """Collects what stands between tags, in attributes and in comments."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag's attributes."""
        del tag
        self.parts += [value for _, value in attrs if value]

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        if data.strip():
            self.parts.append(data)

    def handle_comment(self, data: str) -> None:
        """Keep a comment."""
        self.handle_data(data)

    def handle_decl(self, decl: str) -> None:
        """Keep a declaration."""
        self.handle_data(decl)

    def handle_pi(self, data: str) -> None:
        """Keep a processing instruction."""
        self.handle_data(data)

    def unknown_decl(self, data: str) -> None:
        """Keep a section of character data."""
        self.handle_data(data)


def _split_data_uris(text: str) -> tuple[str, list[bytes]]:
    """Text without embedded files, and those."""
    if "data:" not in text:
        return text, []
    found: list[bytes] = []

    def take(match: re.Match[str]) -> str:
        data = _data_of(match)
        if data is None:
            return match[0]
        found.append(data)
        return f"data:{match[1]}{match[2]}"

    return _DATA_URI.sub(take, text), found


def _data_of(match: re.Match[str]) -> bytes | None:
    if ";base64" not in match[2].lower():
        return unquote_to_bytes(match[3])
    packed = unquote_to_bytes(match[3])
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        return None
