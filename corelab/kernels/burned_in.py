"""Text that was written into the pixels: sharp, thin shapes of one extreme value.

Letters differ from all that a scanner makes. Their pixels hold one value: the largest or smallest
of the slice, or a strangely frequent one above its tissue, whatever is brighter. Their neighbours
do not approach it, while clipped metal and saturated vessels are blurred beyond the pixels that
are cut off. They are strokes, thin beside their size; and they stand in a row, or alone, with
nothing of their value around, where saturated noise is everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.drawn_value import FEWEST_PIXELS_ALONE, drawn_values
from corelab.kernels.letter_rows import have_company, may_be_in_threes, rows_of
from corelab.kernels.pieces import pieces_of
from corelab.kernels.strokes import (
    FEWEST_PIXELS,
    SMALLEST_SIZE,
    SURROUNDINGS,
    Shape,
    Strokes,
    grown,
    strokes_in,
)
from corelab.kernels.windows import SIDE, corners, fit_in, grown_twice, medians, windows

LARGEST_SHARE = 0.25
"""A value that fills a larger share of the slice is padding or background."""

NOISE_SHARE = 0.08
"""A value that fills more and comes in specks is saturated noise."""

APPROACH = 0.2
"""Height over the surroundings, as a share of the letter's, that a neighbour reaches at most."""

CLEAN_ALONE = 0.97
CLEAN_IN_ROW = 0.75
"""Share of a shape's neighbours that do not approach it; of clipped metal's, below a half."""

FEWEST_IMAGES = 3
"""In a stack of so many, a letter alone counts only where another image repeats it."""

FEWEST_IN_ROW = 3
FEWEST_SOFT_IN_ROW = 5
SOFT_LEVEL = 0.5
"""Height at which letters with smoothed edges are outlined."""

SOFT_CORE = 0.1
"""Share of such letters' pixels that hold the one value."""

PLAIN_FILL = 0.75
"""Share of its box that a plain bar fills at least."""

MOST_BESIDE = 0.05
"""Share of the two lines above or below a row that may hold the value: tails of letters."""

MOST_AROUND = 0.02
"""The same of all pixels around a letter that stands alone."""

LEVEL = 0.1
LEVEL_SHARE = 0.6
"""So many of a row's letters end within this share of its height from one line."""

SPECK_PIXELS = 3
MOST_SPECK_PIXELS = 0.15
MOST_SPECKS = 0.4
"""Share of dots and points in and around a row, by area and by number; noise has more."""

Plane = NDArray[np.integer | np.floating]
Mask = NDArray[np.bool_]


class BurnedIn(NamedTuple):
    """Images that hold text, and letters or other drawn shapes in all of them."""

    n_images: int
    n_shapes: int


def burned_in_text(image: NDArray[np.generic]) -> BurnedIn:
    """Count the images that hold text, and its letters.

    Parameters
    ----------
    image : (I, J, K) array
        Any finite values, slices along k.

    Raises
    ------
    UnfitDataError
        ``image_invalid`` when a value is not finite: no text can be told in such an image.
    """
    planes = cast("Plane", image)
    found = [_letters(planes[:, :, k]) for k in range(planes.shape[2])]
    counts = [
        letters.n_in_rows or sum(_stands_again(shape, k, found) for shape in letters.alone)
        for k, letters in enumerate(found)
    ]
    return BurnedIn(n_images=sum(count > 0 for count in counts), n_shapes=sum(counts))


def _stands_again(shape: Shape, k: int, found: Sequence[_Letters]) -> bool:
    """Whether another image holds a letter in the same place: specks of other origin come once."""
    others = (other for j, letters in enumerate(found) if j != k for other in letters.alone)
    return len(found) < FEWEST_IMAGES or any(shape.is_where(other) for other in others)


class _Letters(NamedTuple):
    """What one image holds: letters in rows, and those that stand alone."""

    n_in_rows: int
    alone: tuple[Shape, ...] = ()


def _letters(plane: Plane) -> _Letters:
    values = plane.T if plane.flags.f_contiguous else plane
    bottom, top = values.min(), values.max()
    if not (np.isfinite(bottom) and np.isfinite(top)):
        message = f"values must be finite numbers, found {bottom:g} to {top:g}"
        raise UnfitDataError(ReasonCode.IMAGE_INVALID, message)
    if not bottom < top:
        return _Letters(0)
    drawn = drawn_values(values)
    middle = (float(bottom) + float(top)) / 2
    high = [_bright_letters(values, value) for value in drawn if value > middle]
    low = [_lower_letters(values, value) for value in drawn if not value > middle]
    n_in_rows = max([*low, *(letters.n_in_rows for letters in high)], default=0)
    alone = tuple(shape for letters in high for shape in letters.alone)
    return _Letters(n_in_rows or (0 if alone else _dark_letters(values, bottom)), alone)


def _bright_letters(values: Plane, value: float) -> _Letters:
    marks = values == values.dtype.type(value)
    if _fills_too_much(marks):
        return _Letters(0)
    if sharp := _sharp_letters(values, marks, value):
        return _Letters(sharp)
    alone = _alone(values, marks, value)
    return _Letters(0 if alone else _soft_letters(values, marks, value), alone)


def _lower_letters(values: Plane, value: float) -> int:
    """Count those of a value among tissue's own: in rows only, lone shapes may be tissue."""
    marks = values == values.dtype.type(value)
    if _fills_too_much(marks):
        return 0
    if sharp := _sharp_letters(values, marks, value):
        return sharp
    soft = _soft_letters(values, marks, value)
    return soft if soft and not _alone(values, marks, value) else 0


def _fills_too_much(marks: Mask) -> bool:
    share = np.count_nonzero(marks) / marks.size
    return bool(share > LARGEST_SHARE or (share > NOISE_SHARE and _is_speckled(marks)))


def _sharp_letters(values: Plane, marks: Mask, value: float) -> int:
    """Letters in rows whose neighbours do not approach their value."""
    shapes = _sharp_shapes(values, marks, value, may_be_in_threes)
    return _in_rows(shapes, marks, FEWEST_IN_ROW)


def _soft_letters(values: Plane, marks: Mask, value: float) -> int:
    """Letters with smoothed edges, of which only the core holds the value: in rows only."""
    ground = float(np.median(values[::4, ::4]))
    if not ground < value:
        return 0
    outline = _is_at_least(values, ground + SOFT_LEVEL * (value - ground))
    outline &= values <= values.dtype.type(value)
    strokes = _only(strokes_in(outline, marks, FEWEST_SOFT_IN_ROW), may_be_in_threes)
    if len(strokes.thin) < FEWEST_SOFT_IN_ROW:
        return 0
    shapes = _clean_shapes(values, strokes, grown(outline[strokes.place]), value)
    return _in_rows(shapes, outline, FEWEST_SOFT_IN_ROW)


def _dark_letters(values: Plane, bottom: np.generic) -> int:
    """Black letters on bright ground: in rows only, since air and signal voids are black too."""
    reach = 2 * SMALLEST_SIZE
    bright = _is_above(values, float(np.mean(values[::4, ::4])))
    marks = values == bottom
    black = bright[:, : -2 * reach] & bright[:, 2 * reach :]
    black &= marks[:, reach:-reach]
    if np.count_nonzero(black) < FEWEST_IN_ROW * FEWEST_PIXELS:
        return 0
    inverse = -values.astype(np.float32)
    return _sharp_letters(inverse, marks, -float(bottom))


def _is_above(values: Plane, level: float) -> Mask:
    """Which values are larger; whole numbers are compared as such, which is many times as quick."""
    is_whole = np.issubdtype(values.dtype, np.integer)
    return np.asarray(values > (math.floor(level) if is_whole else level))


def _is_at_least(values: Plane, level: float) -> Mask:
    is_whole = np.issubdtype(values.dtype, np.integer)
    return np.asarray(values >= (math.ceil(level) if is_whole else level))


def _sharp_shapes(
    values: Plane, marks: Mask, value: float, fit: Callable[[Sequence[Shape]], Mask]
) -> list[Shape]:
    """Thin shapes that fit and whose neighbours do not approach their value."""
    strokes = _only(strokes_in(marks, marks, 1), fit)
    return _clean_shapes(values, strokes, marks[strokes.place], value) if strokes.thin else []


def _only(strokes: Strokes, fit: Callable[[Sequence[Shape]], Mask]) -> Strokes:
    """Leave out shapes that can be no letters, before what is around each is looked at."""
    are_fit = fit([shape for _, shape in strokes.thin])
    return strokes._replace(thin=list(compress(strokes.thin, are_fit)))


def _may_be_alone(shapes: Sequence[Shape]) -> Mask:
    """Whether each is large enough to be a letter alone, or has another beside it."""
    sizes = np.array([shape.n_pixels for shape in shapes])
    return have_company(shapes) | (sizes >= FEWEST_PIXELS_ALONE)


def _clean_shapes(values: Plane, strokes: Strokes, blur: Mask, value: float) -> list[Shape]:
    """Thin shapes of which the pixels right outside of ``blur`` do not approach the value."""
    local, near = values[strokes.place], grown(blur)
    around = Around(local, strokes.labels, blur, near, value)
    rows, columns = strokes.place
    shares = around.shares_of(strokes.thin)
    return [
        shape.moved(rows.start, columns.start)._replace(clean=share)
        for (_, shape), share in zip(strokes.thin, shares, strict=True)
        if share >= CLEAN_IN_ROW
    ]


class Around(NamedTuple):
    """What lies around the shapes of a part of a plane, each array of that part's size."""

    values: Plane
    labels: NDArray[np.int32]
    blur: Mask
    near: Mask
    value: float

    def shares_of(self, thin: Sequence[tuple[int, Shape]]) -> list[float]:
        """Share of each shape's edge that does not approach it; small shapes all at once."""
        largest = SIDE - 2 * SURROUNDINGS
        are_cut = fit_in(self.values.shape)
        small = [
            (n, shape) for n, shape in thin if are_cut and max(shape.height, shape.width) <= largest
        ]
        shares = dict(zip([n for n, _ in small], self._shares_of_small(small), strict=True))
        return [shares[n] if n in shares else self.share_of(n, shape) for n, shape in thin]

    def share_of(self, number: int, shape: Shape) -> float:
        """Share of one shape's edge."""
        box = shape.around(SURROUNDINGS)
        own = grown(grown(self.labels[box] == number))
        edge = own & self.near[box] & ~self.blur[box]
        beyond = grown(grown(own)) & ~self.near[box]
        return _clean_share(self.values[box], edge, beyond, self.value)

    def _shares_of_small(self, small: Sequence[tuple[int, Shape]]) -> list[float]:
        if not small:
            return []
        at = corners([(shape.top, shape.left) for _, shape in small], SURROUNDINGS)
        values, blur, near = (
            windows(self.values, at),
            windows(self.blur, at),
            windows(self.near, at),
        )
        numbers = np.array([number for number, _ in small])
        own = grown_twice(windows(self.labels, at) == numbers[:, None, None])
        edge = own & near & ~blur
        beyond = grown_twice(own) & ~near
        is_open = np.asarray(beyond.any(axis=(1, 2)))
        ground = medians(values, np.where(is_open[:, None, None], beyond, edge))
        limit = ground + APPROACH * (self.value - ground)
        if not np.issubdtype(values.dtype, np.integer):
            limit = limit.astype(values.dtype)
        low = edge & np.asarray(values <= limit[:, None, None])
        sizes = edge.sum(axis=(1, 2))
        shares = low.sum(axis=(1, 2)) / np.maximum(sizes, 1)
        return [float(share) for share in shares]


def _clean_share(values: Plane, edge: Mask, beyond: Mask, value: float) -> float:
    """Share of a shape's edge that is no higher over the ground than allowed."""
    if not edge.any():
        return 0.0
    ground = _median(values[beyond if beyond.any() else edge])
    own = values[edge]
    return float(np.count_nonzero(own <= ground + APPROACH * (value - ground)) / own.size)


def _median(values: Plane) -> float:
    """Median of a few values, without what NumPy's spends on other cases."""
    ordered = np.sort(values)
    low, high = ordered[(values.size - 1) // 2], ordered[values.size // 2]
    if np.issubdtype(values.dtype, np.integer):
        return (int(low) + int(high)) / 2
    return float((low + high) / 2)


def _in_rows(shapes: Sequence[Shape], marks: Mask, fewest: int) -> int:
    """Shapes that stand in rows of at least so many, along either axis."""
    if len(shapes) < fewest:
        return 0
    lying = sum(len(row) for row in rows_of(shapes) if len(row) >= fewest and _is_line(row, marks))
    if lying:
        return lying
    turned = [shape.turned() for shape in shapes]
    rows = rows_of(turned)
    return sum(len(row) for row in rows if len(row) >= fewest and _is_line(row, marks.T))


def _is_line(row: Sequence[Shape], marks: Mask) -> bool:
    """Whether a row has a level, and little of its value above or below it and in specks."""
    box = _joined(row)
    # Screws and electrodes stand in rows as well, but are plain bars and discs.
    n_plain = sum(shape.fill > PLAIN_FILL for shape in row)
    if 2 * n_plain > len(row) or box.n_core < SOFT_CORE * box.n_pixels:
        return False
    if not (_is_level([s.bottom for s in row], box) or _is_level([s.top for s in row], box)):
        return False
    columns = slice(box.left, box.right)
    above = marks[max(box.top - 3, 0) : max(box.top - 1, 0), columns]
    below = marks[box.bottom + 1 : box.bottom + 3, columns]
    free = [line.mean() <= MOST_BESIDE for line in (above, below) if line.size]
    return any(free) and not _is_speckled(marks[box.around(box.height)])


def _is_level(ends: Sequence[int], box: Shape) -> bool:
    """Whether most letters end on one line."""
    off = np.abs(np.array(ends) - np.median(ends))
    return bool(np.mean(off <= max(1, LEVEL * box.height)) >= LEVEL_SHARE)


def _alone(values: Plane, marks: Mask, value: float) -> tuple[Shape, ...]:
    """Letters, one or two, with nothing of their value around them."""
    shapes = _sharp_shapes(values, marks, value, _may_be_alone)
    clean = [shape for shape in shapes if shape.clean >= CLEAN_ALONE]
    return tuple(shape for row in rows_of(clean) if _stands_alone(row, marks) for shape in row)


def _stands_alone(row: Sequence[Shape], marks: Mask) -> bool:
    box = _joined(row)
    width = box.right - box.left
    if min(box.height, width) < FEWEST_IN_ROW or box.n_pixels < FEWEST_PIXELS_ALONE:
        return False
    around = marks[box.around(max(box.height, width))]
    n_others = np.count_nonzero(around) - box.n_pixels
    return bool(n_others <= MOST_AROUND * around.size)


def _joined(row: Sequence[Shape]) -> Shape:
    return Shape(
        min(shape.top for shape in row),
        max(shape.bottom for shape in row),
        min(shape.left for shape in row),
        max(shape.right for shape in row),
        sum(shape.n_pixels for shape in row),
        sum(shape.n_core for shape in row),
        min(shape.clean for shape in row),
    )


def _is_speckled(marks: Mask) -> bool:
    """Whether much of what is marked are specks, by area or by number."""
    sizes = pieces_of(marks).sizes()
    specks = sizes[sizes <= SPECK_PIXELS]
    return bool(
        specks.sum() > MOST_SPECK_PIXELS * sizes.sum() or specks.size > MOST_SPECKS * sizes.size
    )
