"""Rows of shapes as letters of a word stand: of like height, on one level, close together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.strokes import Shape

LARGEST_GAP = 1.3
"""Between two letters of a row, as a share of their height."""


def rows_of(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Join shapes from left to right where height, level and gap fit."""
    rows: list[list[Shape]] = []
    reaches: dict[int, float] = {}
    for shape in sorted(shapes, key=lambda shape: shape.left):
        # A row that ends too far to the left of this shape does so of all that come.
        reaches = {n: reach for n, reach in reaches.items() if shape.left <= reach}
        joined = (n for n in reaches if _goes_on(rows[n], shape))
        number = next(joined, len(rows))
        if number == len(rows):
            rows.append([])
        rows[number].append(shape)
        reaches[number] = _reach(rows[number])
    return rows


def _goes_on(row: Sequence[Shape], shape: Shape) -> bool:
    return _follows(shape, row[-1]) or (len(row) > 1 and _follows(shape, row[-2]))


def _follows(shape: Shape, before: Shape) -> bool:
    if shape.top >= before.bottom or before.top >= shape.bottom:
        return False
    low, high = sorted((shape.height, before.height))
    overlap = min(shape.bottom, before.bottom) - max(shape.top, before.top)
    gap = shape.left - before.right
    return 2 * low >= high and 2 * overlap >= low and gap <= LARGEST_GAP * high


def _reach(row: Sequence[Shape]) -> float:
    """Furthest column in which a shape that follows may begin, being twice as high at most."""
    return max(before.right + 2 * LARGEST_GAP * before.height for before in row[-2:])


def have_company(shapes: Sequence[Shape]) -> NDArray[np.bool_]:
    """Whether each follows another or is followed, along either axis: a row has no others."""
    boxes = np.array([shape[:4] for shape in shapes], dtype=np.int32).reshape(-1, 4)
    top, bottom, left, right = boxes.T
    return _have_neighbours(top, bottom, left, right) | _have_neighbours(left, right, top, bottom)


def _have_neighbours(
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
) -> NDArray[np.bool_]:
    """Judge every pair as :func:`_follows` does, all at once."""
    height = bottom - top
    low, high = np.minimum.outer(height, height), np.maximum.outer(height, height)
    overlap = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    gap = np.subtract.outer(left, right)
    follows = (overlap > 0) & (2 * low >= high) & (2 * overlap >= low)
    follows &= (gap <= LARGEST_GAP * high) & np.greater_equal.outer(left, left)
    np.fill_diagonal(follows, val=False)
    return np.asarray(follows.any(axis=0) | follows.any(axis=1))
