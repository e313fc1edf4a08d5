"""Size of an object's pixel matrix and how its words hold the values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from corelab.dicom.element import Elements
from corelab.errors import ReasonCode, at_most
from corelab.series import Refusal

LARGEST_SIDE = 4096
MOST_FRAMES = 20_000
_BITS_PER_BYTE = 8
_REMEMBERED = 1024
_WORD_BITS = frozenset({8, 16, 32})


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Rows, columns and frames, and the words that hold the values (PS3.5, 8.1.1)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    n_frames: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * self.samples * self.bits_allocated // _BITS_PER_BYTE

    @property
    def is_sound(self) -> bool:
        """Whether the words are whole bytes and the stored bits fit into them."""
        fits = 0 < self.bits_stored <= self.high_bit + 1 <= self.bits_allocated
        return self.bits_allocated in _WORD_BITS and self.frame_bytes > 0 and fits

    def word_type(self, *, big_endian: bool) -> np.dtype[np.generic]:
        """Numpy type of the words that uncompressed pixels are stored in."""
        order, letter = ">" if big_endian else "<", "i" if self.is_signed else "u"
        return np.dtype(f"{order}{letter}{self.bits_allocated // _BITS_PER_BYTE}")


# The slices of a series share one record, which then crosses processes once.
_shared_matrix = lru_cache(maxsize=_REMEMBERED)(Matrix)


def read_matrix(elements: Elements) -> Matrix:
    """Matrix of a data set, 0 for what it does not tell.

    Parameters
    ----------
    elements
        The data set.
    """
    bits_allocated = elements.whole("BitsAllocated") or 0
    bits_stored = elements.whole("BitsStored") or bits_allocated
    high_bit = elements.whole("HighBit")
    return _shared_matrix(
        rows=elements.whole("Rows") or 0,
        columns=elements.whole("Columns") or 0,
        samples=elements.whole("SamplesPerPixel") or 1,
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=bits_stored - 1 if high_bit is None else high_bit,
        is_signed=elements.whole("PixelRepresentation") == 1,
        n_frames=elements.whole("NumberOfFrames") or 1,
    )


def size_fault(matrix: Matrix) -> Refusal | None:
    """Refusal of sizes that no scanner makes, to be asked before any allocation.

    Parameters
    ----------
    matrix
        As declared.
    """
    sides = (matrix.rows, matrix.columns)
    if max(sides) <= LARGEST_SIDE and min(sides) >= 0 and 0 < matrix.n_frames <= MOST_FRAMES:
        return None
    limits = (LARGEST_SIDE, LARGEST_SIDE, MOST_FRAMES)
    found = " x ".join(map(at_most, (*sides, matrix.n_frames), limits))
    limit = f"{LARGEST_SIDE} x {LARGEST_SIDE} x {MOST_FRAMES}"
    message = f"{found} voxels declared, {limit} allowed"
    evidence = f"{matrix.rows} x {matrix.columns} x {matrix.n_frames}"
    return Refusal(reason=ReasonCode.SIZE_BEYOND_SCANNER, message=message, evidence=evidence)
