from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from corelab.store.registration import MAX_SHIFT_MM, onto_grid
from corelab.volume import Volume
from tests.kernels.dwi_phantom import SPACING_MM, Blob, make_head

HEAD = make_head((Blob((38, 5, 10), (14, 18, 16)),))


def affine_of(spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = -90.0, -100.0, -50.0
    return affine


def turned(degrees: float, shift_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Turn about the foot-head axis through the head's middle, then a shift."""
    angle = np.radians(degrees)
    move = np.eye(4)
    move[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle = (affine_of(SPACING_MM) @ [*np.array(HEAD.dwi.shape) / 2, 1.0])[:3]
    move[:3, 3] = middle - move[:3, :3] @ middle + np.array(shift_mm)
    return move


FIXED = Volume(data=HEAD.dwi, affine=affine_of(SPACING_MM))
LIKE_FLAIR = np.where(HEAD.b0 > 200, 20.0, HEAD.b0).astype(np.float32)


def moved(move: NDArray[np.float64]) -> Volume:
    """Other contrast, other grid, and a head that lies elsewhere."""
    fine = affine_of((1.5, 1.5, 6.0))
    index = np.linalg.inv(FIXED.affine) @ np.linalg.inv(move) @ fine
    data = ndimage.affine_transform(
        LIKE_FLAIR, index[:3, :3], index[:3, 3], output_shape=(130, 150, 20), order=1
    )
    return Volume(data=data, affine=fine)


@pytest.mark.parametrize(("degrees", "shift_mm"), [(0.0, (0.0, 0.0, 0.0)), (5.0, (6.0, -5.0, 0.0))])
def test_a_moved_image_comes_back_to_where_the_head_is(
    degrees: float, shift_mm: tuple[float, float, float]
) -> None:
    brought = onto_grid(moved(turned(degrees, shift_mm)), FIXED)
    assert brought is not None
    assert brought.shape == FIXED.shape
    inside = np.s_[20:-20, 20:-20, 4:-4]
    smooth = [ndimage.gaussian_filter(image, 1)[inside].ravel() for image in (brought, LIKE_FLAIR)]
    assert np.corrcoef(smooth)[0, 1] > 0.97


def test_the_same_images_give_the_same_values() -> None:
    image = moved(turned(3.0, (2.0, 0.0, 0.0)))
    one, other = onto_grid(image, FIXED), onto_grid(image, FIXED)
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one, other)


def test_what_lies_far_off_does_not_fit() -> None:
    far = moved(np.eye(4))
    affine = far.affine.copy()
    affine[0, 3] += 2 * MAX_SHIFT_MM
    assert onto_grid(Volume(data=far.data, affine=affine), FIXED) is None


def test_a_tilted_stack_is_not_fitted() -> None:
    affine = FIXED.affine.copy()
    affine[1, 2] = 1.0
    tilted = Volume(data=HEAD.dwi, affine=affine)
    assert onto_grid(tilted, FIXED) is None
    assert onto_grid(FIXED, tilted) is None
