"""Stacks as scanners make and files write them: true volumes, and no lost slice unseen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.dicom.frame import Plane
from corelab.dicom.geometry import stack_grid
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Grid
from corelab.volume import Volume

SPACING = (0.5, 0.4)
SIDE = 240
steps_mm = st.floats(0.5, 10)
tilts_deg = st.floats(-30, 30)
decimals = st.integers(2, 6)
seeds = st.integers(0, 2**32 - 1)


def written(number: float, n_decimals: int) -> float:
    """A number after its way through a decimal string of 16 characters (PS3.5, 6.2)."""
    return float(f"{number:.{n_decimals}f}"[:16])


def stack(
    heights: list[float] | NDArray[np.float64],
    thickness: list[float | None],
    *,
    tilt_deg: float = 0.0,
    n_decimals: int = 6,
    cosine_decimals: int = 6,
    drift: float = 0.0,
) -> list[Plane]:
    """Slices of a gantry that leans about the row axis; the table also drifts sideways."""
    angle = math.radians(tilt_deg)
    cosines = (1.0, 0.0, 0.0, 0.0, math.cos(angle), -math.sin(angle))
    return [
        Plane(
            position_mm=tuple(
                written(x, n_decimals) for x in (-91.3 + drift * z, -104.7, float(z) - 37.21)
            ),
            orientation=tuple(written(cosine, cosine_decimals) for cosine in cosines),
            spacing_mm=SPACING,
            thickness_mm=t,
        )
        for z, t in zip(heights, thickness, strict=True)
    ]


def grid_of(planes: list[Plane]) -> Grid:
    return stack_grid(planes, rows=8, columns=10)[0]


def shuffled(planes: list[Plane], seed: int) -> list[Plane]:
    return [planes[k] for k in np.random.default_rng(seed).permutation(len(planes))]


def volume_of(grid: Grid) -> Volume:
    positions = grid.slice_positions_mm
    return Volume(
        data=np.zeros(grid.shape, np.int8),
        affine=np.array(grid.affine),
        slice_positions_mm=None if positions is None else np.array(positions),
    )


def reason(planes: list[Plane]) -> ReasonCode | None:
    try:
        grid_of(planes)
    except UnfitDataError as error:
        return error.reason
    return None


@settings(deadline=None)
@given(step_mm=steps_mm, tilt_deg=tilts_deg, n=st.integers(3, 60), places=decimals, seed=seeds)
def test_rounding_never_refuses_an_even_stack_nor_bends_its_volume(
    step_mm: float, tilt_deg: float, n: int, places: int, seed: int
) -> None:
    heights = step_mm * np.arange(n)
    planes = stack(
        heights, [step_mm] * n, tilt_deg=tilt_deg, n_decimals=places, cosine_decimals=max(places, 3)
    )
    grid = grid_of(shuffled(planes, seed))
    true_height = step_mm * math.cos(math.radians(tilt_deg))
    assert grid.slice_positions_mm is None
    assert abs(grid.slice_spacing_mm - true_height) <= 0.001 * true_height + 0.02 / (n - 1)


@settings(deadline=None)
@given(
    step_mm=steps_mm,
    tilt_deg=tilts_deg,
    n=st.integers(6, 60),
    thickness_of_step=st.one_of(st.none(), st.just(0.0), st.floats(0.4, 2.0)),
    places=decimals,
    data=st.data(),
)
def test_a_lost_slice_is_seen_wherever_it_was(
    step_mm: float,
    tilt_deg: float,
    n: int,
    thickness_of_step: float | None,
    places: int,
    data: st.DataObject,
) -> None:
    lost = data.draw(st.integers(1, n - 2))
    thickness = None if thickness_of_step is None else thickness_of_step * step_mm
    heights = [step_mm * k for k in range(n) if k != lost]
    planes = stack(heights, [thickness] * (n - 1), tilt_deg=tilt_deg, n_decimals=places)
    assert reason(shuffled(planes, data.draw(seeds))) is ReasonCode.MISSING_SLICE


def two_blocks(
    fine_mm: float, coarse_mm: float, n_fine: int, n_coarse: int, join_mm: float
) -> tuple[NDArray[np.float64], list[float | None]]:
    gaps = [fine_mm] * (n_fine - 1) + [join_mm] + [coarse_mm] * (n_coarse - 1)
    return np.cumsum([0.0, *gaps]), [fine_mm] * n_fine + [coarse_mm] * n_coarse


blocks = st.tuples(
    st.sampled_from([(2.5, 7.5), (2.5, 5.0), (4.0, 7.0), (1.25, 5.0), (5.0, 10.0)]),
    st.integers(4, 16),
    st.integers(4, 16),
    st.floats(0.1, 1.0),
)


@settings(deadline=None)
@given(block=blocks, tilt_deg=tilts_deg, places=decimals, seed=seeds)
def test_fine_fossa_and_coarse_vertex_keep_every_slab(
    block: tuple[tuple[float, float], int, int, float], tilt_deg: float, places: int, seed: int
) -> None:
    (fine_mm, coarse_mm), n_fine, n_coarse, share = block
    join_mm = share * (fine_mm + coarse_mm) / 2
    heights, thickness = two_blocks(fine_mm, coarse_mm, n_fine, n_coarse, join_mm)
    planes = stack(heights, thickness, tilt_deg=tilt_deg, n_decimals=places)
    slabs = volume_of(grid_of(shuffled(planes, seed))).slab_heights_mm
    assert slabs == pytest.approx(slow_slabs(heights, tilt_deg), abs=0.03)


def slow_slabs(heights: NDArray[np.float64], tilt_deg: float) -> list[float]:
    """Half the way to both neighbours along the normal, one slice at a time."""
    lean = math.cos(math.radians(tilt_deg))
    slabs = []
    for k in range(len(heights)):
        below = heights[k] - heights[k - 1] if k else heights[1] - heights[0]
        above = heights[k + 1] - heights[k] if k + 1 < len(heights) else below
        slabs.append(lean * (below + above) / 2)
    return slabs


@settings(deadline=None)
@given(block=blocks, tilt_deg=st.floats(-25, 25), data=st.data())
def test_a_lost_slice_inside_either_block_is_refused(
    block: tuple[tuple[float, float], int, int, float], tilt_deg: float, data: st.DataObject
) -> None:
    (fine_mm, coarse_mm), n_fine, n_coarse, _ = block
    heights, thickness = two_blocks(fine_mm, coarse_mm, n_fine, n_coarse, fine_mm)
    inner = [k for k in range(1, n_fine + n_coarse - 1) if k not in {n_fine - 1, n_fine}]
    lost = data.draw(st.sampled_from(inner))
    kept = [k for k in range(len(heights)) if k != lost]
    planes = stack(heights[kept], [thickness[k] for k in kept], tilt_deg=tilt_deg)
    assert reason(planes) is ReasonCode.MISSING_SLICE


def test_two_blocks_of_one_thickness_are_an_acquisition_where_slices_bridge_them() -> None:
    heights = np.cumsum([0.0] + [2.5] * 9 + [5.0] * 8)
    grid = grid_of(stack(heights, [5.0] * 18))
    assert grid.slice_positions_mm == pytest.approx(heights)


def test_blocks_that_slices_do_not_bridge_are_refused() -> None:
    heights = np.cumsum([0.0] + [2.5] * 9 + [7.5] * 8)
    assert reason(stack(heights, [5.0] * 18)) is ReasonCode.MISSING_SLICE


def test_half_of_a_short_stack_lost_is_refused() -> None:
    assert reason(stack([0.0, 8.0, 12.0, 20.0], [4.0] * 4)) is ReasonCode.MISSING_SLICE


def test_gaps_planned_by_protocol_are_kept() -> None:
    assert grid_of(stack([0.0, 7.5, 15.0, 22.5], [5.0] * 4)).slice_spacing_mm == 7.5


def test_helical_overlap_is_kept() -> None:
    assert grid_of(stack(0.5 * np.arange(200), [1.0] * 200)).slice_spacing_mm == 0.5


def test_one_overlapping_step_between_runs_of_one_thickness_is_kept() -> None:
    heights = np.cumsum([0.0] + [5.0] * 8 + [1.0] + [5.0] * 8)
    assert grid_of(stack(heights, [5.0] * 18)).slice_positions_mm == pytest.approx(heights)


@pytest.mark.parametrize("drift", [-0.02, 0.01])
def test_a_table_that_drifts_sideways_is_a_sheared_line(drift: float) -> None:
    planes = stack(5.0 * np.arange(30), [5.0] * 30, drift=drift, n_decimals=2)
    grid = grid_of(planes)
    assert grid.slice_spacing_mm == pytest.approx(5.0, abs=1e-3)
    assert np.array(grid.affine)[0, 2] == pytest.approx(-5.0 * drift, abs=1e-3)


@pytest.mark.parametrize("step_mm", [0.6, 0.625, 0.75, 1.5, 3.3])
def test_positions_of_one_decimal_are_read_where_they_stand(step_mm: float) -> None:
    n = 80
    planes = stack(step_mm * np.arange(n), [step_mm] * n, tilt_deg=17.3, n_decimals=1)
    grid = grid_of(planes)
    true_height = step_mm * math.cos(math.radians(17.3))
    assert grid.slice_spacing_mm == pytest.approx(true_height, rel=2e-3)


def test_two_slices_a_rounding_apart_stand_at_one_position() -> None:
    heights = [0.0, 5.0, 10.0, 10.02, 15.0]
    assert reason(stack(heights, [5.0] * 5)) is ReasonCode.DUPLICATE_POSITION


def test_two_scans_interleaved_without_a_word_are_refused() -> None:
    heights = np.sort(np.concatenate([5.0 * np.arange(12), 5.0 * np.arange(12) + 1.3]))
    assert reason(stack(heights, [5.0] * 24)) is ReasonCode.MISSING_SLICE


@settings(deadline=None, max_examples=30)
@given(
    tilt_deg=tilts_deg,
    shift_mm=st.floats(0, 2.5),
    radii_mm=st.tuples(st.floats(20, 30), st.floats(20, 30), st.floats(30, 45)),
)
def test_an_ellipsoid_on_an_uneven_tilted_grid_has_its_true_volume(
    tilt_deg: float, shift_mm: float, radii_mm: tuple[float, float, float]
) -> None:
    heights, thickness = two_blocks(1.25, 2.5, 44, 30, 1.1)
    planes = stack(heights - heights[-1] / 2 + shift_mm, thickness, tilt_deg=tilt_deg)
    grid = stack_grid(planes, rows=SIDE, columns=SIDE)[0]
    grid_volume = volume_of(grid)
    centre = middle(grid_volume)
    ij = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1)
    in_plane = ij @ grid_volume.affine[:3, :2].T
    total_mm3 = 0.0
    for k, voxel_mm3 in enumerate(grid_volume.voxel_volumes_mm3):
        world = in_plane + grid_volume.slice_origin_mm(k) - centre
        total_mm3 += voxel_mm3 * np.count_nonzero((((world / radii_mm) ** 2).sum(axis=-1)) <= 1)
    assert total_mm3 == pytest.approx(4 / 3 * math.pi * math.prod(radii_mm), rel=0.01)


def middle(volume: Volume) -> NDArray[np.float64]:
    """Middle of the stack in the plane that stands half way up."""
    positions = volume.slice_positions_mm
    assert positions is not None
    k = int(np.abs(positions - positions[-1] / 2).argmin())
    return volume.slice_origin_mm(k) + volume.affine[:3, :2] @ [(SIDE - 1) / 2, (SIDE - 1) / 2]
