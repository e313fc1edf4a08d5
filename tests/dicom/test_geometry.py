from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.dicom.frame import Plane
from corelab.dicom.geometry import same_orientation, stack_grid
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Grid
from corelab.volume import Volume

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ROWS, COLUMNS = 8, 10


def plane(
    position: tuple[float, ...],
    *,
    orientation: tuple[float, ...] = AXIAL,
    spacing: tuple[float, ...] = (0.5, 0.4),
    thickness: float | None = 5.0,
) -> Plane:
    return Plane(
        position_mm=position, orientation=orientation, spacing_mm=spacing, thickness_mm=thickness
    )


def grid_of(planes: list[Plane]) -> Grid:
    return stack_grid(planes, rows=ROWS, columns=COLUMNS)[0]


def upright(heights: list[float], thickness: float | None = 5.0) -> list[Plane]:
    return [plane((-10.0, -20.0, height), thickness=thickness) for height in heights]


def tilted(angle_deg: float, table_steps: list[float]) -> list[Plane]:
    """Gantry tilt: the planes lean, the table moves straight up."""
    angle = math.radians(angle_deg)
    orientation = (1.0, 0.0, 0.0, 0.0, math.cos(angle), -math.sin(angle))
    return [plane((-10.0, -20.0, height), orientation=orientation) for height in table_steps]


def volume_of(grid: Grid) -> Volume:
    positions = grid.slice_positions_mm
    return Volume(
        data=np.zeros(grid.shape, np.int16),
        affine=np.array(grid.affine),
        slice_positions_mm=None if positions is None else np.array(positions),
    )


def voxel_mm(planes: list[Plane], order: tuple[int, ...], ijk: NDArray[np.int_]) -> list[float]:
    """The equation of PS3.3 C.7.6.2.1.1 written out, turned to RAS."""
    slice_ = planes[order[int(ijk[2])]]
    between_rows, between_columns = slice_.spacing_mm
    world = [
        slice_.position_mm[axis]
        + slice_.orientation[axis] * between_columns * float(ijk[0])
        + slice_.orientation[3 + axis] * between_rows * float(ijk[1])
        for axis in range(3)
    ]
    return [-world[0], -world[1], world[2]]


def refusal_of(planes: list[Plane]) -> UnfitDataError:
    with pytest.raises(UnfitDataError) as caught:
        grid_of(planes)
    return caught.value


def test_upright_stack_has_the_affine_written_by_hand() -> None:
    grid = grid_of(upright([30.0, 35.0, 40.0]))
    assert grid.shape == (COLUMNS, ROWS, 3)
    assert grid.affine == (
        (-0.4, 0.0, 0.0, 10.0),
        (0.0, -0.5, 0.0, 20.0),
        (0.0, 0.0, 5.0, 30.0),
        (0.0, 0.0, 0.0, 1.0),
    )
    assert grid.slice_positions_mm is None
    assert grid.slice_spacing_mm == 5.0
    assert grid.tilt_deg == 0.0
    assert grid.coverage_mm == 15.0


def test_cube_of_voxels_has_its_true_volume() -> None:
    volume = volume_of(grid_of(upright([0.0, 5.0, 10.0, 15.0])))
    assert volume.voxel_volumes_mm3 == pytest.approx([0.4 * 0.5 * 5.0] * 4)


@pytest.mark.parametrize("angle_deg", [-18.5, 14.0, 25.0])
def test_tilted_stack_keeps_true_volume(angle_deg: float) -> None:
    grid = grid_of(tilted(angle_deg, [0.0, 5.0, 10.0, 15.0]))
    height = 5.0 * math.cos(math.radians(angle_deg))
    assert grid.tilt_deg == pytest.approx(abs(angle_deg))
    assert grid.slice_spacing_mm == pytest.approx(height)
    assert volume_of(grid).voxel_volumes_mm3 == pytest.approx([0.4 * 0.5 * height] * 4)
    assert np.array(grid.affine)[:3, 2] == pytest.approx([0.0, 0.0, 5.0])


@given(
    angle_deg=st.floats(-30, 30),
    step_mm=st.floats(0.5, 10),
    n_slices=st.integers(3, 40),
    voxel=st.tuples(st.integers(0, COLUMNS - 1), st.integers(0, ROWS - 1), st.integers(0, 2)),
)
@settings(deadline=None)
def test_every_voxel_lies_where_the_standard_puts_it(
    angle_deg: float, step_mm: float, n_slices: int, voxel: tuple[int, int, int]
) -> None:
    planes = tilted(angle_deg, [step_mm * k for k in range(n_slices)][::-1])
    grid, order = stack_grid(planes, rows=ROWS, columns=COLUMNS)
    world = np.array(grid.affine) @ [*voxel, 1]
    assert world[:3] == pytest.approx(voxel_mm(planes, order, np.array(voxel)), abs=1e-6)
    assert abs(np.linalg.det(np.array(grid.affine)[:3, :3])) == pytest.approx(
        0.4 * 0.5 * step_mm * math.cos(math.radians(angle_deg))
    )


@given(order=st.permutations(range(7)))
@settings(deadline=None)
def test_order_of_slices_changes_nothing(order: list[int]) -> None:
    planes = tilted(12.0, [0.0, 4.0, 8.0, 9.0, 16.0, 23.0, 30.0])
    thick = [4.0, 4.0, 4.0, 7.0, 7.0, 7.0, 7.0]
    planes = [
        plane(p.position_mm, orientation=p.orientation, thickness=t)
        for p, t in zip(planes, thick, strict=True)
    ]
    shuffled = [planes[index] for index in order]
    grid, places = stack_grid(shuffled, rows=ROWS, columns=COLUMNS)
    assert grid == grid_of(planes)
    assert [shuffled[index] for index in places] == planes


def test_head_first_and_feet_first_give_the_same_k() -> None:
    assert grid_of(upright([0.0, 5.0, 10.0])) == grid_of(upright([10.0, 5.0, 0.0]))


def test_uneven_slabs_are_summed_half_way_to_both_neighbours() -> None:
    heights = [0.0, 4.0, 8.0, 9.0, 16.0, 23.0]
    thick = [4.0, 4.0, 4.0, 7.0, 7.0, 7.0]
    planes = [
        plane((0.0, 0.0, height), thickness=thickness)
        for height, thickness in zip(heights, thick, strict=True)
    ]
    grid = grid_of(planes)
    assert grid.slice_positions_mm == (0.0, 4.0, 8.0, 9.0, 16.0, 23.0)
    slabs = [4.0, 4.0, 2.5, 4.0, 7.0, 7.0]
    assert volume_of(grid).slab_heights_mm == pytest.approx(slabs)
    assert grid.coverage_mm == pytest.approx(sum(slabs))


def test_uneven_and_tilted_slices_stand_where_the_headers_say() -> None:
    planes = [
        plane(p.position_mm, orientation=p.orientation, thickness=t)
        for p, t in zip(
            tilted(18.5, [0.0, 4.2, 8.4, 9.5, 16.9, 24.3]), [4, 4, 4, 7, 7, 7], strict=True
        )
    ]
    volume = volume_of(grid_of(planes))
    for k, slice_ in enumerate(planes):
        x, y, z = slice_.position_mm
        assert volume.slice_origin_mm(k) == pytest.approx([-x, -y, z], abs=1e-9)


def test_rounding_noise_is_even() -> None:
    assert grid_of(upright([0.0, 5.02, 9.99, 15.0])).slice_positions_mm is None


def test_drift_beyond_the_tolerance_keeps_each_position() -> None:
    grid = grid_of(upright([0.0, 5.0, 10.0, 15.3]))
    assert grid.slice_positions_mm == (0.0, 5.0, 10.0, 15.3)


def test_regular_gaps_between_thin_slices_are_even() -> None:
    assert grid_of(upright([0.0, 5.0, 10.0, 15.0], thickness=4.0)).slice_positions_mm is None


def test_overlapping_slices_use_their_positions() -> None:
    assert grid_of(upright([0.0, 3.0, 6.0, 9.0], thickness=6.0)).slice_spacing_mm == 3.0


@pytest.mark.parametrize("thickness", [5.0, None, 10.0])
def test_gap_of_a_lost_slice_is_refused_in_numbers(thickness: float | None) -> None:
    error = refusal_of(upright([0.0, 5.0, 10.0, 20.0], thickness=thickness))
    assert error.reason is ReasonCode.MISSING_SLICE
    assert "gap of 10.0 mm between slices 3 and 4" in error.message


def test_gap_inside_the_thin_block_of_two_blocks_is_refused() -> None:
    heights = [0.0, 4.0, 12.0, 16.0, 20.0, *(27.0 + 7 * k for k in range(20))]
    thick = [4.0] * 5 + [7.0] * 20
    planes = [plane((0.0, 0.0, z), thickness=t) for z, t in zip(heights, thick, strict=True)]
    assert refusal_of(planes).reason is ReasonCode.MISSING_SLICE


def test_gap_where_thickness_changes_is_refused() -> None:
    heights = [0.0, 4.0, 8.0, 24.0, 31.0, 38.0]
    thick = [4.0] * 3 + [7.0] * 3
    planes = [plane((0.0, 0.0, z), thickness=t) for z, t in zip(heights, thick, strict=True)]
    assert refusal_of(planes).reason is ReasonCode.MISSING_SLICE


@given(lost=st.integers(1, 10), step_mm=st.floats(0.6, 10), overlap=st.floats(1, 2))
@settings(deadline=None)
def test_any_lost_inner_slice_is_refused(lost: int, step_mm: float, overlap: float) -> None:
    heights = [k * step_mm for k in range(12) if k != lost]
    error = refusal_of(upright(heights, thickness=step_mm * overlap))
    assert error.reason is ReasonCode.MISSING_SLICE


def test_two_slices_at_one_position_are_refused() -> None:
    error = refusal_of(upright([0.0, 5.0, 5.0, 10.0]))
    assert error.reason is ReasonCode.DUPLICATE_POSITION
    assert error.message == "4 slices at 3 positions"


def test_one_slice_is_too_few() -> None:
    assert refusal_of(upright([0.0])).reason is ReasonCode.TOO_FEW_SLICES


def test_two_slices_have_the_spacing_of_their_positions() -> None:
    grid, order = stack_grid(upright([7.0, 0.0]), rows=6, columns=4)
    assert order == (1, 0)
    assert grid.shape == (4, 6, 2)
    assert grid.slice_spacing_mm == pytest.approx(7.0)
    assert grid.slice_positions_mm is None


def test_slices_that_shift_sideways_are_refused() -> None:
    planes = [plane((0.3 * (k % 2), 0.0, 5.0 * k)) for k in range(6)]
    assert refusal_of(planes).reason is ReasonCode.POSITIONS_NOT_A_LINE


@pytest.mark.parametrize(
    ("spacing", "reason"),
    [
        ((), ReasonCode.GEOMETRY_ABSENT),
        ((math.nan, math.nan), ReasonCode.SPACING_INVALID),
        ((0.0, 0.5), ReasonCode.SPACING_INVALID),
        ((0.5, -0.5), ReasonCode.SPACING_INVALID),
        ((0.5,), ReasonCode.SPACING_INVALID),
        ((math.inf, 0.5), ReasonCode.SPACING_INVALID),
    ],
)
def test_spacing_that_is_no_spacing_is_refused(
    spacing: tuple[float, ...], reason: ReasonCode
) -> None:
    planes = [plane((0.0, 0.0, 5.0 * k), spacing=spacing) for k in range(4)]
    assert refusal_of(planes).reason is reason


def test_spacing_that_changes_inside_a_stack_is_refused() -> None:
    planes = upright([0.0, 5.0, 10.0])
    planes[1] = plane((-10.0, -20.0, 5.0), spacing=(0.5, 0.45))
    assert refusal_of(planes).reason is ReasonCode.MIXED_MATRIX


@pytest.mark.parametrize(
    ("position", "orientation"),
    [
        ((), AXIAL),
        ((0.0, math.nan, 0.0), AXIAL),
        ((0.0, 0.0, 1e30), AXIAL),
        ((0.0, 0.0, 0.0), ()),
        ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.01, 0.0)),
        ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.1, 0.995, 0.0)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_geometry_that_is_none_is_refused(
    position: tuple[float, ...], orientation: tuple[float, ...]
) -> None:
    heights = (position, (0.0, 0.0, 5.0), (0.0, 0.0, 10.0))
    planes = [plane(where, orientation=orientation) for where in heights]
    assert refusal_of(planes).reason is ReasonCode.GEOMETRY_ABSENT


def test_orientations_that_differ_by_their_last_digits_are_one() -> None:
    first = (1.0, 0.0, 0.0, 0.0, 0.9483237, -0.3173047)
    assert same_orientation(first, (1.0, 0.0, 0.0, 0.0, 0.9483, -0.3173))
    assert not same_orientation(first, AXIAL)
    assert not same_orientation(first, ())


def test_slabs_of_a_long_uneven_stack_match_a_slow_twin() -> None:
    heights = np.cumsum([0.0] + [2.5] * 12 + [1.0] + [7.5] * 10)
    thick = [2.5] * 13 + [7.5] * 11
    planes = [plane((0.0, 0.0, z), thickness=t) for z, t in zip(heights, thick, strict=True)]
    grid = grid_of(planes)
    gaps = [b - a for a, b in pairwise(heights)]
    slabs = [gaps[0], *((a + b) / 2 for a, b in pairwise(gaps)), gaps[-1]]
    assert volume_of(grid).slab_heights_mm == pytest.approx(slabs)
    assert grid.slice_spacing_mm == pytest.approx(sum(slabs) / len(slabs))
