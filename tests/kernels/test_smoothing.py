from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from corelab.kernels.smoothing import gaussian, share_within, smooth_within

SPACING_MM = (1.0, 0.5, 4.0)
images = hnp.arrays(np.int16, (7, 8, 3), elements=st.integers(-1000, 1000))
masks = hnp.arrays(np.bool_, (7, 8, 3), elements=st.booleans())


def naive(
    image: NDArray[np.int16], mask: NDArray[np.bool_], sigma_mm: float
) -> NDArray[np.float64]:
    result = np.zeros(image.shape)
    i, j = np.indices(image.shape[:2])
    for a, b, k in np.ndindex(image.shape):
        di, dj = np.abs(i - a), np.abs(j - b)
        weight = np.exp(
            -0.5 * ((di * SPACING_MM[0]) ** 2 + (dj * SPACING_MM[1]) ** 2) / sigma_mm**2
        )
        weight *= (di <= int(3 * sigma_mm / SPACING_MM[0] + 0.5)) & mask[:, :, k]
        weight *= dj <= int(3 * sigma_mm / SPACING_MM[1] + 0.5)
        if weight.sum() > 0:
            result[a, b, k] = (weight * image[:, :, k]).sum() / weight.sum()
    return result


@given(image=images, mask=masks)
def test_fast_masked_mean_equals_the_naive_one(
    image: NDArray[np.int16], mask: NDArray[np.bool_]
) -> None:
    smoothed = smooth_within(image, mask, sigma_mm=(1.0, 1.0, 0.0), spacing_mm=SPACING_MM)
    inside = mask & (smoothed != 0)
    np.testing.assert_allclose(smoothed[inside], naive(image, mask, 1.0)[inside], atol=0.05)


@given(mask=masks, value=st.integers(-1000, 1000), outside=st.integers(-1000, 1000))
def test_a_constant_stays_constant_whatever_lies_outside(
    mask: NDArray[np.bool_], value: int, outside: int
) -> None:
    image = np.where(mask, value, outside).astype(np.int16)
    smoothed = smooth_within(image, mask, sigma_mm=2.0, spacing_mm=SPACING_MM)
    np.testing.assert_allclose(smoothed[mask], value, rtol=1e-4, atol=1e-2)


@given(image=images, mask=masks)
def test_a_share_known_before_changes_nothing(
    image: NDArray[np.int16], mask: NDArray[np.bool_]
) -> None:
    share = share_within(mask, sigma_mm=2.0, spacing_mm=SPACING_MM)
    at_once = smooth_within(image, mask, sigma_mm=2.0, spacing_mm=SPACING_MM)
    again = smooth_within(image, mask, sigma_mm=2.0, spacing_mm=SPACING_MM, share=share)
    np.testing.assert_array_equal(again, at_once)


@given(image=images)
def test_inputs_stay_unchanged(image: NDArray[np.int16]) -> None:
    before = image.copy()
    gaussian(image, 1.0, spacing_mm=SPACING_MM)
    smooth_within(image, image > 0, sigma_mm=1.0, spacing_mm=SPACING_MM)
    np.testing.assert_array_equal(image, before)


def test_zero_sigma_leaves_an_axis_alone() -> None:
    image = np.zeros((5, 5, 5), dtype=np.float32)
    image[:, :, 2] = 7
    smoothed = gaussian(image, (3.0, 3.0, 0.0), spacing_mm=(1, 1, 1))
    np.testing.assert_allclose(smoothed, image, atol=1e-5)


def test_sigma_is_in_millimetres() -> None:
    image = np.zeros((81, 81, 1), dtype=np.float32)
    image[40, 40] = 1
    smoothed = gaussian(image, (4.0, 4.0, 0.0), spacing_mm=(1.0, 2.0, 5.0))
    along_i = smoothed[:, 40, 0]
    along_j = smoothed[40, :, 0]
    np.testing.assert_allclose(along_i[44] / along_i[40], np.exp(-0.5), rtol=1e-3)
    np.testing.assert_allclose(along_j[42] / along_j[40], np.exp(-0.5), rtol=1e-3)


def test_far_from_the_mask_the_value_is_zero() -> None:
    mask = np.zeros((40, 1, 1), dtype=bool)
    mask[0] = True
    smoothed = smooth_within(np.full(mask.shape, 5), mask, sigma_mm=1.0, spacing_mm=(1, 1, 1))
    np.testing.assert_allclose(smoothed[0, 0, 0], 5, rtol=1e-6)
    assert smoothed[39, 0, 0] == 0
