from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels import morphology

SPACING_MM = (1.0, 0.5, 5.0)
masks = hnp.arrays(
    np.bool_,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
    elements=st.booleans(),
)
radii_mm = st.floats(0, 4)


def naive_dilation(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    grown = np.zeros_like(mask)
    for i, j, k in np.argwhere(mask):
        di = (np.arange(mask.shape[0]) - i)[:, None] * SPACING_MM[0]
        dj = (np.arange(mask.shape[1]) - j)[None, :] * SPACING_MM[1]
        grown[:, :, k] |= di**2 + dj**2 <= radius_mm**2 * (1 + 1e-9)
    return grown


def a_box(shape: tuple[int, int, int] = (20, 20, 3)) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    mask[5:15, 5:15, 1] = True
    return mask


@given(mask=masks, radius_mm=st.sampled_from([0.0, 0.4, 0.5, 1.0, 1.5, 2.0, 3.2]))
def test_fast_dilation_equals_the_naive_one(mask: NDArray[np.bool_], radius_mm: float) -> None:
    grown = morphology.dilate_disc(mask, radius_mm, spacing_mm=SPACING_MM)
    np.testing.assert_array_equal(grown, naive_dilation(mask, radius_mm))


@given(mask=masks, radius_mm=radii_mm)
def test_opening_shrinks_and_closing_grows(mask: NDArray[np.bool_], radius_mm: float) -> None:
    opened = morphology.open_disc(mask, radius_mm, spacing_mm=SPACING_MM)
    closed = morphology.close_disc(mask, radius_mm, spacing_mm=SPACING_MM)
    assert not (opened & ~mask).any()
    assert not (mask & ~closed).any()


@given(mask=masks, radius_mm=radii_mm)
def test_opening_twice_is_opening_once(mask: NDArray[np.bool_], radius_mm: float) -> None:
    once = morphology.open_disc(mask, radius_mm, spacing_mm=SPACING_MM)
    twice = morphology.open_disc(once, radius_mm, spacing_mm=SPACING_MM)
    np.testing.assert_array_equal(once, twice)


@given(mask=masks, radius_mm=radii_mm)
def test_inputs_stay_unchanged(mask: NDArray[np.bool_], radius_mm: float) -> None:
    before = mask.copy()
    morphology.erode_disc(mask, radius_mm, spacing_mm=SPACING_MM)
    morphology.dilate_disc(mask, radius_mm, spacing_mm=SPACING_MM)
    np.testing.assert_array_equal(mask, before)


def test_the_edge_of_the_image_does_not_erode() -> None:
    full = np.ones((6, 6, 2), dtype=bool)
    assert morphology.erode_disc(full, 2.0, spacing_mm=SPACING_MM).all()


def test_opening_removes_a_thin_bridge_and_keeps_both_sides() -> None:
    mask = np.zeros((30, 21, 1), dtype=bool)
    mask[2:12, 5:15] = True
    mask[18:28, 5:15] = True
    mask[12:18, 9:11] = True
    opened = morphology.open_disc(mask, 2.0, spacing_mm=(1.0, 1.0, 5.0))
    assert not opened[15, 10, 0]
    assert opened[7, 10, 0]
    assert opened[23, 10, 0]


def test_largest_component_is_the_larger_of_two() -> None:
    mask = a_box()
    mask[0:2, 0:2, 1] = True
    np.testing.assert_array_equal(morphology.largest_component(mask), a_box())


def test_largest_component_of_nothing_is_nothing() -> None:
    assert not morphology.largest_component(np.zeros((3, 3, 3), dtype=bool)).any()


@given(mask=masks)
def test_largest_component_is_one_piece_of_the_mask(mask: NDArray[np.bool_]) -> None:
    kept = morphology.largest_component(mask)
    assert not (kept & ~mask).any()
    assert ndimage.label(kept)[1] == int(mask.any())


def test_small_pieces_are_dropped_by_count() -> None:
    mask = a_box()
    mask[0:2, 0:2, 1] = True
    np.testing.assert_array_equal(morphology.keep_larger_than(mask, 5), a_box())
    np.testing.assert_array_equal(morphology.keep_larger_than(mask, 4), mask)
    assert not morphology.keep_larger_than(np.zeros((3, 3, 3), dtype=bool), 1).any()


def test_only_pieces_with_a_seed_are_kept() -> None:
    mask = a_box()
    mask[0:2, 0:2, 1] = True
    seeds = np.zeros_like(mask)
    seeds[7, 7, 1] = True
    seeds[18, 18, 1] = True
    np.testing.assert_array_equal(morphology.keep_touching(mask, seeds), a_box())


def test_an_enclosed_hole_is_filled_and_an_open_one_is_not() -> None:
    mask = a_box()
    mask[8:11, 8:11, 1] = False
    np.testing.assert_array_equal(morphology.fill_holes(mask), a_box())
    mask[8:11, 8:, 1] = False
    np.testing.assert_array_equal(morphology.fill_holes(mask), mask)


@given(mask=masks)
def test_filling_equals_scipy_slice_by_slice(mask: NDArray[np.bool_]) -> None:
    filled = morphology.fill_holes(mask)
    for k in range(mask.shape[2]):
        np.testing.assert_array_equal(filled[:, :, k], ndimage.binary_fill_holes(mask[:, :, k]))


def test_only_small_holes_are_filled_where_asked() -> None:
    mask = a_box()
    mask[8:11, 8:11, 1] = False
    np.testing.assert_array_equal(morphology.fill_small_holes(mask, 9), a_box())
    np.testing.assert_array_equal(morphology.fill_small_holes(mask, 8), mask)


@given(mask=masks, min_voxels=st.sampled_from([0, 1, 2, 2.5, 5]), seed=st.integers(0, 99))
def test_pieces_are_kept_as_a_plain_look_at_each_would(
    mask: NDArray[np.bool_], min_voxels: float, seed: int
) -> None:
    seeds = np.random.default_rng(seed).random(mask.shape) < 0.1
    large, touching = np.zeros_like(mask), np.zeros_like(mask)
    labels, count = ndimage.label(mask)
    for label in range(1, count + 1):
        piece = labels == label
        large |= piece & (piece.sum() >= min_voxels)
        touching |= piece & (piece & seeds).any()
    for arranged in (mask, np.asfortranarray(mask)):
        kept = morphology.keep_larger_than(arranged, min_voxels)
        np.testing.assert_array_equal(kept, large)
        np.testing.assert_array_equal(morphology.keep_touching(arranged, seeds), touching)


@given(mask=masks, radius_mm=radii_mm)
def test_the_order_of_memory_changes_nothing(mask: NDArray[np.bool_], radius_mm: float) -> None:
    for operation in (morphology.fill_holes, morphology.largest_component):
        np.testing.assert_array_equal(operation(np.asfortranarray(mask)), operation(mask))
    np.testing.assert_array_equal(
        morphology.dilate_disc(np.asfortranarray(mask), radius_mm, spacing_mm=SPACING_MM),
        morphology.dilate_disc(mask, radius_mm, spacing_mm=SPACING_MM),
    )
