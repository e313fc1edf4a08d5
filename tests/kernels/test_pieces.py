"""Pieces told from runs are those that a look at every pixel finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.pieces import pieces_of

EIGHT = np.ones((3, 3), dtype=bool)
Mask = NDArray[np.bool_]


def assert_as_pixel_by_pixel(mask: Mask) -> None:
    labels, count = ndimage.label(mask, EIGHT)
    places = ndimage.find_objects(labels)
    found = pieces_of(mask)
    assert found.n_pieces == count
    np.testing.assert_array_equal(found.drawn(mask), labels)
    np.testing.assert_array_equal(found.sizes(), np.bincount(labels.ravel())[1:])
    boxes = [[rows.start, rows.stop, columns.start, columns.stop] for rows, columns in places]
    np.testing.assert_array_equal(found.boxes(), np.array(boxes).reshape(-1, 4))


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()))
def test_any_mask_has_the_pieces_that_scipy_labels_in_the_same_order(mask: Mask) -> None:
    assert_as_pixel_by_pixel(mask)


@pytest.mark.parametrize("share", [0.02, 0.25, 0.6])
def test_specks_and_nets_of_many_runs_have_the_same_pieces(share: float) -> None:
    assert_as_pixel_by_pixel(np.random.default_rng(3).random((120, 150)) < share)


def test_a_spiral_is_one_piece_though_its_runs_meet_late() -> None:
    side = 41
    spiral = np.ones((side, side), dtype=bool)
    for ring in range(1, side // 2, 2):
        spiral[ring, ring : side - ring] = False
        spiral[ring : side - ring, side - 1 - ring] = False
        spiral[side - 1 - ring, ring : side - ring] = False
        spiral[ring + 2 : side - ring, ring] = False
    assert_as_pixel_by_pixel(spiral)


def test_corners_touch_and_ends_of_two_rows_do_not() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[0, 4] = mask[1, 0] = mask[2, 1] = True
    assert pieces_of(mask).boxes().tolist() == [[0, 1, 4, 5], [1, 3, 0, 2]]
