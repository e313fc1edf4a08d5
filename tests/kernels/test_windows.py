"""Many shapes at once are judged as they are one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.burned_in import Around
from corelab.kernels.strokes import SURROUNDINGS, grown, stroke_pixels, strokes_in
from corelab.kernels.windows import (
    SIDE,
    corners,
    fit_in,
    grown_twice,
    medians,
    stroke_widths,
    windows,
)

EIGHT = np.ones((3, 3), dtype=bool)


def masks(seed: int) -> NDArray[np.bool_]:
    """Windows with anything in them, one with nothing and one that is full."""
    noise = np.random.default_rng(seed).normal(size=(9, SIDE, SIDE))
    found = ndimage.gaussian_filter(noise, (0, 1.5, 1.5)) > 0.1
    found[0], found[1] = False, True
    return np.asarray(found)


def test_a_window_stays_in_the_plane_and_holds_the_box_with_its_surroundings() -> None:
    plane = np.arange(60 * 70).reshape(60, 70)
    at = corners([(0, 0), (30, 40), (59, 69)], SURROUNDINGS)
    found = windows(plane, at)
    for window, (top, left) in zip(found, [(0, 0), (26, 36), (36, 46)], strict=True):
        np.testing.assert_array_equal(window, plane[top : top + SIDE, left : left + SIDE])


def test_a_plane_smaller_than_a_window_has_none() -> None:
    assert fit_in((SIDE, SIDE))
    assert not fit_in((SIDE - 1, 400))


@pytest.mark.parametrize("seed", range(3))
def test_masks_grow_and_shrink_as_each_alone(seed: int) -> None:
    many = masks(seed)
    for one, twice, width in zip(many, grown_twice(many), stroke_widths(many), strict=True):
        np.testing.assert_array_equal(twice, grown(grown(one)))
        assert width == stroke_pixels(one)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, np.float64])
def test_medians_are_those_of_each_alone(dtype: type[np.generic]) -> None:
    many = masks(4)
    values = (np.random.default_rng(4).normal(size=many.shape) * 900 + 1500).astype(dtype)
    found = medians(values, many)
    assert found[0] == 0
    for one, plane, median in zip(many[1:], values[1:], found[1:], strict=True):
        assert median == np.median(plane[one])


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("seed", range(4))
def test_the_share_of_a_clean_edge_is_the_same_one_by_one(
    seed: int, dtype: type[np.generic]
) -> None:
    noise = np.random.default_rng(seed).normal(size=(90, 110))
    values = np.rint(1000 * ndimage.gaussian_filter(noise, 1.2))
    value = np.percentile(values, 80)
    values = np.minimum(values, value).astype(dtype)
    marks = values == values.max()
    pieces = strokes_in(marks, marks, 1)
    blur = marks[pieces.place]
    local = values[pieces.place]
    around = Around(local, pieces.labels, blur, grown(blur), float(values.max()))
    alone = [around.share_of(number, shape) for number, shape in pieces.thin]
    assert around.shares_of(pieces.thin) == alone
    assert sum(max(s.height, s.width) <= SIDE - 2 * SURROUNDINGS for _, s in pieces.thin) > 5
