from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.kernels.overlap import dice, surface_distance

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])
SHEARED = np.array([[2, 0, 0.4, 0], [0, 2, 1.8, 0], [0, 0, 5, 0], [0, 0, 0, 1.0]])


def box(low: int, high: int) -> NDArray[np.bool_]:
    mask = np.zeros((12, 12, 4), bool)
    mask[low:high, low:high, 1:3] = True
    return mask


def naive_surface_mm(
    mask: NDArray[np.bool_], affine: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    found = []
    for place in np.argwhere(mask):
        for axis in range(3):
            for step in (-1, 1):
                other = place.copy()
                other[axis] += step
                inside = 0 <= other[axis] < mask.shape[axis]
                if not inside or not mask[tuple(other)]:
                    found.append((affine @ [*place, 1])[:3])
                    break
            else:
                continue
            break
    return found


def test_half_shared_boxes_have_dice_one_half() -> None:
    first, second = np.zeros((4, 4, 2), bool), np.zeros((4, 4, 2), bool)
    first[:2], second[1:3] = True, True

    assert dice(first, second) == pytest.approx(0.5)


def test_labels_count_as_one_whatever_they_are() -> None:
    labels = np.zeros((4, 4, 2), np.uint8)
    labels[:2], labels[1] = 1, 2

    assert dice(labels, labels > 0) == 1


def test_two_empty_masks_overlap_wholly_and_one_empty_mask_not_at_all() -> None:
    assert dice(box(0, 0), box(0, 0)) == 1
    assert dice(box(0, 0), box(2, 5)) == 0


def test_a_shift_along_an_axis_is_its_length_in_mm() -> None:
    first, second = np.zeros((9, 9, 3), bool), np.zeros((9, 9, 3), bool)
    first[2, 4, 1], second[5, 4, 1] = True, True

    found = surface_distance(first, second, AFFINE)

    assert found.hd95_mm == pytest.approx(6)
    assert found.assd_mm == pytest.approx(6)


@given(st.integers(0, 200), st.sampled_from([AFFINE, SHEARED]))
def test_distances_are_those_of_the_slow_way(seed: int, affine: NDArray[np.float64]) -> None:
    generator = np.random.default_rng(seed)
    first, second = generator.random((2, 5, 5, 3)) < 0.3
    if not first.any() or not second.any():
        return
    one, two = (np.array(naive_surface_mm(mask, affine)) for mask in (first, second))
    table = np.linalg.norm(one[:, None] - two[None], axis=2)
    there, back = table.min(axis=1), table.min(axis=0)

    found = surface_distance(first, second, affine)

    assert found.assd_mm == pytest.approx((there.sum() + back.sum()) / (there.size + back.size))
    assert found.hd95_mm == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))


def test_an_empty_mask_has_no_distance() -> None:
    assert np.isnan(surface_distance(box(2, 5), box(0, 0), AFFINE).hd95_mm)


def test_masks_of_two_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="one grid"):
        dice(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 3), bool))
