from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.planning import regridded
from corelab.phantom.sampling import (
    AcquisitionGrid,
    axial_grid,
    oblique_grid,
    rotation_matrix,
    sample,
)


def straight_line() -> NDArray[np.float32]:
    x, y, z = domain.node_grid_mm()
    return np.asarray(0.3 * x - 0.2 * y + 0.5 * z + 7, dtype=np.float32)


def ball(radius_mm: float) -> NDArray[np.float32]:
    x, y, z = domain.node_grid_mm()
    away = np.sqrt((x - 5) ** 2 + (y + 20) ** 2 + (z - 15) ** 2)
    return np.asarray(np.clip((radius_mm - away) / 3 + 0.5, 0, 1), dtype=np.float32)


def volume_on(grid: AcquisitionGrid, values: NDArray[np.float32]) -> float:
    areas = sample(values, grid).sum(axis=(0, 1), dtype=np.float64)
    return float(areas @ grid.frame.voxel_volumes_mm3)


def small_grid(tilt_deg: float = 0.0) -> AcquisitionGrid:
    return axial_grid(
        matrix=40,
        pixel_mm=2.0,
        positions_mm=np.arange(-5, 40, 5.0),
        thickness_mm=np.full(9, 5.0),
        tilt_deg=tilt_deg,
    )


@pytest.mark.parametrize("tilt_deg", [0.0, 18.0, -12.0])
def test_a_straight_line_is_sampled_exactly(tilt_deg: float) -> None:
    grid = small_grid(tilt_deg)
    image = sample(straight_line(), grid)
    corner = grid.frame.slice_origin_mm(4)
    assert image[0, 0, 4] == pytest.approx(corner @ [0.3, -0.2, 0.5] + 7, abs=1e-3)
    across = image[1, 0, 4] - image[0, 0, 4]
    assert across == pytest.approx(grid.affine[:3, 0] @ [0.3, -0.2, 0.5], abs=1e-4)


def test_a_voxel_is_the_mean_over_its_thickness() -> None:
    values = np.random.default_rng(0).random(domain.SHAPE).astype(np.float32)
    grid = small_grid(10.0)
    origin = grid.affine @ [7, 9, 3, 1]
    offsets = (np.arange(4) + 0.5) / 4 * 5.0 - 2.5
    places = origin[:3] + offsets[:, None] * grid.frame.normal - np.array(domain.ORIGIN_MM)
    slow = ndimage.map_coordinates(values, places.T, order=1).mean()
    assert sample(values, grid)[7, 9, 3] == pytest.approx(slow, abs=1e-5)


@settings(max_examples=8, deadline=None)
@given(st.floats(-22, 22), st.floats(8, 25))
def test_a_balls_volume_does_not_depend_on_the_tilt(tilt_deg: float, radius_mm: float) -> None:
    grid = axial_grid(
        matrix=110,
        pixel_mm=1.0,
        positions_mm=np.arange(-45, 65, 5.0),
        thickness_mm=np.full(22, 5.0),
        tilt_deg=tilt_deg,
    )
    values = ball(radius_mm)
    assert volume_on(grid, values) == pytest.approx(values.sum(dtype=np.float64), rel=0.01)


def test_uneven_slices_that_abut_keep_the_volume() -> None:
    thickness = np.array([4.0] * 8 + [7.0] * 9)
    grid = axial_grid(
        matrix=110,
        pixel_mm=1.0,
        positions_mm=-30 + np.cumsum(thickness) - thickness / 2,
        thickness_mm=thickness,
    )
    assert grid.frame.is_uneven
    values = ball(22.0)
    assert volume_on(grid, values) == pytest.approx(values.sum(dtype=np.float64), rel=0.01)


def test_an_oblique_grid_keeps_the_volume_and_is_not_sheared() -> None:
    grid = oblique_grid(
        matrix=100,
        pixel_mm=1.2,
        positions_mm=np.arange(-30, 60, 5.0),
        thickness_mm=5.0,
        rotation=rotation_matrix((9.0, -4.0, 6.0)),
    )
    assert grid.frame.tilt_deg == pytest.approx(0, abs=1e-5)
    values = ball(20.0)
    assert volume_on(grid, values) == pytest.approx(values.sum(dtype=np.float64), rel=0.01)


def test_tilt_leans_the_front_upward() -> None:
    grid = small_grid(18.0)
    assert grid.frame.tilt_deg == pytest.approx(18.0)
    front = -grid.affine[:3, 1]
    assert front[1] > 0
    assert front[2] > 0


def test_columns_run_to_the_left_and_rows_to_the_back() -> None:
    grid = small_grid()
    assert grid.affine[0, 0] < 0
    assert grid.affine[1, 1] < 0
    assert grid.affine[2, 2] > 0


def test_a_posed_head_is_moved_against_the_grid() -> None:
    pose = np.eye(4)
    pose[:3, 3] = (0, 0, 5)
    values = straight_line()
    still, moved = small_grid(), replace(small_grid(), pose=pose)
    assert sample(values, moved)[5, 5, 2] == pytest.approx(sample(values, still)[5, 5, 3], abs=1e-3)
    assert np.array_equal(moved.frame.affine, still.frame.affine)


def test_outside_of_the_domain_is_filled() -> None:
    grid = axial_grid(
        matrix=4, pixel_mm=400.0, positions_mm=np.array([0.0, 5.0]), thickness_mm=np.full(2, 5.0)
    )
    assert (sample(straight_line(), grid, outside=-1000.0) == -1000).all()


def test_other_pixels_cover_the_same_field() -> None:
    grid = small_grid()
    other = regridded(grid, matrix=64)
    for scale in (0, 1):
        # Outer corners of the first and of the last pixel.
        here = scale * np.array(grid.shape[:2]) - 0.5
        there = scale * np.array(other.shape[:2]) - 0.5
        here_mm = grid.affine[:3, :2] @ here + grid.affine[:3, 3]
        there_mm = other.affine[:3, :2] @ there + other.affine[:3, 3]
        assert np.allclose(here_mm, there_mm)
