from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.reliability import reliability


def test_error_of_two_reads_is_their_difference_over_root_two() -> None:
    ratings_ml = np.array([[10.0, 12.0], [30.0, 28.0], [5.0, 7.0]])

    found = reliability(ratings_ml)

    assert found.sem_ml == pytest.approx(2 / np.sqrt(2))
    assert found.mdc_ml == pytest.approx(1.96 * 2)


def test_reads_of_an_unchanged_infarct_differ_by_less_in_95_of_100() -> None:
    generator = np.random.default_rng(1)
    ratings_ml = generator.gamma(1, 40, (20_000, 1)) + generator.normal(0, 3, (20_000, 2))

    mdc_ml = reliability(ratings_ml).mdc_ml

    assert np.mean(abs(ratings_ml[:, 1] - ratings_ml[:, 0]) < mdc_ml) == pytest.approx(
        0.95, abs=0.005
    )


def test_one_read_tells_nothing() -> None:
    with pytest.raises(ValueError, match="two reads"):
        reliability(np.zeros((4, 1)))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        reliability(np.array([[1.0, np.nan], [2.0, 3.0]]))
