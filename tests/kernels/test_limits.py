from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.limits import Scale, limits_of_agreement, on_scale

# Bland and Altman, Lancet 1986;1:307, table 1, first measurements: peak flow by two meters, l/min.
LARGE = np.array(
    [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0]
)
MINI = np.array(
    [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0]
)


def test_bias_spread_and_interval_are_the_published_worked_example() -> None:
    found = limits_of_agreement(MINI, LARGE)

    assert found.bias.value == pytest.approx(-2.1, abs=0.05)
    assert found.spread == pytest.approx(38.8, abs=0.05)
    assert found.bias[1:] == pytest.approx((-22.0, 17.8), abs=0.1)


def test_interval_of_a_limit_is_wider_than_that_of_the_bias_by_the_published_factor() -> None:
    found = limits_of_agreement(MINI, LARGE)

    # Bland and Altman 1999: about 1.71 times, for many cases.
    ratio = (found.lower.high - found.lower.low) / (found.bias.high - found.bias.low)
    assert ratio == pytest.approx(1.71, abs=0.05)


def test_a_constant_ratio_is_a_constant_difference_of_logarithms() -> None:
    first_ml = np.array([9.0, 49.0, 99.0, 199.0])
    second_ml = (first_ml + 1) * 1.2 - 1

    found = limits_of_agreement(first_ml, second_ml, Scale.LOG)

    assert np.exp(found.bias.value) == pytest.approx(1.2)
    assert found.spread == pytest.approx(0, abs=1e-12)


def test_zero_has_a_place_on_every_scale() -> None:
    volumes_ml = np.array([0.0, 8.0])

    assert on_scale(volumes_ml, Scale.CUBE_ROOT) == pytest.approx([0, 2])
    assert on_scale(volumes_ml, Scale.LOG) == pytest.approx([0, np.log(9)])


def test_a_negative_volume_has_no_logarithm() -> None:
    with pytest.raises(ValueError, match="not negative"):
        limits_of_agreement(np.array([1.0, -0.5, 3.0]), np.ones(3), Scale.LOG)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        limits_of_agreement(np.array([1.0, np.nan, 3.0]), np.ones(3))


def test_two_cases_are_too_few() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        limits_of_agreement(np.zeros(2), np.zeros(2))
