from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.agreement import agreement, dice, icc_2_1

# Shrout and Fleiss, Psychol Bull 1979;86:420, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    dtype=np.float64,
)


def test_icc_is_the_published_worked_example() -> None:
    assert icc_2_1(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)


def test_a_constant_offset_is_bias_and_lowers_absolute_agreement() -> None:
    first = np.array([10.0, 20.0, 30.0, 40.0])
    found = agreement(first, first + 5)
    assert (found.bias, found.lower_limit, found.upper_limit) == (5.0, 5.0, 5.0)
    assert found.icc_2_1 < 1.0


def test_limits_are_196_standard_deviations_about_the_bias() -> None:
    first = np.zeros(3)
    found = agreement(first, np.array([-1.0, 0.0, 1.0]))
    assert found.bias == pytest.approx(0.0)
    assert found.upper_limit == pytest.approx(1.96)


def test_two_cases_are_too_few() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        agreement(np.zeros(2), np.zeros(2))


def test_dice_is_twice_the_common_voxels_over_those_of_both() -> None:
    first, second = np.array([1, 2, 0, 0], np.uint8), np.array([0, 1, 1, 1], np.uint8)
    assert dice(first, second) == 2 * 1 / (2 + 3)
    assert dice(first, first) == 1.0


def test_two_empty_masks_overlap_wholly_and_one_empty_mask_not_at_all() -> None:
    empty, full = np.zeros(4, np.uint8), np.ones(4, np.uint8)
    assert dice(empty, empty) == 1.0
    assert dice(empty, full) == 0.0
