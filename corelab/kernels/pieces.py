"""Connected pieces of a plane's mask, told from the runs of pixels along its rows.

A mask of specks has many times fewer runs than the plane has pixels, and what is asked of a
piece (its size, its box) is as well asked of its runs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Numbers = NDArray[np.intp]


class Runs(NamedTuple):
    """Stretches of a mask along its rows, from left to right and row by row; ends excluded."""

    row: Numbers
    left: Numbers
    right: Numbers

    @property
    def lengths(self) -> Numbers:
        """Pixels of each."""
        return self.right - self.left


class Pieces(NamedTuple):
    """What of a mask is connected by eight neighbours, numbered from 1 by their first pixels.

    Attributes
    ----------
    runs : Runs
        Those of the mask.
    number : (R,) int array
        Number of the piece that each run belongs to.
    n_pieces : int
        How many there are.
    """

    runs: Runs
    number: Numbers
    n_pieces: int

    def sizes(self) -> Numbers:
        """Pixels of each piece, (N,)."""
        of_runs = self.runs.lengths
        sizes = np.bincount(self.number, weights=of_runs, minlength=self.n_pieces + 1)
        return sizes[1:].astype(np.intp)

    def boxes(self) -> NDArray[np.intp]:
        """First row, end of rows, first column, end of columns of each, (N, 4)."""
        ends = np.full((4, self.n_pieces + 1), np.iinfo(np.intp).max)
        top, bottom, left, right = ends
        bottom[:] = right[:] = 0
        np.minimum.at(top, self.number, self.runs.row)
        np.maximum.at(bottom, self.number, self.runs.row + 1)
        np.minimum.at(left, self.number, self.runs.left)
        np.maximum.at(right, self.number, self.runs.right)
        return ends[:, 1:].T

    def drawn(self, mask: Mask) -> NDArray[np.int32]:
        """Plane of the mask, each pixel with the number of its piece, 0 outside."""
        labels = np.zeros(mask.shape, dtype=np.int32)
        labels[mask] = np.repeat(self.number, self.runs.lengths)
        return labels


def pieces_of(mask: Mask) -> Pieces:
    """Split a mask of (I, J) into pieces, by the eight neighbours of a pixel."""
    runs = runs_of(mask)
    first = _first_of_piece(len(runs.row), *_touching(runs, mask.shape[1]))
    is_first = first == np.arange(len(first))
    return Pieces(runs, np.cumsum(is_first)[first], int(np.count_nonzero(is_first)))


def runs_of(mask: Mask) -> Runs:
    """Find the runs of a mask of (I, J)."""
    # A column of nothing on both sides ends every run in its row.
    width = mask.shape[1] + 2
    edged = np.zeros((mask.shape[0], width), dtype=bool)
    edged[:, 1:-1] = mask
    flat = edged.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    row, left = np.divmod(changes[::2], width)
    return Runs(row, left, changes[1::2] - row * width)


def _touching(runs: Runs, width: int) -> tuple[Numbers, Numbers]:
    """Pairs of runs that touch, corners included: one of a row and one of the next."""
    # One number for row and column, which grows from run to run.
    here, below = (width + 1) * runs.row, (width + 1) * (runs.row + 1)
    begin = np.searchsorted(here + runs.right, below + runs.left)
    end = np.searchsorted(here + runs.left, below + runs.right, side="right")
    counts = end - begin
    upper = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return upper, np.arange(len(upper)) + np.repeat(begin - before, counts)


def _first_of_piece(count: int, upper: Numbers, lower: Numbers) -> Numbers:
    """First run of the piece of each: the lower number is handed on until none changes."""
    first = np.arange(count)
    while (differs := first[upper] != first[lower]).any():
        one, other = first[upper[differs]], first[lower[differs]]
        np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        while (further := first[first] != first).any():
            first[further] = first[first[further]]
    return first
