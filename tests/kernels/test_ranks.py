"""Ranks are numpy's own, bit for bit: masks rest on comparisons with them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from corelab.kernels.ranks import median, percentile, percentiles

FLOATS = st.sampled_from([np.float32, np.float64]).flatmap(
    lambda kind: arrays.arrays(
        kind,
        arrays.array_shapes(min_dims=1, max_dims=3, max_side=9),
        elements={"allow_nan": False, "allow_infinity": False, "min_value": -1e6, "max_value": 1e6},
    )
)
WHOLE = st.sampled_from([np.int16, np.uint8, np.int32]).flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=1, max_dims=3, max_side=9))
)


@given(st.one_of(FLOATS, WHOLE), st.sampled_from("CF"))
def test_a_median_is_numpys(values: NDArray[np.generic], order: str) -> None:
    laid = np.asarray(values, order=order)  # type: ignore[call-overload]  # one of two letters
    found, expected = median(laid), np.median(values)
    assert found == expected
    assert found.dtype == expected.dtype


@given(FLOATS, st.floats(0, 100))
def test_a_percentile_is_numpys(values: NDArray[np.floating], percent: float) -> None:
    found, expected = percentile(values, percent), np.percentile(values, percent)
    assert found == expected
    assert found.dtype == expected.dtype


@given(FLOATS, st.lists(st.floats(0, 100), min_size=1, max_size=3))
def test_several_percentiles_are_numpys(
    values: NDArray[np.floating], percents: list[float]
) -> None:
    found, expected = percentiles(values, percents), np.percentile(values, percents)
    assert found == expected.tolist()


@pytest.mark.parametrize("percent", [0, 30, 49.9, 50, 50.1, 99, 100])
@pytest.mark.parametrize("cleared", [10, 50, 99, 100, 101])
def test_a_cleared_background_moves_no_rank(cleared: int, percent: float) -> None:
    values = np.arange(1, 202, dtype=np.float32)
    values[:cleared] = 0
    assert percentile(values, percent) == np.percentile(values, percent)
    assert median(values) == np.median(values)


def test_the_median_of_four_lies_between_the_two_in_the_middle() -> None:
    assert median(np.array([7, 1, 3, 9], dtype=np.int16)) == 5.0


@pytest.mark.parametrize("size", [4, 5])
def test_what_is_no_number_makes_no_median(size: int) -> None:
    values = np.arange(size, dtype=np.float32)
    values[1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(median(values))
