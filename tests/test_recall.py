"""What a case asks for twice is worked out once, and never for another case."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.recall import recalled, recalling

calls: list[float] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


@recalled(last=2)
def total(values: NDArray[np.float64], *, scale: float = 1.0) -> NDArray[np.float64]:
    calls.append(scale)
    return np.array([values.sum() * scale])


def test_equal_arrays_are_summed_once() -> None:
    with recalling():
        first, second = total(np.arange(6.0)), total(np.arange(6.0))
    assert first is second
    assert len(calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        np.arange(1.0, 7.0),
        np.arange(6.0).reshape(2, 3),
        np.arange(6.0).astype(np.float32),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ],
    ids=["values", "shape", "type", "order of memory"],
)
def test_an_array_that_differs_is_another(other: NDArray[np.float64]) -> None:
    with recalling():
        total(np.arange(6.0))
        total(other)
    assert len(calls) == 2


def test_a_number_beside_the_array_counts() -> None:
    with recalling():
        total(np.arange(6.0), scale=2.0)
        total(np.arange(6.0), scale=3.0)
    assert calls == [2.0, 3.0]


def test_nothing_is_kept_for_the_next_case() -> None:
    for _ in range(2):
        with recalling():
            total(np.arange(6.0))
    total(np.arange(6.0))
    total(np.arange(6.0))
    assert len(calls) == 4


def test_only_the_last_results_are_kept() -> None:
    with recalling():
        for scale in (1.0, 2.0, 3.0, 3.0, 2.0, 1.0):
            total(np.arange(6.0), scale=scale)
    assert calls == [1.0, 2.0, 3.0, 1.0]


def test_an_error_is_not_kept() -> None:
    @recalled(last=1)
    def failing(value: int) -> int:
        calls.append(value)
        raise ValueError(value)

    with recalling():
        for _ in range(2):
            with pytest.raises(ValueError, match="1"):
                failing(1)
    assert len(calls) == 2
