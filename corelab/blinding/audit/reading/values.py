"""What the values of voxels and pixels spell: printable runs, found before any search.

Runs of eight or more bytes of ASCII, and of eight or more letters in UTF-16. CT numbers of
brain (20 to 60 HU) are the code points of digits and marks, so that in UTF-16 only letters
say anything; as ASCII no CT number of a head is a text, since its upper byte is never one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from corelab.blinding.audit.needle import Passage, Standing

Mask = NDArray[np.bool_]

_BLOCK_BYTES = 1 << 18
_OVERLAP_BYTES = 512
_SPACE, _N_PRINTABLE = 0x20, 0x5F
_CASE_BIT, _A, _N_LETTERS = 0x20, 0x61, 26
# A run of eight letters in UTF-16 of either byte order holds seven with a zero behind each.
_ASCII_RUN, _WIDE_RUN = 8, 7


def read_values(data: bytes | memoryview, place: str) -> Iterator[Passage]:
    """Find runs of text in the bytes of an array."""
    stored = np.frombuffer(data, dtype=np.uint8)
    for start in range(0, stored.size, _BLOCK_BYTES):
        block = stored[start : start + _BLOCK_BYTES + _OVERLAP_BYTES]
        runs = b"\n".join((*_ascii_runs(block), *_wide_runs(block)))
        if runs:
            yield Passage(runs.decode("latin-1"), place, Standing.PIXELS)


def _ascii_runs(block: NDArray[np.uint8]) -> Iterator[bytes]:
    is_printable = (block - np.uint8(_SPACE)) < _N_PRINTABLE
    pairs = _both(is_printable, 1)
    if not pairs.any():
        return
    for begin, end in _groups(_both(_both(pairs, 2), 4), 1):
        yield block[begin : end + _ASCII_RUN].tobytes()


def _wide_runs(block: NDArray[np.uint8]) -> Iterator[bytes]:
    """Every second byte of such a run: its letters."""
    is_letter = ((block | np.uint8(_CASE_BIT)) - np.uint8(_A)) < _N_LETTERS
    fours = _both(_both(is_letter[:-1] & (block[1:] == 0), 2), 4)
    for begin, end in _groups(_both(fours, 6), 2):
        yield block[begin : end + 2 * _WIDE_RUN + 1 : 2].tobytes()


def _both(mask: Mask, distance: int) -> Mask:
    """Where a mask holds both here and at a distance ahead."""
    return mask[:-distance] & mask[distance:] if mask.size > distance else mask[:0]


def _groups(mask: Mask, step: int) -> Iterator[tuple[int, int]]:
    """First and last place of each group whose places lie no more than a step apart."""
    places = np.flatnonzero(mask)
    ends = np.flatnonzero(np.diff(places) > step)
    firsts, lasts = np.append(-1, ends)[: places.size] + 1, np.append(ends, places.size - 1)
    yield from zip(places[firsts].tolist(), places[lasts[: firsts.size]].tolist(), strict=True)
