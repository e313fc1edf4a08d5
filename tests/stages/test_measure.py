from __future__ import annotations

import numpy as np
import pytest

from corelab.stages.measure import measurement_of, volume_ml
from corelab.volume import Volume

SHAPE = (96, 96, 36)
SEMI_AXES_MM = (22.0, 18.0, 15.0)
TRUE_ML = 4 / 3 * np.pi * np.prod(SEMI_AXES_MM) / 1000


def grid(tilt_deg: float, positions_mm: np.ndarray | None = None) -> Volume:
    """A head-sized grid whose slices are tilted about the left-right axis."""
    tilt = np.radians(tilt_deg)
    affine = np.eye(4)
    affine[:3, 0] = [0.9, 0, 0]
    affine[:3, 1] = [0, 0.9 * np.cos(tilt), 0.9 * np.sin(tilt)]
    step = 3.0 if positions_mm is None else float(np.diff(positions_mm).mean())
    affine[:3, 2] = [0, 0, step / np.cos(tilt)]
    n_slices = SHAPE[2] if positions_mm is None else len(positions_mm)
    empty = np.zeros((*SHAPE[:2], n_slices), np.uint8)
    return Volume(data=empty, affine=affine, slice_positions_mm=positions_mm)


def ellipsoid(volume: Volume) -> Volume:
    """Voxels whose centre lies in an ellipsoid in the middle of the grid, in world mm."""
    i, j = np.meshgrid(*(np.arange(n) for n in volume.shape[:2]), indexing="ij")
    in_plane = np.stack([i, j], axis=-1) @ volume.affine[:3, :2].T
    world = np.stack([in_plane + volume.slice_origin_mm(k) for k in range(volume.shape[2])], axis=2)
    centre = (world.reshape(-1, 3).min(axis=0) + world.reshape(-1, 3).max(axis=0)) / 2
    inside = (((world - centre) / SEMI_AXES_MM) ** 2).sum(axis=-1) <= 1
    return volume.with_data(inside.astype(np.uint8))


@pytest.mark.parametrize("tilt_deg", [-25.0, -10.0, 0.0, 10.0, 25.0])
def test_an_ellipsoid_keeps_its_volume_under_tilt(tilt_deg: float) -> None:
    assert volume_ml(ellipsoid(grid(tilt_deg))) == pytest.approx(TRUE_ML, rel=0.01)


@pytest.mark.parametrize("tilt_deg", [0.0, 18.5])
def test_an_ellipsoid_keeps_its_volume_over_uneven_slices(tilt_deg: float) -> None:
    steps = np.concatenate([np.full(17, 2.0), [1.0], np.full(16, 3.5)])
    positions = np.concatenate([[0.0], np.cumsum(steps)])
    assert volume_ml(ellipsoid(grid(tilt_deg, positions))) == pytest.approx(TRUE_ML, rel=0.01)


def test_all_numbers_of_a_mask_agree() -> None:
    labels = ellipsoid(grid(15.0))
    data = np.array(labels.data)
    data[48, 48, 18] = 2
    nested = labels.with_data((data > 0).astype(np.uint8) * np.uint8(2))
    brain = labels.with_data(np.ones(SHAPE, np.uint8))
    found = measurement_of(labels=labels.with_data(data), nested=nested, brain=brain)
    voxel_ml = float(labels.voxel_volumes_mm3[0]) / 1000
    assert found.infarct_volume_ml == pytest.approx(TRUE_ML, rel=0.01)
    assert found.infarct_volume_low_ml == 0.0
    assert found.infarct_volume_high_ml == found.infarct_volume_ml
    assert found.haemorrhage_in_infarct_ml == pytest.approx(voxel_ml, abs=1e-4)
    assert found.brain_volume_ml == pytest.approx(np.prod(SHAPE) * voxel_ml, abs=1e-3)
    assert found.slice_spacing_mm == 3.0
    assert sum(found.slice_areas_cm2) * 0.3 == pytest.approx(found.infarct_volume_ml, rel=1e-3)
    (component,) = found.components
    assert component.volume_ml == found.infarct_volume_ml


def test_an_empty_mask_is_zero_and_not_missing() -> None:
    empty = grid(0.0)
    found = measurement_of(labels=empty, nested=empty, brain=empty)
    assert found.infarct_volume_ml == 0.0
    assert found.components == ()
