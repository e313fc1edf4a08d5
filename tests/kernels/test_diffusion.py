from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.diffusion import (
    adc_scale_to_mm2_s,
    compute_adc,
    geometric_mean,
    unevenness_of,
)


def test_adc_is_the_decay_per_b_value() -> None:
    b0 = np.full((1, 1, 2), 100.0)
    dwi = np.array([[[100.0 * np.exp(-0.8), 50.0]]])
    adc = compute_adc(b0, dwi, 1000)
    np.testing.assert_allclose(adc[0, 0], [0.8e-3, np.log(2) / 1000], rtol=1e-5)
    assert adc.dtype == np.float32


def test_adc_without_signal_is_zero_like_a_scanner_s() -> None:
    b0 = np.array([[[0.0, 100.0, -3.0, 100.0]]])
    dwi = np.array([[[50.0, 0.0, 50.0, -1.0]]])
    assert not compute_adc(b0, dwi, 1000).any()


def test_adc_stays_between_nothing_and_free_water() -> None:
    b0 = np.array([[[50.0, 1e6]]])
    dwi = np.array([[[100.0, 1.0]]])
    np.testing.assert_allclose(compute_adc(b0, dwi, 1000)[0, 0], [0, 4e-3], rtol=1e-6)


@given(adc=st.floats(0.1e-3, 3.5e-3), b=st.floats(500, 1500), s0=st.floats(10, 5000))
def test_adc_comes_back_from_its_own_decay(adc: float, b: float, s0: float) -> None:
    b0 = np.full((1, 1, 1), s0)
    found = compute_adc(b0, b0 * np.exp(-b * adc), b)
    assert found[0, 0, 0] == pytest.approx(adc, rel=1e-3)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("median", [0.62e-3, 0.8e-3, 1.1e-3])
def test_each_usual_unit_is_told_from_the_brain_s_median(scale: float, median: float) -> None:
    brain = np.zeros((4, 4, 4), dtype=bool)
    brain[1:3] = True
    adc = np.where(brain, median, 0) / scale
    assert adc_scale_to_mm2_s(adc, brain) == scale


def test_values_outside_the_brain_and_undefined_ones_do_not_count() -> None:
    brain = np.zeros((4, 4, 4), dtype=bool)
    brain[:2] = True
    adc = np.where(brain, 800.0, 4095.0)
    adc[0] = 0
    adc[1, 0, 0] = np.nan
    assert adc_scale_to_mm2_s(adc, brain) == 1e-6


@pytest.mark.parametrize("value", [30.0, 1e5, 0.0, -800.0, np.nan])
def test_an_unknown_unit_is_refused(value: float) -> None:
    brain = np.ones((3, 3, 3), dtype=bool)
    with pytest.raises(UnfitDataError) as refusal:
        adc_scale_to_mm2_s(np.full((3, 3, 3), value), brain)
    assert refusal.value.reason is ReasonCode.ADC_UNIT_UNKNOWN


def naive_geometric_mean(images: list[np.ndarray]) -> np.ndarray:
    found = np.zeros(images[0].shape)
    for place in np.ndindex(found.shape):
        signals = [float(image[place]) for image in images]
        if min(signals) > 0:
            found[place] = math.prod(signal ** (1 / len(signals)) for signal in signals)
    return found


@given(arrays(np.float32, (4, 2, 3, 2), elements=st.floats(-5, 4000, width=32)))
def test_geometric_mean_is_that_of_each_voxel(images: np.ndarray) -> None:
    found = geometric_mean(iter(images))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, naive_geometric_mean(list(images)), rtol=1e-5, atol=1e-30)


def test_signal_lost_in_one_direction_is_no_trace() -> None:
    images = [np.full((1, 1, 3), 100.0), np.array([[[100.0, 0.0, -2.0]]])]
    np.testing.assert_allclose(geometric_mean(images), [[[100.0, 0.0, 0.0]]])


def test_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        geometric_mean([])


TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / math.sqrt(3)


@pytest.mark.parametrize("directions", [np.eye(3), -np.eye(3), TETRAHEDRON])
def test_even_directions_give_the_trace_of_any_tensor(directions: np.ndarray) -> None:
    assert unevenness_of(directions.tolist()) == pytest.approx(0, abs=1e-12)
    tensor = np.array([[1.7, 0.2, 0.1], [0.2, 0.4, 0.0], [0.1, 0.0, 0.3]]) * 1e-3
    signals = [1000 * np.exp(-1000 * g @ tensor @ g) for g in directions]
    trace = geometric_mean([np.full((1, 1, 1), signal) for signal in signals])
    assert trace[0, 0, 0] == pytest.approx(1000 * np.exp(-1000 * np.trace(tensor) / 3), rel=1e-6)


def test_directions_along_one_axis_are_as_uneven_as_can_be() -> None:
    assert unevenness_of([(0, 0, 1), (0, 0, -1)]) == pytest.approx(2 / 3)
