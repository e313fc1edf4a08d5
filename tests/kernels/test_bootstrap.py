from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.bootstrap import bootstrap


def test_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(10, 2, 400)

    found = bootstrap(values, lambda drawn: float(drawn.mean()))

    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)


def test_the_same_cases_give_the_same_interval() -> None:
    values = np.arange(30.0)

    first, second = (bootstrap(values, lambda drawn: float(np.median(drawn))) for _ in range(2))

    assert first == second


def test_reads_of_one_case_stay_together() -> None:
    pairs = np.stack([np.arange(20.0), np.arange(20.0)], axis=1)

    found = bootstrap(pairs, lambda drawn: float(abs(drawn[:, 1] - drawn[:, 0]).max()))

    assert found == (0, 0, 0)


def test_draws_without_a_value_are_left_out() -> None:
    values = np.array([1.0, 1.0, 2.0])

    found = bootstrap(values, lambda drawn: float(drawn.std()) or float("nan"))

    assert found.low > 0


def test_rows_of_one_case_are_drawn_together() -> None:
    values = np.random.default_rng(1).normal(0, 1, 40)
    cases = np.repeat(np.arange(40), 3)

    thrice = bootstrap(np.repeat(values, 3), lambda drawn: float(drawn.mean()), cases)

    assert thrice == pytest.approx(bootstrap(values, lambda drawn: float(drawn.mean())))
