from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from corelab.kernels.detection import is_below_detection
from corelab.kernels.measure import (
    mask_volume_ml,
    pieces,
    slice_areas_cm2,
)
from corelab.vocab import Modality

MASKS = npst.arrays(bool, (4, 5, 3), elements=st.booleans())


def test_a_cube_of_ten_voxels_a_side_at_one_mm_is_one_ml() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[5:15, 5:15, 5:15] = True
    assert mask_volume_ml(mask, np.ones(20)) == 1.0


@given(mask=MASKS)
def test_volume_is_the_sum_of_each_slice_by_its_own_height(mask: np.ndarray) -> None:
    voxel_mm3 = np.array([2.0, 3.5, 7.0])
    naive = sum(voxel_mm3[k] for _, _, k in zip(*np.nonzero(mask), strict=True)) / 1000
    assert mask_volume_ml(mask, voxel_mm3) == pytest.approx(naive)


@given(mask=MASKS)
def test_pieces_sum_to_the_whole(mask: np.ndarray) -> None:
    voxel_mm3 = np.array([2.0, 3.5, 7.0])
    total = sum(piece.volume_ml for piece in pieces(mask, voxel_mm3))
    assert total == pytest.approx(mask_volume_ml(mask, voxel_mm3))


def test_voxels_that_touch_at_a_corner_are_one_piece_and_largest_comes_first() -> None:
    mask = np.zeros((6, 6, 3), bool)
    mask[0, 0, 0] = True
    mask[3, 3, 1] = mask[4, 4, 2] = True
    found = pieces(mask, np.full(3, 1000.0))
    assert [piece.volume_ml for piece in found] == [2.0, 1.0]
    assert found[0].centre == (3.5, 3.5, 1.5)


def test_an_empty_mask_has_no_pieces_and_no_volume() -> None:
    mask = np.zeros((3, 3, 2), bool)
    assert pieces(mask, np.ones(2)) == ()
    assert mask_volume_ml(mask, np.ones(2)) == 0.0


def test_slice_area_is_in_square_centimetres() -> None:
    mask = np.zeros((20, 20, 2), bool)
    mask[:10, :10, 1] = True
    np.testing.assert_allclose(slice_areas_cm2(mask, 1.0), [0.0, 1.0])


@pytest.mark.parametrize(
    ("volume_ml", "modality", "expected"),
    [
        (0.0, Modality.NCCT, False),
        (9.9, Modality.NCCT, True),
        (10.0, Modality.NCCT, False),
        (0.0, Modality.DWI, False),
        (0.29, Modality.DWI, True),
        (0.3, Modality.DWI, False),
    ],
)
def test_what_is_found_below_detection_is_told_and_zero_is_not(
    volume_ml: float, modality: Modality, *, expected: bool
) -> None:
    assert is_below_detection(volume_ml, modality) is expected
