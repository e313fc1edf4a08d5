from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.across import Across
from corelab.kernels.midline import Midline, side_of
from corelab.kernels.reduction import reduce_mean

SHAPE = (24, 8, 4)
SPACING_MM = (1.0, 1.0, 5.0)


def across_at(index: float) -> Across:
    return Across(SHAPE, SPACING_MM, Midline((1.0, 0.0, 0.0), index * SPACING_MM[0], 0.0))


@pytest.mark.parametrize("step_mm", [1.0, 2.0, 4.0])
def test_a_block_s_mirror_is_the_block_across_on_every_grid(step_mm: float) -> None:
    image = np.zeros(SHAPE, dtype=np.float32)
    image[0:4] = 1
    grid = across_at(11.5).grid((step_mm, step_mm, 5.0))
    _, coarse = grid.reduce(image, np.ones(SHAPE, dtype=bool))
    np.testing.assert_allclose(grid.expand(grid.mirror(coarse)), image[::-1], atol=1e-6)


def test_mean_of_a_block_is_over_its_masked_voxels_only() -> None:
    image = np.full(SHAPE, 9.0, dtype=np.float32)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[0, 0, 0] = True
    image[0, 0, 0] = 5
    share, mean = across_at(11.5).grid((2.0, 2.0, 5.0)).reduce(image, mask)
    assert share[0, 0, 0] == pytest.approx(0.25)
    assert mean[0, 0, 0] == pytest.approx(5)
    assert not mean[1:].any()


def test_thick_slices_are_not_joined() -> None:
    grid = across_at(11.5).grid((2.0, 2.0, 2.0))
    assert grid.factors == (2, 2, 1)
    assert grid.step_mm == (2.0, 2.0, 5.0)


def test_the_plane_of_a_sheared_stack_is_the_same_seen_from_a_coarser_grid() -> None:
    shape, spacing_mm = (16, 16, 12), (1.0, 1.0, 2.0)
    plane = Midline((0.96, -0.2, 0.196), 9.0, 0.0, shear=0.3)
    grid = Across(shape, spacing_mm, plane).grid((2.0, 2.0, 6.0))
    assert grid.factors == (2, 2, 3)
    fine = side_of(plane, shape, spacing_mm)
    coarse = side_of(grid.midline, (8, 8, 4), grid.step_mm)
    np.testing.assert_allclose(coarse, reduce_mean(fine, grid.factors), atol=1e-4)
