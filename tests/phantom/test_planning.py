from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.planning import (
    MrSlices,
    base_ct_grid,
    ct_grid,
    lying,
    mr_grid,
    slices_kept,
    two_step_ct_grid,
)
from corelab.phantom.sampling import AcquisitionGrid
from corelab.phantom.tissue import Tissue

Planner = Callable[[Head, np.random.Generator], AcquisitionGrid]


def tilted(head: Head, rng: np.random.Generator) -> AcquisitionGrid:
    return ct_grid(head, rng, tilt_deg=18.0)


@pytest.mark.parametrize("planner", [ct_grid, tilted, two_step_ct_grid, mr_grid])
def test_every_plan_covers_the_brain(head: Head, planner: Planner) -> None:
    grid = planner(head, np.random.default_rng(1))
    cerebrum = (head.fraction(Tissue.WHITE)[::2, ::2, ::2] > 0.5) & (head.atlas_mm[2] > -55)
    nodes = np.argwhere(cerebrum) * 2 + np.array(domain.ORIGIN_MM)
    back = np.linalg.inv(grid.pose)
    seen = nodes @ back[:3, :3].T + back[:3, 3]
    heights = seen @ grid.frame.normal
    ends = [grid.frame.slice_origin_mm(k) @ grid.frame.normal for k in (0, grid.shape[2] - 1)]
    assert ends[0] - grid.thickness_mm[0] / 2 < heights.min()
    assert ends[1] + grid.thickness_mm[-1] / 2 > heights.max()


def test_uneven_slices_abut(head: Head) -> None:
    grid = two_step_ct_grid(head, np.random.default_rng(1))
    assert grid.slice_positions_mm is not None
    gaps = np.diff(grid.slice_positions_mm)
    assert np.allclose(gaps, (grid.thickness_mm[1:] + grid.thickness_mm[:-1]) / 2)
    assert set(grid.thickness_mm) == {4.0, 7.0}


def test_a_tilted_plan_abuts_along_the_normal(head: Head) -> None:
    grid = tilted(head, np.random.default_rng(1))
    assert grid.frame.slab_heights_mm[0] == pytest.approx(5.0)


def test_the_base_lies_as_the_other_grid(head: Head) -> None:
    rng = np.random.default_rng(1)
    grid = ct_grid(head, rng)
    base = base_ct_grid(grid, rng)
    assert np.array_equal(base.pose, grid.pose)
    assert base.shape[2] == 3


@pytest.mark.parametrize("planner", [tilted, two_step_ct_grid])
def test_kept_slices_stay_where_they_were(head: Head, planner: Planner) -> None:
    grid = planner(head, np.random.default_rng(1))
    cut = slices_kept(grid, 4, 15)
    assert cut.shape[2] == 11
    for k in range(11):
        assert np.allclose(cut.frame.slice_origin_mm(k), grid.frame.slice_origin_mm(k + 4))


def test_a_field_of_one_slice_is_refused(head: Head) -> None:
    grid = tilted(head, np.random.default_rng(1))
    with pytest.raises(ValueError, match="keeps none"):
        slices_kept(grid, 4, 5)


def test_slices_and_pose_are_as_told(head: Head) -> None:
    pose = lying((8.0, -5.0, 15.0), (3.0, 0.0, -4.0))
    slices = MrSlices(matrix=128, field_mm=224.0, thickness_mm=4.0, step_mm=4.5)
    grid = mr_grid(head, np.random.default_rng(1), slices=slices, pose=pose)
    assert grid.frame.spacing_mm == pytest.approx((1.75, 1.75, 4.5))
    assert np.array_equal(grid.pose, pose)
