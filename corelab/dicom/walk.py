"""The quick way through a header: explicit VR, little endian, in order up to the pixels.

Most files are written that way, and walking them here is most of what makes an index quick
(``benchmarks/index_speed.py``). pydicom stays the judge: what is not exactly so raises
:class:`NotPlainError` and goes to it, and a test holds that both find the same elements
wherever this walk finds any.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from corelab.dicom.dataset import (
    FIRST_ITEM,
    UNKNOWN_VR,
    DataSet,
    Layout,
    Raw,
    read_items,
    standard_vr,
)

UNDEFINED_LENGTH = 0xFFFFFFFF
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
LONGEST_VALUE_BYTES = 4 * 2**20
DEEPEST_SEQUENCE = 32

Place = tuple[str, int, int]
"""VR of an element, the dictionary's where none is told; where its value begins, where it ends."""

_ELEMENT = struct.Struct("<HH2sH")
_LENGTH = struct.Struct("<I")
_ITEM = struct.Struct("<HHI")
_SHORT_BYTES, _LONG_BYTES = 8, 12
_FIRST_PIXEL_TAG = 0x7FE00000
_META_GROUP = 2
_ITEM_TAG, _ITEM_END_TAG, _SEQUENCE_END_TAG = (
    (0xFFFE, 0xE000),
    (0xFFFE, 0xE00D),
    (0xFFFE, 0xE0DD),
)
_SHORT_VRS = {
    vr.encode(): vr
    for vr in "AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()  # noqa: SIM905 - reads better
}
_LONG_VRS = {
    vr.encode(): vr
    for vr in "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()  # noqa: SIM905 - reads better
}
_SEQUENCE = "SQ"
_SEQUENCE_RAW = Raw("SQ", b"", is_little_endian=True)


class NotPlainError(Exception):
    """The bytes are not as plain as this walk can judge."""


class NeedMoreError(NotPlainError):
    """The bytes end inside an element."""


class WalkedDataSet:
    """Elements as places in a buffer; sequences are walked when they are asked for.

    Parameters
    ----------
    buffer
        The bytes that places point into.
    places
        By tag number, ascending.
    """

    __slots__ = ("_buffer", "_items", "_places")

    def __init__(self, buffer: bytes, places: dict[int, Place]) -> None:
        self._buffer = buffer
        self._places = places
        self._items: dict[int, tuple[DataSet, ...]] = {}  # texts, frames and attributes ask

    def get(self, tag: int) -> Raw | None:
        """Element of a tag, ``None`` where absent."""
        place = self._places.get(tag)
        if place is None:
            return None
        vr, start, stop = place
        if vr == _SEQUENCE:
            return _SEQUENCE_RAW
        return Raw(vr, self._buffer[start:stop], True)  # noqa: FBT003 - by name is slow here

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """Items of a sequence, none where absent; pydicom reads what is not plain."""
        found = self._items.get(tag)
        if found is None:
            found = self._items[tag] = self._walked_items(tag)
        return found

    def tags(self) -> Iterable[int]:
        """Tag of every element."""
        return self._places.keys()

    def sequences(self) -> list[int]:
        """Tag of every sequence."""
        return [tag for tag, place in self._places.items() if place[0] == _SEQUENCE]

    def layout(self) -> Layout:
        """Tags and VRs of the data set's own elements."""
        return tuple(self._places), tuple(vr for vr, _, _ in self._places.values())

    def values_of(self, vrs: frozenset[str]) -> list[tuple[int, str, bytes]]:
        """Tag, VR and value of all elements of some VRs."""
        buffer = self._buffer
        return [
            (tag, vr, buffer[start:stop])
            for tag, (vr, start, stop) in self._places.items()
            if vr in vrs
        ]

    def _walked_items(self, tag: int) -> tuple[DataSet, ...]:
        place = self._places.get(tag)
        if place is None or place[0] != _SEQUENCE:
            return ()
        _, start, stop = place
        try:
            return tuple(self._item(*span) for span in _item_spans(self._buffer, start, stop))
        except NotPlainError:
            return read_items(self._buffer[start:stop])

    def _item(self, start: int, stop: int) -> WalkedDataSet:
        places, end = _walk(self._buffer, start, stop, 0)
        if end != stop:
            raise NotPlainError
        return WalkedDataSet(self._buffer, places)


class Header(NamedTuple):
    """A file's elements up to its pixels, and where the pixel data element's value begins."""

    meta: WalkedDataSet
    dataset: WalkedDataSet
    pixels_start: int
    pixels_length: int


def walk_header(buffer: bytes, start: int) -> Header:
    """Walk a file's elements up to its pixel data.

    Parameters
    ----------
    buffer
        First bytes of a file.
    start
        Where the first element lies, behind preamble and mark.

    Raises
    ------
    NotPlainError
        Where an element is unusual or out of order.
    NeedMoreError
        Where the buffer ends before the pixel data's first byte.
    """
    places, place = _walk(buffer, start, len(buffer), 0)
    if place + _LONG_BYTES > len(buffer):
        raise NeedMoreError
    group, element, vr, length = _ELEMENT.unpack_from(buffer, place)
    if group << 16 | element not in PIXEL_TAGS or vr not in _LONG_VRS:
        raise NotPlainError
    (length,) = _LENGTH.unpack_from(buffer, place + _SHORT_BYTES)
    if next(iter(places), 0) >> 16 != _META_GROUP:
        raise NotPlainError
    meta = {tag: places.pop(tag) for tag in list(places) if tag >> 16 == _META_GROUP}
    return Header(
        WalkedDataSet(buffer, meta), WalkedDataSet(buffer, places), place + _LONG_BYTES, length
    )


def _walk(buffer: bytes, place: int, stop: int, depth: int) -> tuple[dict[int, Place], int]:
    """Elements up to ``stop`` or to a delimiter or pixel data, and where that is."""
    places: dict[int, Place] = {}
    last = -1
    while place < stop:
        begin = place + _SHORT_BYTES
        if begin > stop:
            raise NeedMoreError
        group, element, written_vr, length = _ELEMENT.unpack_from(buffer, place)
        tag = group << 16 | element
        if tag >= _FIRST_PIXEL_TAG:
            break
        vr = _SHORT_VRS.get(written_vr)
        if vr is None:
            vr, begin, length = _long_form(buffer, place, stop, tag=tag, written_vr=written_vr)
        if length == UNDEFINED_LENGTH:
            end = _sequence_end(buffer, begin, stop, vr=vr, depth=depth)
            place = end + _SHORT_BYTES
        else:
            end = place = begin + length
        if tag <= last or end - begin > LONGEST_VALUE_BYTES:
            raise NotPlainError
        if place > stop:
            raise NeedMoreError
        last = tag
        places[tag] = vr, begin, end
    return places, place


def _long_form(
    buffer: bytes, place: int, stop: int, *, tag: int, written_vr: bytes
) -> tuple[str, int, int]:
    """VR, begin and length of a value whose length is written in four bytes (PS3.5, 7.1.2)."""
    begin = place + _LONG_BYTES
    if begin > stop:
        raise NeedMoreError
    vr = _LONG_VRS.get(written_vr)
    if vr == UNKNOWN_VR:
        vr = standard_vr(tag)
        if vr == _SEQUENCE or buffer.startswith(FIRST_ITEM, begin):
            raise NotPlainError
    if vr is None:
        raise NotPlainError
    (length,) = _LENGTH.unpack_from(buffer, place + _SHORT_BYTES)
    return vr, begin, length


def _sequence_end(buffer: bytes, place: int, stop: int, *, vr: str, depth: int) -> int:
    """Where the delimiter of a sequence of undefined length lies."""
    if vr != _SEQUENCE or depth >= DEEPEST_SEQUENCE:
        raise NotPlainError
    while True:
        if place + _SHORT_BYTES > stop:
            raise NeedMoreError
        group, element, length = _ITEM.unpack_from(buffer, place)
        if (group, element) == _SEQUENCE_END_TAG:
            return place
        if (group, element) != _ITEM_TAG:
            raise NotPlainError
        place += _SHORT_BYTES
        if length == UNDEFINED_LENGTH:
            place = _item_end(buffer, place, stop, depth) + _SHORT_BYTES
        else:
            place += length


def _item_end(buffer: bytes, place: int, stop: int, depth: int) -> int:
    """Where the delimiter of an item of undefined length lies."""
    _, end = _walk(buffer, place, stop, depth + 1)
    if end + _SHORT_BYTES > stop:
        raise NeedMoreError
    if _ITEM.unpack_from(buffer, end)[:2] != _ITEM_END_TAG:
        raise NotPlainError
    return end


def _item_spans(buffer: bytes, place: int, stop: int) -> Iterator[tuple[int, int]]:
    """Where the elements of each item of a sequence begin and end."""
    while place < stop:
        if place + _SHORT_BYTES > stop:
            raise NeedMoreError
        group, element, length = _ITEM.unpack_from(buffer, place)
        if (group, element) != _ITEM_TAG:
            raise NotPlainError
        start = place + _SHORT_BYTES
        if length == UNDEFINED_LENGTH:
            end = _item_end(buffer, start, stop, 0)
            place = end + _SHORT_BYTES
        else:
            end = place = start + length
        if place > stop:
            raise NeedMoreError
        yield start, end
