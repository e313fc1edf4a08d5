"""Connected shapes in an image that are thin beside their size, as strokes of a pen are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.pieces import pieces_of
from corelab.kernels.windows import SIDE, fit_in, stroke_widths, windows

SMALLEST_SIZE = 5
LARGEST_SIZE = 120
"""Larger of height and width of one connected shape, pixels: letters may touch."""

FEWEST_PIXELS = 4
SLENDERNESS = 2.2
"""Size over stroke width; a disc or a square has 1, a bold capital 3."""

MOST_SHAPES = 400
SURROUNDINGS = 4
"""Pixels around a shape that are looked at."""

Mask = NDArray[np.bool_]


class Shape(NamedTuple):
    """One connected shape: its box (rows, columns; ends excluded), pixels and edge."""

    top: int
    bottom: int
    left: int
    right: int
    n_pixels: int
    n_core: int
    clean: float

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def fill(self) -> float:
        """Share of the box that the shape fills."""
        return self.n_pixels / (self.height * self.width)

    def around(self, margin: int) -> tuple[slice, slice]:
        """Box of the shape, so many pixels wider on every side, inside the plane."""
        rows = slice(max(self.top - margin, 0), self.bottom + margin)
        return rows, slice(max(self.left - margin, 0), self.right + margin)

    def is_where(self, other: Shape) -> bool:
        """Whether another shape has the same box, give or take a pixel."""
        return max(abs(mine - its) for mine, its in zip(self[:4], other[:4], strict=True)) <= 1

    def moved(self, rows: int, columns: int) -> Shape:
        """Put it so much further down and right."""
        return self._replace(
            top=self.top + rows,
            bottom=self.bottom + rows,
            left=self.left + columns,
            right=self.right + columns,
        )

    def turned(self) -> Shape:
        """Exchange rows and columns."""
        return self._replace(top=self.left, bottom=self.right, left=self.top, right=self.bottom)


class Strokes(NamedTuple):
    """Strokes of a mask, in the part of the plane that holds all of it and what is near.

    Attributes
    ----------
    place : tuple of 2 slice
        That part of the plane.
    labels : (I, J) int32 array
        Number of the connected piece, in that part; 0 everywhere where none is a stroke.
    thin : list of tuple
        Number and shape, in the coordinates of that part, of the pieces that are strokes.
    """

    place: tuple[slice, slice]
    labels: NDArray[np.int32]
    thin: list[tuple[int, Shape]]


def strokes_in(mask: Mask, marks: Mask, fewest: int) -> Strokes:
    """Find the strokes of a mask.

    Parameters
    ----------
    mask : (I, J) bool array
        What is split into pieces, by their eight neighbours.
    marks : (I, J) bool array
        Of a piece's pixels these are its core.
    fewest
        A mask with fewer pieces of a letter's size has no strokes.
    """
    place = _box_around(mask)
    local = mask[place]
    pieces = pieces_of(local)
    sizes, boxes = pieces.sizes(), pieces.boxes()
    letters = _of_a_letters_size(sizes, boxes)
    if np.count_nonzero(sizes >= FEWEST_PIXELS) < fewest or not letters.size:
        return Strokes(place, np.zeros(local.shape, dtype=np.int32), [])
    labels = pieces.drawn(local)
    cores = np.bincount(labels[marks[place]], minlength=pieces.n_pieces + 1)[1:]
    widths = _widths_of(labels, letters + 1, boxes[letters])
    is_thin = _extents_of(boxes[letters]) >= SLENDERNESS * widths
    shapes = np.column_stack([letters + 1, boxes[letters], sizes[letters], cores[letters]])
    thin = [
        (number, Shape(top, bottom, left, right, n_pixels, n_core, clean=1.0))
        for number, top, bottom, left, right, n_pixels, n_core in shapes[is_thin].tolist()
    ]
    return Strokes(place, labels, thin)


def _box_around(mask: Mask) -> tuple[slice, slice]:
    """Box of a mask, as much wider as a shape's surroundings are looked at."""
    filled = (np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0)))
    rows, columns = (
        slice(max(int(at[0]) - SURROUNDINGS, 0), int(at[-1]) + 1 + SURROUNDINGS)
        if at.size
        else slice(0, 0)
        for at in filled
    )
    return rows, columns


def _of_a_letters_size(sizes: NDArray[np.intp], boxes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places in the list of the first pieces that may be letters."""
    extents = _extents_of(boxes)
    fit = (sizes >= FEWEST_PIXELS) & (extents >= SMALLEST_SIZE) & (extents <= LARGEST_SIZE)
    return np.flatnonzero(fit)[:MOST_SHAPES]


def _extents_of(boxes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Larger of height and width of each box."""
    top, bottom, left, right = boxes.T
    return np.asarray(np.maximum(bottom - top, right - left))


def _widths_of(
    labels: NDArray[np.int32], numbers: NDArray[np.intp], boxes: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Thickest stroke of each piece; small ones all at once."""
    widths = np.empty(len(numbers), dtype=np.intp)
    is_small = (_extents_of(boxes) <= SIDE) & fit_in(labels.shape)
    if is_small.any():
        small = windows(labels, boxes[is_small][:, [0, 2]])
        widths[is_small] = stroke_widths(small == numbers[is_small, None, None])
    for at in np.flatnonzero(~is_small):
        top, bottom, left, right = boxes[at]
        widths[at] = stroke_pixels(labels[top:bottom, left:right] == numbers[at])
    return widths


def stroke_pixels(shape: Mask) -> int:
    """Width of the thickest stroke, pixels: its rim is peeled off until nothing is left.

    Parameters
    ----------
    shape : (I, J) bool array
        Ends at the edge of the array.
    """
    width, rest = -1, shape
    while rest.any():
        width += 2
        rows = rest[:-2] & rest[1:-1] & rest[2:]
        rest = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return width


def grown(mask: Mask) -> Mask:
    """Return the mask and its eight neighbours, as several shifted copies are quickest."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide
