"""Rows of shapes as letters of a word stand: of like height, on one level, close together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.strokes import Shape

LARGEST_GAP = 1.3
"""Between two letters of a row, as a share of their height."""


def rows_of(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Join shapes from left to right where height, level and gap fit.

    A shape goes on the first row of which it follows the last letter or the one before that.
    """
    ordered = sorted(shapes, key=lambda shape: shape.left)
    rows: list[list[int]] = []
    row_of: list[int] = []
    for number, follows in enumerate(_pairs(ordered)):
        befores = np.flatnonzero(follows[:number]).tolist()
        joined = (row_of[n] for n in befores if n in rows[row_of[n]][-2:])
        row_of.append(min(joined, default=len(rows)))
        if row_of[-1] == len(rows):
            rows.append([])
        rows[row_of[-1]].append(number)
    return [[ordered[number] for number in row] for row in rows]


def have_company(shapes: Sequence[Shape]) -> NDArray[np.bool_]:
    """Whether each follows another or is followed, along either axis: no row has others."""
    return np.asarray(_beside(shapes).any(axis=1))


def may_be_in_threes(shapes: Sequence[Shape]) -> NDArray[np.bool_]:
    """Whether three or more hang together around each: a row of three has no others.

    To leave out the rest leaves such rows as they are, since none of the rest touches them.
    """
    beside = _beside(shapes)
    has_two = beside.sum(axis=1) >= 2  # noqa: PLR2004 - itself is the third
    return np.asarray(has_two | beside[:, has_two].any(axis=1))


def _beside(shapes: Sequence[Shape]) -> NDArray[np.bool_]:
    """Whether one of two shapes follows the other along either axis, (N, N) array."""
    pairs = _pairs(shapes) | _pairs([shape.turned() for shape in shapes])
    return np.asarray(pairs | pairs.T)


def _pairs(shapes: Sequence[Shape]) -> NDArray[np.bool_]:
    """Whether shape n, none further to the left, follows shape m, (N, N) array."""
    boxes = np.array([shape[:4] for shape in shapes], dtype=np.int32).reshape(-1, 4)
    top, bottom, left, right = boxes.T
    height = bottom - top
    low, high = np.minimum.outer(height, height), np.maximum.outer(height, height)
    overlap = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    gap = np.subtract.outer(left, right)
    follows = (overlap > 0) & (2 * low >= high) & (2 * overlap >= low)
    follows &= (gap <= LARGEST_GAP * high) & np.greater_equal.outer(left, left)
    np.fill_diagonal(follows, val=False)
    return np.asarray(follows)
