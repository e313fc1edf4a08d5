"""Typed values of DICOM elements, straight from their bytes.

pydicom walks the file; values are turned into numbers here, so that a number written against
the rules (a decimal comma, text) becomes NaN instead of being repaired or raising somewhere.
"""

from __future__ import annotations

import math
import re
import struct
from functools import cache

from pydicom.charset import convert_encodings, decode_bytes, default_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from corelab.dicom.parse import guarded
from corelab.errors import ReasonCode, UnfitDataError

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_STRUCT_OF_VR = {"US": "H", "AT": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5E, 0x3D}
_FIRST_ITEM = b"\xfe\xff\x00\xe0"
_CHARACTER_SET = 0x00080005
_BLOCK_FIRST, _BLOCK_LAST = 0x10, 0xFF
_DEFAULT_BLOCK = 0x10


@cache
def tag_of(keyword: str) -> int:
    """Tag number of a standard keyword such as ``PixelSpacing``."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


@cache
def standard_vr(tag: int) -> str:
    """VR that the dictionary gives a tag, ``UN`` where it knows none."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def strict_number(text: str) -> float:
    """Value of a decimal string, NaN where it is no number with a point (PS3.5, 6.2, DS)."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan


class Elements:
    """The elements of one data set or sequence item, read by keyword or tag number.

    Parameters
    ----------
    dataset
        As pydicom read it.
    encodings
        Python codecs of the enclosing data set, where the item names none.
    """

    __slots__ = ("_elements", "_found_creators", "dataset", "encodings")

    def __init__(self, dataset: Dataset, encodings: tuple[str, ...] = (default_encoding,)) -> None:
        self.dataset = dataset
        # Not Dataset.get_item(), which reads values again that were too long to keep.
        self._elements = {int(element.tag): element for element in dataset.values()}
        self.encodings = _encodings(self._elements.get(_CHARACTER_SET), encodings)
        self._found_creators: tuple[tuple[int, str], ...] | None = None

    def raw(self, key: str | int) -> bytes:
        """Value bytes, empty where absent, too long or a sequence."""
        element = self._element(key)
        if isinstance(element, RawDataElement):
            return element.value or b""
        # pydicom turns a creator into text when it opens that creator's sequence.
        text = None if element is None else element.value
        return text.encode() if isinstance(text, str) else b""

    def has(self, key: str | int) -> bool:
        """Whether the element is there and not empty."""
        return bool(self.raw(key)) or bool(self.items(key))

    def words(self, key: str | int) -> tuple[str, ...]:
        """Values of a text element, spaces and NULs at their ends removed."""
        value = self.raw(key)
        if not value:
            return ()
        text = decode_text(value, self.encodings)
        return tuple(word.strip(" \0\r\n\t") for word in text.split("\\"))

    def text(self, key: str | int) -> str:
        """First value of a text element, empty where absent."""
        words = self.words(key)
        return words[0] if words else ""

    def numbers(self, key: str | int, vr: str = "") -> tuple[float, ...]:
        """Values of a numeric element; NaN for each that is no number; none where absent.

        Parameters
        ----------
        key
            Keyword or tag number.
        vr
            How to read a private element whose file does not tell.
        """
        element = self._element(key)
        if not isinstance(element, RawDataElement) or not element.value:
            return ()
        known = element.VR if element.VR not in {None, "UN"} else (vr or standard_vr(element.tag))
        code = _STRUCT_OF_VR.get(str(known))
        if code is None:
            return tuple(strict_number(word) for word in self.words(key) if word)
        size = struct.calcsize(code)
        count = len(element.value) // size
        order = "<" if element.is_little_endian else ">"
        values = struct.unpack(f"{order}{count}{code}", element.value[: count * size])
        return tuple(float(value) for value in values)

    def number(self, key: str | int, vr: str = "") -> float | None:
        """First value of a numeric element: ``None`` where absent, NaN where unreadable."""
        numbers = self.numbers(key, vr)
        if numbers:
            return numbers[0]
        return math.nan if self.raw(key).strip(b" \0") else None

    def whole(self, key: str | int) -> int | None:
        """First value as a whole number, ``None`` where absent or unreadable."""
        number = self.number(key)
        return None if number is None or not math.isfinite(number) else int(number)

    def items(self, key: str | int) -> tuple[Elements, ...]:
        """Items of a sequence, none where absent.

        Raises
        ------
        UnfitDataError
            ``header_cut`` where the sequence cannot be walked.
        """
        element = self._element(key)
        if element is None:
            return ()
        if isinstance(element, RawDataElement):
            known = element.VR if element.VR not in {None, "UN"} else standard_vr(element.tag)
            if known != "SQ" and not _holds_items(element):
                return ()
            with guarded(ReasonCode.HEADER_CUT, "a sequence in the header cannot be read"):
                element = self.dataset[element.tag]
        if element.VR != "SQ":
            return ()
        return tuple(Elements(item, self.encodings) for item in element.value)

    def item(self, key: str | int) -> Elements | None:
        """First item of a sequence, ``None`` where absent."""
        items = self.items(key)
        return items[0] if items else None

    def private_tag(self, group: int, creator: str, element: int) -> int:
        """Tag number of a private element in the block its creator reserved (PS3.5, 7.8.1).

        Where no creator of that name is there, block 0x10, which vendors use and which
        files keep whose creators an anonymiser removed; 0 where another creator holds it.
        """
        wanted = creator.casefold()
        holders = [(tag, name) for tag, name in self._creators() if tag >> 16 == group]
        for tag, name in holders:
            if name.startswith(wanted):
                return group << 16 | (tag & 0xFF) << 8 | element
        if any(tag & 0xFF == _DEFAULT_BLOCK for tag, _ in holders):
            return 0
        return group << 16 | _DEFAULT_BLOCK << 8 | element

    def _creators(self) -> tuple[tuple[int, str], ...]:
        if self._found_creators is None:
            tags = [tag for tag in self._elements if tag >> 16 & 1]
            blocks = [tag for tag in tags if _BLOCK_FIRST <= tag & 0xFFFF <= _BLOCK_LAST]
            self._found_creators = tuple((tag, self.text(tag).casefold()) for tag in blocks)
        return self._found_creators

    def _element(self, key: str | int) -> RawDataElement | DataElement | None:
        return self._elements.get(tag_of(key) if isinstance(key, str) else key)


def _holds_items(element: RawDataElement) -> bool:
    """Whether a private element whose file tells no VR begins as a sequence does."""
    is_untold = element.VR in {None, "UN"} and bool(element.tag >> 16 & 1)
    return is_untold and (element.value or b"").startswith(_FIRST_ITEM)


def decode_text(value: bytes, encodings: tuple[str, ...]) -> str:
    """Text of an element's bytes; what no codec reads becomes Latin-1, nothing is lost."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    try:
        with guarded(ReasonCode.HEADER_CUT, "a text in the header cannot be read"):
            return decode_bytes(value, list(encodings), _DELIMITERS)
    except UnfitDataError:
        return value.decode("latin-1")


def _encodings(
    element: RawDataElement | DataElement | None, inherited: tuple[str, ...]
) -> tuple[str, ...]:
    if not isinstance(element, RawDataElement) or not element.value:
        return inherited
    names = [name.strip() for name in element.value.decode("latin-1").split("\\")]
    try:
        with guarded(ReasonCode.HEADER_CUT, "the character set is unknown"):
            return tuple(convert_encodings(names))
    except UnfitDataError:
        return inherited
