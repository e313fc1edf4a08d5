from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.review.mask_check import checked_mask
from corelab.review.mask_parser import mask_parser
from corelab.review.screen_grid import from_screen, screen_grid_of, screen_volume, to_screen
from corelab.store.nifti import pack_volume
from corelab.volume import Volume

LPS = np.diag([-0.5, -0.5, 5.0, 1.0])


def turned(degrees: float, *, shear: float = 0.0) -> NDArray[np.float64]:
    """Affine of slices that lean forward, and are shifted along y where sheared."""
    angle = np.radians(degrees)
    rotation = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([0.5, 0.5, 5.0])
    affine[:3, 2] += shear * affine[:3, 1]
    return affine


def permuted(order: tuple[int, int, int], signs: tuple[int, int, int]) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) * np.array(signs) * [0.5, 0.7, 4.0])[:, order]
    affine[:3, 3] = (-80.0, 31.5, 7.25)
    return affine


AFFINES = [
    LPS,
    turned(17.0),
    turned(0.0, shear=2.5),
    turned(12.0, shear=1.5),
    *(permuted(order, (-1, 1, -1)) for order in permutations((0, 1, 2))),
]


def there_and_back(labels: NDArray[np.uint8], image: Volume) -> NDArray[np.uint8]:
    """The way of a mask: to the browser as a file, and from it."""
    grid = screen_grid_of(image)
    return checked_mask(pack_volume(screen_volume(labels, grid)), grid, mask_parser())


@given(
    affine=st.sampled_from(AFFINES),
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_round_trip_changes_no_voxel(
    affine: NDArray[np.float64], shape: tuple[int, int, int], seed: int
) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, shape, dtype=np.uint8)
    image = Volume(data=np.zeros(shape, np.int16), affine=affine)
    assert np.array_equal(there_and_back(labels, image), labels)


@pytest.mark.parametrize("affine", [LPS, turned(15.0, shear=2.0)])
def test_a_round_trip_of_a_whole_head_changes_no_voxel(affine: NDArray[np.float64]) -> None:
    labels = np.random.default_rng(5).integers(0, 3, (512, 512, 40), dtype=np.uint8)
    image = Volume(data=np.zeros(labels.shape, np.int16), affine=affine)
    assert np.array_equal(there_and_back(labels, image), labels)


def test_the_way_to_the_screen_is_undone_exactly() -> None:
    values = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    for affine in AFFINES:
        grid = screen_grid_of(Volume(data=values, affine=affine))
        assert np.array_equal(from_screen(to_screen(values, grid), grid), values)


def test_the_first_voxel_of_the_screen_lies_left_back_and_low() -> None:
    values = np.zeros((2, 3, 4), np.int16)
    values[1, 2, 0] = 7  # an LPS array counts to the left and to the back
    grid = screen_grid_of(Volume(data=values, affine=LPS))
    assert to_screen(values, grid)[0, 0, 0] == 7
    assert grid.shape == (2, 3, 4)
    assert grid.spacing_mm == (0.5, 0.5, 5.0)


def test_axes_are_named_by_where_they_run() -> None:
    values = np.zeros((4, 2, 3), np.int16)  # slices along k run from left to right
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 5.0], [0.5, 0, 0], [0, 0.7, 0]]
    grid = screen_grid_of(Volume(data=values, affine=affine))
    assert grid.slice_axis == 0
    assert grid.shape == (3, 4, 2)
    assert grid.spacing_mm == pytest.approx((5.0, 0.5, 0.7))


def test_uneven_slices_keep_their_own_volumes_in_the_order_of_the_screen() -> None:
    affine = np.diag([1.0, 1.0, -5.0, 1.0])  # k runs down, the screen counts up
    image = Volume(
        data=np.zeros((2, 2, 3), np.int16),
        affine=affine,
        slice_positions_mm=np.array([0.0, 2.0, 10.0]),
    )
    assert screen_grid_of(image).slice_volumes_mm3 == (8.0, 5.0, 2.0)


def test_a_sheared_grid_shows_its_slices_at_their_true_height() -> None:
    grid = screen_grid_of(Volume(data=np.zeros((2, 2, 2), np.int16), affine=turned(0, shear=4.0)))
    assert grid.spacing_mm == pytest.approx((0.5, 0.5, 5.0))
    assert grid.slice_volumes_mm3 == pytest.approx((1.25, 1.25))


def test_nothing_of_the_place_in_the_scanner_reaches_the_browser() -> None:
    moved = LPS.copy()
    moved[:3, 3] = (81.25, -7.0, 1203.0)
    here, there = (
        Volume(data=np.ones((2, 2, 2), np.int16), affine=affine) for affine in (LPS, moved)
    )
    files = {
        pack_volume(screen_volume(image.data, screen_grid_of(image))) for image in (here, there)
    }
    assert len(files) == 1
