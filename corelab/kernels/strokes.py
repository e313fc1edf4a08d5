"""Connected shapes in an image that are thin beside their size, as strokes of a pen are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.windows import SIDE, corners, fit_in, stroke_widths, windows

SMALLEST_SIZE = 5
LARGEST_SIZE = 120
"""Larger of height and width of one connected shape, pixels: letters may touch."""

FEWEST_PIXELS = 4
SLENDERNESS = 2.2
"""Size over stroke width; a disc or a square has 1, a bold capital 3."""

MOST_SHAPES = 400
SURROUNDINGS = 4
"""Pixels around a shape that are looked at."""

_EIGHT = np.ones((3, 3), dtype=bool)
_EIGHT.flags.writeable = False
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


class Pieces(NamedTuple):
    """Connected pieces of a mask in the part of the plane that holds them and what is near.

    Attributes
    ----------
    place : tuple of 2 slice
        That part of the plane.
    labels : (I, J) int32 array
        Number of the piece, in that part.
    thin : list of tuple
        Number and shape, in the coordinates of that part, of those that are strokes.
    """

    place: tuple[slice, slice]
    labels: NDArray[np.int32]
    thin: list[tuple[int, Shape]]


def strokes_in(mask: Mask, marks: Mask, fewest: int) -> Pieces:
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
    labels, count = ndimage.label(local, _EIGHT)
    sizes = np.bincount(labels[local], minlength=count + 1)
    if np.count_nonzero(sizes >= FEWEST_PIXELS) < fewest:
        return Pieces(place, labels, [])
    cores = np.bincount(labels[marks[place]], minlength=count + 1)
    return Pieces(place, labels, list(_thin_shapes(labels, sizes, cores)))


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


def _thin_shapes(
    labels: NDArray[np.int32], sizes: NDArray[np.intp], cores: NDArray[np.intp]
) -> Iterator[tuple[int, Shape]]:
    """Pieces of a letter's size that are strokes, by their number."""
    pieces = _of_a_letters_size(labels, sizes)
    widths = _widths_of(labels, pieces)
    for number, (rows, columns) in pieces.items():
        if _extent_of((rows, columns)) >= SLENDERNESS * widths[number]:
            box = rows.start, rows.stop, columns.start, columns.stop
            yield number, Shape(*box, int(sizes[number]), int(cores[number]), clean=1.0)


def _of_a_letters_size(
    labels: NDArray[np.int32], sizes: NDArray[np.intp]
) -> dict[int, tuple[slice, slice]]:
    """Boxes of the first pieces that may be letters, by their number."""
    places = ndimage.find_objects(labels)
    numbered = ((int(n), places[n - 1]) for n in np.flatnonzero(sizes >= FEWEST_PIXELS))
    fit = ((n, p) for n, p in numbered if SMALLEST_SIZE <= _extent_of(p) <= LARGEST_SIZE)
    return dict(islice(fit, MOST_SHAPES))


def _extent_of(place: tuple[slice, slice]) -> int:
    rows, columns = place
    return int(max(rows.stop - rows.start, columns.stop - columns.start))


def _widths_of(
    labels: NDArray[np.int32], pieces: Mapping[int, tuple[slice, slice]]
) -> dict[int, int]:
    """Thickest stroke of each piece; small ones all at once."""
    is_small = {n: fit_in(labels.shape) and _extent_of(p) <= SIDE for n, p in pieces.items()}
    small = [n for n in pieces if is_small[n]]
    widths = {n: stroke_pixels(labels[p] == n) for n, p in pieces.items() if not is_small[n]}
    if small:
        at = corners([(pieces[n][0].start, pieces[n][1].start) for n in small], margin=0)
        masks = windows(labels, at) == np.array(small)[:, None, None]
        widths |= dict(zip(small, stroke_widths(masks).tolist(), strict=True))
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
