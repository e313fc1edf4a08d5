"""Pixels that a header says are no image: they become air, never tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.dicom.element import Elements
from corelab.dicom.matrix import Matrix
from corelab.dicom.reading import Words
from corelab.kernels.hounsfield import AIR_HU
from corelab.kernels.morphology import keep_touching

TISSUE_HU = (-200.0, 200.0)
_WORD_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """Stored values, both ends included, that stand for no image (PS3.3, C.7.5.1.1.2)."""

    lowest: int
    highest: int

    def marks(self, stored: Words) -> NDArray[np.bool_]:
        """Which pixels are padding.

        Parameters
        ----------
        stored
            Values before rescale, any shape.
        """
        return np.asarray((stored >= self.lowest) & (stored <= self.highest))


def read_padding(elements: Elements, *, matrix: Matrix, big_endian: bool) -> Padding | None:
    """Pixel Padding Value (0028,0120) and its range limit (0028,0121), ``None`` without.

    Parameters
    ----------
    elements, matrix
        The data set, and how its words are read: the value's VR follows the pixels' sign, and
        files that write it otherwise mean the same bits.
    big_endian
        Byte order of the data set.
    """
    order = ">" if big_endian else "<"
    values = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        raw = elements.raw(keyword)[:_WORD_BYTES]
        if len(raw) == _WORD_BYTES:
            letter = "i" if matrix.is_signed else "u"
            values.append(int(np.frombuffer(raw, f"{order}{letter}{_WORD_BYTES}")[0]))
    return Padding(lowest=min(values), highest=max(values)) if values else None


def padding_to_air(
    stored: Words, padding: Padding | None, *, slope: float, intercept: float
) -> Words:
    """Turn the padding of a CT slice into what rescales to air.

    Where the padding value would be tissue, such as 0 HU, brain has it too: then only
    padding that reaches the image's edge counts.

    Parameters
    ----------
    stored : (rows, columns) integers
        Before rescale; unchanged.
    padding
        As the header says.
    slope, intercept
        Of this slice; not 0.

    Returns
    -------
    array
        ``stored`` itself where nothing has to change.
    """
    if padding is None:
        return stored
    ends = sorted(value * slope + intercept for value in (padding.lowest, padding.highest))
    # A range that holds every tissue is a wrong header, not an image without tissue.
    if ends[1] <= AIR_HU or (ends[0] < TISSUE_HU[0] and ends[1] > TISSUE_HU[1]):
        return stored
    marks = padding.marks(stored)
    if not marks.any():
        return stored
    if ends[0] <= TISSUE_HU[1] and ends[1] >= TISSUE_HU[0]:
        marks = _reaching_the_edge(marks)
    air = round((AIR_HU - intercept) / slope)
    limits = np.iinfo(stored.dtype)
    fits = limits.min <= air <= limits.max
    filled = stored.copy() if fits else stored.astype(np.int64)
    filled[marks] = air
    return np.asarray(filled)


def _reaching_the_edge(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    edge = np.zeros_like(marks)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    return keep_touching(marks[:, :, np.newaxis], edge[:, :, np.newaxis])[:, :, 0]
