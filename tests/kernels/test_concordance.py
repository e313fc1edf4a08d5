from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.kernels.concordance import concordance, kappa


def judgements(
    both: int, first_only: int, second_only: int, neither: int
) -> tuple[np.ndarray, np.ndarray]:
    first = [True] * (both + first_only) + [False] * (second_only + neither)
    second = [True] * both + [False] * first_only + [True] * second_only + [False] * neither
    return np.array(first), np.array(second)


def test_kappa_of_the_textbook_table() -> None:
    # Two readers, 50 proposals: 20 both yes, 5 and 10 split, 15 both no: 0.4.
    assert kappa(*judgements(20, 5, 10, 15)).value == pytest.approx(0.4)


@pytest.mark.parametrize("counts", [(20, 5, 10, 15), (40, 1, 2, 3), (3, 9, 8, 4)])
def test_kappa_and_its_interval_are_those_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    peer = pytest.importorskip("statsmodels.stats.inter_rater", reason="statsmodels is absent")
    both, first_only, second_only, neither = counts
    theirs = peer.cohens_kappa(np.array([[neither, second_only], [first_only, both]]))

    found = kappa(*judgements(*counts))

    assert found.value == pytest.approx(theirs.kappa)
    assert found.low == pytest.approx(theirs.kappa_low)
    assert found.high == pytest.approx(min(theirs.kappa_upp, 1))


def test_kappa_is_undefined_where_nobody_ever_says_no() -> None:
    assert np.isnan(kappa(*judgements(9, 0, 0, 0)).value)


@pytest.mark.parametrize("counts", [(9, 0, 0, 4), (0, 0, 1, 8), (5, 4, 0, 0)])
def test_kappa_has_no_interval_where_its_error_is_zero(counts: tuple[int, int, int, int]) -> None:
    found = kappa(*judgements(*counts))

    assert found.value == pytest.approx(1 if counts[0] == 9 else 0)
    assert np.isnan(found.low)


def test_a_shift_lowers_concordance_but_not_correlation() -> None:
    volumes_ml = np.array([1.0, 12.0, 30.0, 80.0])

    assert concordance(volumes_ml, volumes_ml).value == pytest.approx(1)
    shifted = concordance(volumes_ml, volumes_ml + 20).value
    # 2 s^2 / (2 s^2 + 20^2), s^2 over n
    assert shifted == pytest.approx(2 * volumes_ml.var() / (2 * volumes_ml.var() + 400))


@given(st.integers(0, 500))
def test_concordance_lies_in_its_interval_and_never_above_the_correlation(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first = generator.gamma(1, 40, 25)
    second = first * 1.1 + generator.normal(0, 12, 25)

    found = concordance(first, second)

    assert found.low < found.value < found.high
    assert found.value <= np.corrcoef(first, second)[0, 1] + 1e-12


def test_interval_of_concordance_covers_the_truth_in_95_of_100() -> None:
    generator = np.random.default_rng(3)
    truth = 2 * 0.9 / (2 + 0.3**2)  # unit variances, correlation 0.9, shift 0.3
    hits = 0
    for _ in range(600):
        pairs = generator.multivariate_normal([0, 0.3], [[1, 0.9], [0.9, 1]], 60)
        found = concordance(pairs[:, 0], pairs[:, 1])
        hits += found.low <= truth <= found.high
    assert hits / 600 == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize("n", [3, 7, 13])
def test_the_same_volume_everywhere_is_no_concordance(n: int) -> None:
    assert np.isnan(concordance(np.full(n, 0.1), np.full(n, 0.1))).all()


@pytest.mark.parametrize("unit", [1.0, 0.1])
def test_a_constant_difference_has_the_same_interval_in_every_unit(unit: float) -> None:
    volumes = np.array([1.0, 2.0, 7.0, 13.0]) * unit

    found = concordance(volumes, volumes + unit)

    # Where the correlation is 1, Lin's variance of z is 2 value^2 / (1 + value)^2 / (n - 2).
    value = 2 * 22.6875 / (2 * 22.6875 + 1)
    half = 1.959964 * np.sqrt(2 / 2) * value / (1 + value)
    ends = np.tanh(np.arctanh(value) + np.array([-half, half]))
    assert found == pytest.approx((value, *ends))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        concordance(np.array([1.0, np.nan, 3.0]), np.ones(3))


def test_two_cases_are_too_few() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        concordance(np.zeros(2), np.zeros(2))
