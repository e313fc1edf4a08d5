"""Typed values of DICOM elements, straight from their bytes.

pydicom walks the file; values are turned into numbers here, so that a number written against
the rules (a decimal comma, text) becomes NaN instead of being repaired or raising somewhere.
"""

from __future__ import annotations

import math
import re
import struct
from functools import cache, lru_cache

from pydicom.charset import convert_encodings, decode_bytes, default_encoding
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from corelab.dicom.dataset import UNKNOWN_VR, DataSet, PydicomDataSet, Raw
from corelab.dicom.guard import guarded
from corelab.errors import ReasonCode, UnfitDataError

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_CODE_OF_VR = {"US": "H", "AT": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
_REMEMBERED = 4096
_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5E, 0x3D}
_CHARACTER_SET = 0x00080005
_BLOCK_FIRST, _BLOCK_LAST = 0x10, 0xFF
_DEFAULT_BLOCK = 0x10
_PRIVATE_GROUP = 0x10000


@cache
def tag_of(keyword: str) -> int:
    """Tag number of a standard keyword such as ``PixelSpacing``."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


def strict_number(text: str) -> float:
    """Value of a decimal string, NaN where it is no number with a point (PS3.5, 6.2, DS)."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan


class Elements:
    """The elements of one data set or sequence item, read by keyword or tag number.

    Parameters
    ----------
    dataset
        As it was parsed; pydicom's own are taken too.
    encodings
        Python codecs of the enclosing data set, where the item names none.
    """

    __slots__ = ("_found_creators", "dataset", "encodings")

    def __init__(
        self, dataset: DataSet | Dataset, encodings: tuple[str, ...] = (default_encoding,)
    ) -> None:
        self.dataset = PydicomDataSet(dataset) if isinstance(dataset, Dataset) else dataset
        self.encodings = _encodings(self.raw(_CHARACTER_SET), encodings)
        self._found_creators: tuple[tuple[int, str], ...] | None = None

    def raw(self, key: str | int) -> bytes:
        """Value bytes, empty where absent, too long or a sequence."""
        found = self._get(key)
        return b"" if found is None else found.value

    def has(self, key: str | int) -> bool:
        """Whether the element is there and not empty."""
        return bool(self.raw(key)) or bool(self.items(key))

    def words(self, key: str | int) -> tuple[str, ...]:
        """Values of a text element, spaces and NULs at their ends removed."""
        value = self.raw(key)
        return split_words(value, self.encodings) if value else ()

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
        found = self._get(key)
        if found is None or not found.value:
            return ()
        known, value, is_little_endian = found
        code = _CODE_OF_VR.get(vr if known == UNKNOWN_VR and vr else known)
        if code is None:
            return _written_numbers(value, self.encodings)
        return _binary_numbers(value, "<" if is_little_endian else ">", code)

    def number(self, key: str | int, vr: str = "") -> float | None:
        """First value of a numeric element: ``None`` where absent, NaN where unreadable."""
        numbers = self.numbers(key, vr)
        if numbers:
            return numbers[0]
        return math.nan if self.raw(key).strip(b" \0") else None

    def whole(self, key: str | int, vr: str = "") -> int | None:
        """First value as a whole number, ``None`` where absent or unreadable."""
        number = self.number(key, vr)
        return None if number is None or not math.isfinite(number) else int(number)

    def items(self, key: str | int) -> tuple[Elements, ...]:
        """Items of a sequence, none where absent.

        Raises
        ------
        UnfitDataError
            ``header_cut`` where the sequence cannot be walked.
        """
        found = self.dataset.items(tag_of(key) if isinstance(key, str) else key)
        return tuple(Elements(item, self.encodings) for item in found)

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
            tags = [tag for tag in self.dataset.tags() if tag & _PRIVATE_GROUP]
            blocks = [tag for tag in tags if _BLOCK_FIRST <= tag & 0xFFFF <= _BLOCK_LAST]
            self._found_creators = tuple((tag, self.text(tag).casefold()) for tag in blocks)
        return self._found_creators

    def _get(self, key: str | int) -> Raw | None:
        return self.dataset.get(tag_of(key) if isinstance(key, str) else key)


@lru_cache(maxsize=_REMEMBERED)
def split_words(value: bytes, encodings: tuple[str, ...]) -> tuple[str, ...]:
    """Values of a text element's bytes, spaces and NULs at their ends removed."""
    return tuple(word.strip(" \0\r\n\t") for word in decode_text(value, encodings).split("\\"))


@lru_cache(maxsize=_REMEMBERED)
def _written_numbers(value: bytes, encodings: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(strict_number(word) for word in split_words(value, encodings) if word)


@lru_cache(maxsize=_REMEMBERED)
def _binary_numbers(value: bytes, order: str, code: str) -> tuple[float, ...]:
    count = len(value) // struct.calcsize(code)
    return tuple(map(float, struct.unpack_from(f"{order}{count}{code}", value)))


def decode_text(value: bytes, encodings: tuple[str, ...]) -> str:
    """Text of an element's bytes; what no codec reads becomes Latin-1, nothing is lost."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    try:
        with guarded(ReasonCode.HEADER_CUT, "a text in the header cannot be read"):
            return decode_bytes(value, list(encodings), _DELIMITERS)
    except UnfitDataError:
        return value.decode("latin-1")


def _encodings(value: bytes, inherited: tuple[str, ...]) -> tuple[str, ...]:
    return _codecs(value) or inherited if value else inherited


@lru_cache(maxsize=_REMEMBERED)
def _codecs(value: bytes) -> tuple[str, ...]:
    """Python's codecs for a SpecificCharacterSet, none where it is unknown."""
    names = [name.strip() for name in value.decode("latin-1").split("\\")]
    try:
        with guarded(ReasonCode.HEADER_CUT, "the character set is unknown"):
            return tuple(convert_encodings(names))
    except UnfitDataError:
        return ()
