from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.tissue_ct import even_slices, pixel_noise_hu, sort_tissue

SPACING_MM = (1.0, 1.0, 5.0)
SHAPE = (60, 60, 3)


def a_brain(level_hu: float = 33.0) -> tuple[np.ndarray, np.ndarray]:
    brain = np.zeros(SHAPE, dtype=bool)
    brain[5:55, 5:55] = True
    image = np.where(brain, level_hu, -20).astype(np.float32)
    return image, brain


def test_ventricles_are_wide_fluid_and_sulci_are_not() -> None:
    image, brain = a_brain()
    image[18:34, 18:42, 1] = 6
    image[45, 10:50, 1] = 2
    tissue = sort_tissue(image, brain, SPACING_MM)
    assert tissue.wide_fluid[26, 30, 1]
    assert not tissue.wide_fluid[45, 30, 1]
    assert tissue.weight[26, 30, 1] == 0
    assert tissue.fluid_hu == pytest.approx(6, abs=0.3)


def test_only_clean_parenchyma_has_full_weight() -> None:
    image, brain = a_brain()
    image[25:35, 25:35, 1] = 65
    tissue = sort_tissue(image, brain, SPACING_MM)
    assert tissue.bright[30, 30, 1]
    assert tissue.weight[30, 30, 1] == 0
    assert tissue.weight[23, 30, 1] == 0
    assert tissue.weight[15, 15, 1] == 1
    assert tissue.weight[6, 30, 1] < 0.1
    assert tissue.weight[2, 2, 1] == 0


def test_without_ventricles_fluid_has_its_textbook_density() -> None:
    assert sort_tissue(*a_brain(), SPACING_MM).fluid_hu == 8


def test_slices_are_brought_to_one_level() -> None:
    image, brain = a_brain()
    image[:, :, 2] += np.float32(4) * brain[:, :, 2]
    relative = even_slices(sort_tissue(image, brain, SPACING_MM), np.ones(SHAPE, dtype=bool))
    np.testing.assert_allclose(relative[20:40, 20:40], 1, atol=1e-3)


def test_levels_come_from_healthy_tissue_only() -> None:
    image, brain = a_brain()
    image[5:40, 5:55] = 20
    healthy = np.ones(SHAPE, dtype=bool)
    healthy[:42] = False
    relative = even_slices(sort_tissue(image, brain, SPACING_MM), healthy)
    assert relative[48, 30, 1] == pytest.approx(1, abs=0.01)
    assert relative[20, 30, 1] == pytest.approx(20 / 33, abs=0.01)


def test_noise_is_told_slice_by_slice() -> None:
    image, brain = a_brain()
    image += np.random.default_rng(5).normal(0, 1, SHAPE) * np.array([2, 4, 8])
    noise = pixel_noise_hu(image, sort_tissue(image, brain, SPACING_MM))
    assert noise[1] / noise[0] == pytest.approx(2, rel=0.15)
    assert noise[2] / noise[1] == pytest.approx(2, rel=0.15)


def test_a_slice_without_parenchyma_has_no_noise_to_tell() -> None:
    image, brain = a_brain()
    brain[:, :, 0] = False
    noise = pixel_noise_hu(image, sort_tissue(image, brain, SPACING_MM))
    assert np.isnan(noise[0])
    assert np.isfinite(noise[1:]).all()
