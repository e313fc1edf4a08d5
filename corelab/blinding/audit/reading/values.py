"""What the values of voxels and pixels spell: printable runs, found before any search.

Runs of eight or more bytes of ASCII, and of eight or more letters in UTF-16. CT numbers of
brain (20 to 60 HU) are the code points of digits and marks, so that in UTF-16 only letters
say anything; as ASCII no CT number of a head is a text, since its upper byte is never one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from corelab.blinding.audit.needle import Passage, Standing

_BLOCK_BYTES = 1 << 18
_OVERLAP_BYTES = 512
_ASCII = re.compile(rb"[\x20-\x7e]{8,}")
_WIDE = {
    "utf-16-le": re.compile(rb"(?:[A-Za-z]\x00){8,}"),
    "utf-16-be": re.compile(rb"(?:\x00[A-Za-z]){8,}"),
}
_HIGH = np.uint32(0x80808080)
_SPACES = np.uint32(0x20202020)
_NO_LETTER_LOW, _NO_LETTER_HIGH = np.uint32(0xFF80FF80), np.uint32(0x80FF80FF)
_LETTER_LOW, _LETTER_HIGH = np.uint32(0x00400040), np.uint32(0x40004000)


def read_values(data: bytes | memoryview, place: str) -> Iterator[Passage]:
    """Find runs of text in the bytes of an array."""
    view = memoryview(data)
    for start in range(0, len(view), _BLOCK_BYTES):
        block = view[start : start + _BLOCK_BYTES + _OVERLAP_BYTES]
        words = np.frombuffer(block[: len(block) // 4 * 4], dtype="<u4")
        if len(block) % 4 or _may_hold_ascii(words):
            for run in _ASCII.findall(block):
                yield Passage(run.decode("ascii"), place, Standing.PIXELS)
        if len(block) % 4 or _may_hold_wide(words):
            for codec, pattern in _WIDE.items():
                for run in pattern.findall(block):
                    yield Passage(run.decode(codec), place, Standing.PIXELS)


def _may_hold_ascii(words: NDArray[np.uint32]) -> bool:
    """Whether any four bytes at a multiple of four are all printable, as in every run of eight."""
    return bool(np.any(((words | (words - _SPACES)) & _HIGH) == 0))


def _may_hold_wide(words: NDArray[np.uint32]) -> bool:
    """Whether any two letters of UTF-16 stand at a multiple of four."""
    low = ((words & _NO_LETTER_LOW) == 0) & ((words & _LETTER_LOW) == _LETTER_LOW)
    high = ((words & _NO_LETTER_HIGH) == 0) & ((words & _LETTER_HIGH) == _LETTER_HIGH)
    return bool(np.any(low | high))
