from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.phantom import domain

COARSE_SHAPE = (92, 118, 104)


def test_refining_keeps_the_coarse_nodes() -> None:
    coarse = np.random.default_rng(0).normal(size=COARSE_SHAPE).astype(np.float32)
    fine = domain.refine(coarse)
    assert fine.shape == domain.SHAPE
    assert np.array_equal(fine[::2, ::2, ::2], coarse)


def test_refining_is_exact_for_a_straight_line() -> None:
    y = np.broadcast_to(domain.axis_mm(1, step=2)[None, :, None], COARSE_SHAPE)
    fine = domain.refine(np.ascontiguousarray(y))
    assert np.allclose(fine[3, :-1, 5], domain.axis_mm(1)[:-1], atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.sampled_from([6.0, 15.0]))
def test_smooth_field_has_unit_size_and_repeats_for_a_seed(seed: int, knot_mm: float) -> None:
    fields = [
        domain.smooth_field(
            np.random.default_rng(seed), shape=(60, 64, 56), step_mm=(2.0,) * 3, knot_mm=knot_mm
        )
        for _ in range(2)
    ]
    assert np.array_equal(fields[0], fields[1])
    assert np.sqrt((fields[0] ** 2).mean()) == pytest.approx(1.0, abs=0.45)


def test_smooth_field_is_smooth() -> None:
    field = domain.smooth_field(
        np.random.default_rng(1), shape=(50, 50, 50), step_mm=(1.0,) * 3, knot_mm=20.0
    )
    assert np.abs(np.diff(field, axis=0)).max() < 0.3
