"""Texts in bytes of no known format."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.reader import Content

SMALL_BYTES = 4096
_MOST_CONTROLS = 0.1
_CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13}) + b"\x7f"
_RUN = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]"
_SHORT_RUNS, _LONG_RUNS = re.compile(_RUN + "{4,}"), re.compile(_RUN + "{6,}")
_WORDS = re.compile(_RUN + "{2,}")
_WIDE = {
    "utf-16-le": re.compile(rb"(?:[\x09\x20-\x7e\xa0-\xff]\x00){2,}"),
    "utf-16-be": re.compile(rb"(?:\x00[\x09\x20-\x7e\xa0-\xff]){2,}"),
}
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def read_blob(content: Content, place: str = "content") -> Iterator[Passage]:
    """Texts of any bytes: of a text file all, of binary bytes what can be read in them."""
    data, where = content.data, content.at(place)
    if is_text(data):
        yield Passage(decoded(data), where, Standing.TEXT)
        yield from (Passage(line, where, Standing.VALUE) for line in decoded(data).splitlines())
    else:
        yield from _runs(data, where)
    if b"\0" in data or not _is_utf8(data):
        yield from _wide(data, where)


def read_field(content: Content, data: bytes, place: str) -> Iterator[Passage]:
    """Texts of a short field of a header, which ends at a NUL or is filled with them."""
    for part in filter(None, re.split(rb"[\0\r\n]+", data)):
        yield Passage(decoded(part), content.at(place), Standing.VALUE)
    yield from _wide(data, content.at(place))


def is_text(data: bytes) -> bool:
    """Whether hardly a byte is none of a text."""
    return len(data.translate(None, _CONTROLS)) >= (1 - _MOST_CONTROLS) * len(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def decoded(data: bytes) -> str:
    """Text of bytes in UTF-8 or Latin-1, or in UTF-16 where it begins with its mark."""
    codec = _MARKS.get(data[:2])
    if codec:
        return data[2:].decode(codec, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _runs(data: bytes, where: str) -> Iterator[Passage]:
    pattern = _SHORT_RUNS if len(data) <= SMALL_BYTES else _LONG_RUNS
    for codec in ("utf-8", "latin-1"):
        text = data.decode(codec, "replace")
        yield from (Passage(run, where, Standing.CODED) for run in pattern.findall(text))


def _wide(data: bytes, where: str) -> Iterator[Passage]:
    """Texts in UTF-16, in binary bytes and at odd places too."""
    for codec, pattern in _WIDE.items():
        for run in pattern.findall(data):
            yield Passage(run.decode(codec), where, Standing.VALUE)
    if len(data) <= SMALL_BYTES:
        for codec in _WIDE:
            for start in (0, 1):
                text = data[start:].decode(codec, "replace")
                yield from (Passage(r, where, Standing.TEXT) for r in _WORDS.findall(text))


def standing_of(text: str) -> Standing:
    """Tell a bare number from a text value."""
    try:
        float(text)
    except ValueError:
        return Standing.VALUE
    return Standing.NUMBER
