from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.review.hemisphere import hemisphere_of
from corelab.vocab import Hemisphere, Modality
from corelab.volume import Volume
from tests.review.furnished import CT_AFFINE, MR_AFFINE, SHAPE, ellipsoid

AFFINES = {Modality.NCCT: CT_AFFINE, Modality.DWI: MR_AFFINE}
LEFT_VOXELS, RIGHT_VOXELS = (slice(15, 19), slice(12, 18)), (slice(5, 9), slice(12, 18))


def side(
    modality: Modality, mask: NDArray[np.uint8], brain: NDArray[np.bool_] | None = None
) -> Hemisphere | None:
    affine = AFFINES[modality]
    head = ellipsoid() if brain is None else brain
    return hemisphere_of(
        Volume(data=mask, affine=affine),
        Volume(data=head.astype(np.uint8), affine=affine),
        modality,
    )


def mask(*, left: int = 0, right: int = 0) -> NDArray[np.uint8]:
    """So many slices of 24 voxels (10 mL) on each side; i grows to the patient's left."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[(*LEFT_VOXELS, slice(2, 2 + left))] = 1
    labels[(*RIGHT_VOXELS, slice(2, 2 + right))] = 2
    return labels


@pytest.mark.parametrize("modality", list(Modality))
def test_the_side_is_the_patients_own(modality: Modality) -> None:
    assert side(modality, mask(left=2)) is Hemisphere.LEFT
    assert side(modality, mask(right=2)) is Hemisphere.RIGHT
    assert side(modality, mask(left=2, right=2)) is Hemisphere.BILATERAL
    assert side(modality, mask()) is Hemisphere.NONE


def test_a_small_part_across_the_middle_counts_on_a_ct_from_3_ml_and_on_a_dwi_by_share() -> None:
    labels = mask(left=4)
    labels[9, 12:18, 2] = 1
    voxel_ml = abs(float(np.linalg.det(CT_AFFINE[:3, :3]))) / 1000
    assert 6 * voxel_ml < 3 < 7 * voxel_ml
    assert side(Modality.NCCT, labels) is Hemisphere.LEFT
    labels[9, 18, 2] = 1
    assert side(Modality.NCCT, labels) is Hemisphere.BILATERAL
    assert side(Modality.DWI, labels) is Hemisphere.LEFT, "7 of 103 voxels are less than a tenth"
    labels[8, 12:18, 2] = 1
    assert side(Modality.DWI, labels) is Hemisphere.BILATERAL


@pytest.mark.parametrize("modality", list(Modality))
def test_without_a_brain_no_side_is_said(modality: Modality) -> None:
    assert side(modality, mask(left=2), np.zeros(SHAPE, bool)) is None


@pytest.mark.parametrize("modality", list(Modality))
def test_where_the_halves_do_not_mirror_no_side_is_said(modality: Modality) -> None:
    half = ellipsoid()
    half[4:14, :14] = False
    half[:, 22:, :4] = False
    half[12:, 20:] = False
    assert side(modality, mask(left=2), half) is None
