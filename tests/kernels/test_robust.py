from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from corelab.kernels.robust import modified_z_scores

values = hnp.arrays(
    np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
)


def test_distance_is_counted_in_scaled_median_deviations() -> None:
    # Median 3, absolute deviations 2 1 0 1 97, their median 1.
    scores = modified_z_scores(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))
    assert scores == pytest.approx(np.array([-2, -1, 0, 1, 97]) / 1.482602)


def test_where_most_values_are_equal_the_mean_deviation_counts() -> None:
    # Mean absolute deviation 10 / 5 = 2.
    scores = modified_z_scores(np.array([0.0, 0.0, 0.0, 0.0, 10.0]))
    assert scores == pytest.approx([0, 0, 0, 0, 10 / (2 * 1.253314)])


def test_equal_values_are_no_distance_apart() -> None:
    assert modified_z_scores(np.full(4, 7.0)).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert modified_z_scores(np.zeros(0)).size == 0


@given(values)
def test_scores_keep_the_order_and_the_input(given_values: NDArray[np.float64]) -> None:
    before = given_values.copy()
    scores = modified_z_scores(given_values)
    assert np.isfinite(scores).all()
    assert (np.diff(scores[np.argsort(given_values)]) >= 0).all()
    assert np.array_equal(given_values, before)
