from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corelab.kernels.midline import find_midline
from corelab.kernels.swelling import swelling_ct
from corelab.kernels.ventricles import Fluid, septum_shift_mm
from corelab.vocab import Hemisphere
from tests.kernels.ct_phantom import Recipe
from tests.kernels.swollen_head import UPRIGHT, Swollen, build


def pose(**turn: float) -> Recipe:
    return dataclasses.replace(UPRIGHT, **turn)  # type: ignore[arg-type]


def shift_mm(recipe: Swollen) -> float | None:
    return swelling_ct(*build(recipe)).midline_shift_mm


@pytest.mark.parametrize("septum_mm", [-12.0, -6.0, 0.0, 6.0, 12.0])
def test_a_septum_is_found_where_it_stands(septum_mm: float) -> None:
    assert shift_mm(Swollen(septum_mm=septum_mm)) == pytest.approx(septum_mm, abs=0.1)


@pytest.mark.parametrize("shear", [-0.45, 0.33])
def test_six_millimetres_are_six_on_a_tilted_grid(shear: float) -> None:
    recipe = Swollen(pose=pose(shear=shear), septum_mm=6.0)
    assert shift_mm(recipe) == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize(
    "turned",
    [
        pose(yaw_deg=12.0, offset_mm=5.0),
        pose(yaw_deg=-12.0, roll_deg=8.0),
        pose(yaw_deg=9.0, roll_deg=-6.0, shear=0.33),
    ],
)
def test_the_pose_of_the_head_does_not_move_the_septum(turned: Recipe) -> None:
    assert shift_mm(Swollen(pose=turned, septum_mm=6.0)) == pytest.approx(6.0, abs=0.6)


@pytest.mark.parametrize("spacing_mm", [(0.5, 0.5, 1.25), (2.0, 2.0, 4.0)])
def test_the_grid_does_not_move_the_septum(spacing_mm: tuple[float, float, float]) -> None:
    shape = tuple(
        round(s * u / n)
        for s, u, n in zip(UPRIGHT.shape, UPRIGHT.spacing_mm, spacing_mm, strict=True)
    )
    recipe = Swollen(pose=Recipe(shape=shape, spacing_mm=spacing_mm), septum_mm=6.0)
    assert shift_mm(recipe) == pytest.approx(6.0, abs=0.5)


@settings(max_examples=10, deadline=None)
@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(-8, 8))
def test_a_mirrored_head_has_the_opposite_shift(
    septum_mm: float, yaw_deg: float, offset_mm: float
) -> None:
    recipe = Swollen(pose=pose(yaw_deg=yaw_deg, offset_mm=offset_mm), septum_mm=septum_mm)
    hu, head = build(recipe)
    mirrored = head._replace(
        brain=head.brain[::-1],
        infarct=head.infarct[::-1],
        blood=head.blood[::-1],
        hemisphere=Hemisphere.LEFT,
    )
    there, back = swelling_ct(hu, head), swelling_ct(hu[::-1], mirrored)
    assert there.midline_shift_mm is not None
    assert back.midline_shift_mm is not None
    # Half a voxel: the walls of this head are drawn in whole voxels.
    assert back.midline_shift_mm == pytest.approx(-there.midline_shift_mm, abs=0.5)


def test_unequal_ventricles_with_a_septum_in_the_middle_are_no_shift() -> None:
    hu, head = build(Swollen())
    middle = hu.shape[0] // 2
    hu[middle + 8 : middle + 20][hu[middle + 8 : middle + 20] < 10] = 30
    assert swelling_ct(hu, head).midline_shift_mm == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 145), (73, 145), (0, 73)], ids=["both", "right", "left"]
)
def test_a_closed_ventricle_leaves_the_shift_missing_and_not_zero(first: int, last: int) -> None:
    hu, head = build(Swollen(septum_mm=6.0))
    hu[first:last][hu[first:last] < 10] = 30
    assert swelling_ct(hu, head).midline_shift_mm is None


def test_one_cavity_without_a_wall_tells_no_shift() -> None:
    hu, head = build(Swollen())
    share = ((hu < 10) | (np.abs(np.arange(145) - 72)[:, None, None] < 2)).astype(np.float32)
    share *= head.brain
    fluid = Fluid(share, share > 0.5)
    plane = find_midline(head.brain, head.spacing_mm)
    assert septum_shift_mm(fluid, head.brain, plane, head.spacing_mm) is None


def test_fluid_at_the_base_is_no_ventricle() -> None:
    hu, head = build(Swollen(septum_mm=6.0))
    low = np.roll(hu, -12, axis=2)
    low[:, :, -12:] = 900
    low[~head.brain] = 900
    low[head.brain & (low == 900)] = 30
    assert swelling_ct(low, head).midline_shift_mm is None


@pytest.mark.parametrize("n_slices", [1, 2, 5])
def test_a_few_slices_below_the_vertex_hold_no_ventricle(n_slices: int) -> None:
    hu, head = build(Swollen(septum_mm=6.0))
    here = np.s_[:, :, 16 : 16 + n_slices]
    few = head._replace(
        brain=head.brain[here],
        infarct=head.infarct[here],
        blood=head.blood[here],
        heights_mm=head.heights_mm[:n_slices],
    )
    assert swelling_ct(hu[here], few).midline_shift_mm is None


def test_one_slice_that_no_neighbour_bears_out_does_not_count() -> None:
    hu, head = build(Swollen(septum_mm=2.0))
    odd = hu[:, :, 15]
    odd[72 - 15 : 72 + 18, 88 - 9 : 88 + 32] = 5.0
    odd[72 + 12 : 72 + 15, 88 - 9 : 88 + 32] = 30.0
    assert swelling_ct(hu, head).midline_shift_mm == pytest.approx(2.0, abs=0.1)


def test_a_cavity_beside_a_ventricle_does_not_make_a_septum() -> None:
    hu, head = build(Swollen(septum_mm=0.0))
    hu[72 - 45 : 72 - 23, 88 - 10 : 88 + 32, 13:18] = 5.0
    assert swelling_ct(hu, head).midline_shift_mm == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(("n_slices", "is_told"), [(1, False), (2, True)])
def test_a_wall_in_one_slice_is_no_septum(n_slices: int, *, is_told: bool) -> None:
    hu, head = build(Swollen(septum_mm=6.0))
    low = hu.copy()
    low[:, :, : 15 - n_slices][low[:, :, : 15 - n_slices] == 5] = 30
    low[:, :, 15:][low[:, :, 15:] == 5] = 30
    assert (swelling_ct(low, head).midline_shift_mm is not None) is is_told
