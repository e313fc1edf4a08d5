from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.kernels.solidity import share_that_keeps, surroundings

SPACING_MM = (1.0, 1.0, 3.0)
SHAPE = (72, 72, 12)
WHOLE = np.ones(SHAPE, dtype=bool)
MIDDLE = np.s_[36, 36, 6]


def a_cube(half_mm: float) -> NDArray[np.bool_]:
    places = [
        (i - n // 2) * s for i, n, s in zip(np.indices(SHAPE), SHAPE, SPACING_MM, strict=True)
    ]
    return np.asarray(np.max(np.abs(places), axis=0) <= half_mm)


def a_half_space() -> NDArray[np.bool_]:
    half = np.zeros(SHAPE, dtype=bool)
    half[:36] = True
    return half


def test_half_of_what_surrounds_a_flat_border_is_inside() -> None:
    near = surroundings(a_half_space(), WHOLE, spacing_mm=SPACING_MM)
    assert near[35:37, 36, 6].mean() == pytest.approx(0.5, abs=0.02)
    assert near[2, 36, 6] > 0.98
    assert near[70, 36, 6] < 0.02


def test_less_than_half_of_what_surrounds_a_bulging_border_is() -> None:
    near = surroundings(a_cube(12), WHOLE, spacing_mm=SPACING_MM)
    assert near[48, 48, 6] < 0.35


def test_what_is_not_fit_has_no_say() -> None:
    mask = a_half_space()
    near = surroundings(mask, mask, spacing_mm=SPACING_MM)
    assert near[30:36].min() == pytest.approx(1.0, abs=1e-5)


def test_slices_have_a_say_too() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, 6] = True
    near = surroundings(mask, WHOLE, spacing_mm=SPACING_MM)
    assert near[36, 36, 6] > near[36, 36, 7] > near[36, 36, 8] > 0


def test_a_larger_region_is_seen_from_further_away() -> None:
    near = [surroundings(a_cube(half), WHOLE, spacing_mm=SPACING_MM) for half in (6, 16)]
    assert near[1][36 + 16 + 8, 36, 6] > near[0][36 + 6 + 8, 36, 6] + 0.02


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.95))
def test_as_many_places_lie_above_the_kept_share_as_the_region_has(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    mask, fit = rng.random((2, 12, 12, 4)) < share
    near = rng.random((12, 12, 4)).astype(np.float32)
    kept = share_that_keeps(mask, fit, near)
    count = np.count_nonzero(mask & fit)
    above, from_it = np.count_nonzero(near[fit] > kept), np.count_nonzero(near[fit] >= kept)
    assert above <= count <= from_it or count == above == 0


def test_nothing_is_above_the_share_that_keeps_nothing() -> None:
    nothing = np.zeros(SHAPE, dtype=bool)
    near = surroundings(nothing, WHOLE, spacing_mm=SPACING_MM)
    assert not (near > share_that_keeps(nothing, WHOLE, near)).any()
