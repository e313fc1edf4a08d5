"""What stands out of a slice's values: drawn text does, the peak of its tissue does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.drawn_value import drawn_values

WHITE_HU, N_LETTERS = 200, 300


def ct_slice(noise_hu: float) -> NDArray[np.int16]:
    """Air around a disc of brain, grey and white matter, and a ring of bone."""
    rng = np.random.default_rng(7)
    away = np.hypot(*(np.indices((256, 256)) - 128))
    hu = np.full(away.shape, -1000.0)
    hu[away < 110] = 900 + 200 * rng.random(np.count_nonzero(away < 110))
    hu[away < 100] = np.where(rng.random(np.count_nonzero(away < 100)) < 0.6, 38.0, 30.0)
    return np.round(hu + rng.normal(0, noise_hu, hu.shape)).astype(np.int16)


@pytest.mark.parametrize("noise_hu", [2.5, 4.0, 6.0])
def test_the_peak_of_tissue_is_no_drawn_value(noise_hu: float) -> None:
    assert not drawn_values(ct_slice(noise_hu))


@pytest.mark.parametrize("noise_hu", [2.5, 4.0, 6.0])
def test_a_value_that_a_few_hundred_pixels_hold_above_tissue_is_drawn(noise_hu: float) -> None:
    hu = ct_slice(noise_hu)
    hu[5:15, 5:35] = WHITE_HU
    assert drawn_values(hu) == [WHITE_HU]


def test_few_steps_of_noise_are_no_drawn_values() -> None:
    magnitude = np.hypot(*np.random.default_rng(3).normal(0, 3.5, (2, 256, 256)))
    drawn = drawn_values(np.round(magnitude).astype(np.float32))
    assert not [value for value in drawn if value < magnitude.max() / 2]


def test_text_far_above_an_image_of_few_values_is_drawn() -> None:
    magnitude = np.hypot(*np.random.default_rng(5).normal(0, 1.2, (2, 96, 96)))
    values = np.round(magnitude).astype(np.float32)
    values[40:48, 20:60] = 500
    values[10:14, 10:14] = 4000
    assert drawn_values(values) == [500, 4000]
