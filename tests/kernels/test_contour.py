from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from corelab.kernels.contour import (
    Crop,
    cover_plane,
    crop_around,
    outer_outline,
    slices_spread,
    slices_with_neighbours,
    window_to_uint8,
)

planes = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
volumes = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))


def naive_outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    line = np.zeros_like(mask)
    for i, j in np.ndindex(mask.shape):
        around = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        inside = [(a, b) for a, b in around if 0 <= a < mask.shape[0] and 0 <= b < mask.shape[1]]
        line[i, j] = not mask[i, j] and any(mask[place] for place in inside)
    return line


def naive_cover(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    covered = np.zeros(shape, dtype=np.bool_)
    for i, j in np.argwhere(mask):
        starts = [v * p // n for v, p, n in zip((i, j), shape, mask.shape, strict=True)]
        stops = [
            math.ceil((v + 1) * p / n) for v, p, n in zip((i, j), shape, mask.shape, strict=True)
        ]
        covered[starts[0] : stops[0], starts[1] : stops[1]] = True
    return covered


def test_window_of_level_35_and_width_40_shows_15_hu_black_and_55_hu_white() -> None:
    hu = np.array([-1024, 15, 35, 55, 3071], dtype=np.int16)
    assert window_to_uint8(hu, low=15, high=55).tolist() == [0, 0, 128, 255, 255]


def test_what_is_not_a_number_is_black_and_infinity_is_an_end_of_the_window() -> None:
    values = np.array([np.nan, -np.inf, np.inf])
    assert window_to_uint8(values, low=0, high=1).tolist() == [0, 0, 255]


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)])
def test_an_empty_window_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low below high"):
        window_to_uint8(np.zeros(3), low=low, high=high)


def test_outline_of_one_pixel_is_the_four_around_it() -> None:
    mask = np.zeros((3, 3), dtype=np.bool_)
    mask[1, 1] = True
    assert outer_outline(mask).astype(int).tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


@given(planes)
def test_outline_equals_its_slow_twin_and_hides_none_of_the_mask(mask: NDArray[np.bool_]) -> None:
    before = mask.copy()
    line = outer_outline(mask)
    assert np.array_equal(line, naive_outline(mask))
    assert not (line & mask).any()
    assert np.array_equal(mask, before)


def test_a_coarser_grid_keeps_a_single_voxel() -> None:
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[57, 33] = True
    # Voxel 57 lies in pixel 17; voxel 33 spans 9.9 to 10.2.
    assert np.argwhere(cover_plane(mask, (30, 30))).tolist() == [[17, 9], [17, 10]]


def test_a_whole_multiple_repeats_each_voxel() -> None:
    mask = np.array([[True, False], [False, True]])
    assert np.array_equal(cover_plane(mask, (6, 4)), np.kron(mask, np.ones((3, 2), dtype=np.bool_)))


@given(planes, st.tuples(st.integers(1, 20), st.integers(1, 20)))
def test_cover_equals_its_slow_twin(mask: NDArray[np.bool_], shape: tuple[int, int]) -> None:
    assert np.array_equal(cover_plane(mask, shape), naive_cover(mask, shape))


def test_neighbours_stay_inside_the_stack_and_gaps_stay_gaps() -> None:
    mask = np.zeros((2, 2, 10), dtype=np.bool_)
    mask[0, 0, [0, 5]] = True
    assert slices_with_neighbours(mask) == (0, 1, 4, 5, 6)
    assert slices_with_neighbours(np.zeros_like(mask)) == ()


@given(volumes)
def test_every_slice_with_mask_is_shown(mask: NDArray[np.bool_]) -> None:
    shown = slices_with_neighbours(mask)
    assert set(np.flatnonzero(mask.any(axis=(0, 1))).tolist()) <= set(shown)
    assert list(shown) == sorted(set(shown))


def test_spread_leaves_out_the_outermost_slices() -> None:
    brain = np.zeros((2, 2, 40), dtype=np.bool_)
    brain[:, :, 4:28] = True
    assert slices_spread(brain, 4) == (7, 13, 19, 25)


@settings(max_examples=50)
@given(volumes, st.integers(1, 15))
def test_spread_gives_at_most_count_slices_of_the_mask(mask: NDArray[np.bool_], count: int) -> None:
    shown = slices_spread(mask, count)
    bearing = np.flatnonzero(mask.any(axis=(0, 1))) if mask.any() else np.arange(mask.shape[2])
    assert len(shown) == min(count, len(bearing))
    assert set(shown) <= set(bearing.tolist())


def test_crop_keeps_the_margin_in_millimetres_and_stays_in_the_plane() -> None:
    mask = np.zeros((40, 40, 3), dtype=np.bool_)
    mask[10:20, 35:39, 1] = True
    crop = crop_around(mask, (2.0, 0.5, 5.0), 4.0)
    assert crop == Crop(i_start=8, i_stop=22, j_start=27, j_stop=40)


def test_crop_around_nothing_keeps_the_plane() -> None:
    assert crop_around(np.zeros((4, 5, 6), dtype=np.bool_), (1.0, 1.0, 1.0), 2.0) == (0, 4, 0, 5)
