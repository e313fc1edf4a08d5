from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.errors import ReasonCode, UnfitDataError
from corelab.volume import Volume

SHAPE = (4, 5, 6)


def tilted_affine(tilt_deg: float, step_mm: float) -> np.ndarray:
    """Slices tilted about the left-right axis, stacked along the table."""
    tilt = np.radians(tilt_deg)
    affine = np.eye(4)
    affine[:3, 0] = [0.5, 0, 0]
    affine[:3, 1] = [0, 0.5 * np.cos(tilt), 0.5 * np.sin(tilt)]
    affine[:3, 2] = [0, 0, step_mm]
    return affine


def volume(affine: np.ndarray, positions: np.ndarray | None = None) -> Volume:
    return Volume(data=np.zeros(SHAPE, np.int16), affine=affine, slice_positions_mm=positions)


@given(tilt=st.floats(-30, 30), step=st.floats(0.5, 10))
def test_tilted_stack_keeps_true_volume(tilt: float, step: float) -> None:
    affine = tilted_affine(tilt, step)
    tilted = volume(affine)
    expected = abs(np.linalg.det(affine[:3, :3]))
    np.testing.assert_allclose(tilted.voxel_volumes_mm3, expected, rtol=1e-9)
    np.testing.assert_allclose(tilted.slab_heights_mm, step * np.cos(np.radians(tilt)), rtol=1e-9)
    assert tilted.tilt_deg == pytest.approx(abs(tilt), abs=1e-4)


def test_uneven_slabs_reach_half_way_to_both_neighbours() -> None:
    positions = np.array([0.0, 4.0, 8.0, 9.0, 16.0, 23.0])
    uneven = volume(np.diag([1.0, 1.0, 4.6, 1.0]), positions)
    np.testing.assert_allclose(uneven.slab_heights_mm, [4, 4, 2.5, 4, 7, 7])
    assert uneven.is_uneven


def test_uneven_tilted_slice_stands_on_the_stacking_line() -> None:
    positions = np.array([0.0, 4.0, 8.0, 9.0, 16.0, 23.0])
    affine = tilted_affine(20, 4.6 / np.cos(np.radians(20)))
    uneven = volume(affine, positions)
    expected_z = positions[3] / np.cos(np.radians(20))
    np.testing.assert_allclose(uneven.slice_origin_mm(3), [0, 0, expected_z], atol=1e-9)


@given(heights=st.lists(st.floats(0.5, 9), min_size=5, max_size=5))
def test_slab_heights_of_uneven_slices_are_the_naive_ones(heights: list[float]) -> None:
    positions = np.concatenate([[0.0], np.cumsum(heights)])
    uneven = volume(np.diag([1.0, 1.0, 3.0, 1.0]), positions)
    naive = []
    for k in range(6):
        below = positions[k] - positions[k - 1] if k else positions[1] - positions[0]
        above = positions[k + 1] - positions[k] if k < 5 else positions[5] - positions[4]
        naive.append((below + above) / 2)
    np.testing.assert_allclose(uneven.slab_heights_mm, naive)


@pytest.mark.parametrize(
    ("affine", "word"),
    [
        (np.eye(3), "4 x 4"),
        (np.diag([1.0, np.nan, 1.0, 1.0]), "finite"),
        (np.diag([1.0, 0.0, 1.0, 1.0]), "flat"),
        (np.diag([1.0, 1.0, 1.0, 2.0]), "last row"),
    ],
)
def test_an_impossible_affine_is_refused(affine: np.ndarray, word: str) -> None:
    with pytest.raises(UnfitDataError, match=word) as caught:
        volume(affine)
    assert caught.value.reason is ReasonCode.IMAGE_INVALID


def test_slice_positions_must_ascend() -> None:
    with pytest.raises(UnfitDataError, match="ascend"):
        volume(np.eye(4), np.array([0.0, 1.0, 1.0, 2.0, 3.0, 4.0]))


def test_a_volume_cannot_be_changed_through_its_parts() -> None:
    made = volume(np.eye(4))
    with pytest.raises(ValueError, match="read-only"):
        made.affine[0, 0] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        made.data[0, 0, 0] = 1


def test_a_shifted_grid_is_another_grid() -> None:
    one = volume(np.eye(4))
    other = np.eye(4)
    other[0, 3] = 0.02
    assert one.same_grid(volume(np.eye(4)))
    assert not one.same_grid(volume(other))
    assert one.same_grid(volume(other), tolerance_mm=0.03)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(UnfitDataError, match="grid"):
        volume(np.eye(4)).with_data(np.zeros((4, 5, 7), np.uint8))
