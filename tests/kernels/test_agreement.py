from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.agreement import agreement


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
