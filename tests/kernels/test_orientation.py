from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from corelab.kernels.orientation import from_ras, orientation_of, shear_of, to_ras

ORDERS = list(product(permutations(range(3)), product((1, -1), repeat=3)))


def affine_of(axes: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for world, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[world, axis] = 2.0 * sign
    return affine


@pytest.mark.parametrize(("axes", "signs"), ORDERS)
def test_every_axis_order_goes_to_ras_and_back(
    axes: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    image = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    affine = affine_of(axes, signs)
    orientation = orientation_of(affine)
    ras = to_ras(image, orientation)
    np.testing.assert_array_equal(from_ras(ras, orientation), image)
    for index in np.ndindex(2, 3, 4):
        world = (affine @ [*index, 1])[:3]
        place = [
            int(abs(w) / 2) if s > 0 else n - 1 - int(abs(w) / 2)
            for w, s, n in zip(world, signs, ras.shape, strict=True)
        ]
        assert ras[tuple(place)] == image[index]


def test_an_oblique_tilted_head_keeps_its_slices_along_k() -> None:
    tilt = np.radians(25)
    affine = np.eye(4)
    affine[:3, 0] = [-0.5, 0, 0]
    affine[:3, 1] = [0, -0.5 * np.cos(tilt), -0.5 * np.sin(tilt)]
    affine[:3, 2] = [0, 0, 5]
    assert orientation_of(affine) == ((0, 1, 2), (True, True, False))


@pytest.mark.parametrize("tilt_deg", [-20.0, 0.0, 15.0])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1), (-1, 1, -1)])
def test_the_shear_of_a_tilted_stack_is_the_tangent_of_its_tilt(
    tilt_deg: float, signs: tuple[int, int, int]
) -> None:
    tilt = np.radians(tilt_deg)
    affine = np.eye(4)
    affine[:3, 0] = [0.5, 0, 0]
    affine[:3, 1] = [0, 0.5 * np.cos(tilt), 0.5 * np.sin(tilt)]
    affine[:3, 2] = [0, 0, 5.0]
    affine[:3, :3] *= signs
    # In the slices' own axes a table step leads forwards by sin, and up the normal by cos.
    found = shear_of(affine, orientation_of(affine))
    assert found == pytest.approx(np.tan(tilt))


def test_a_stack_that_is_not_axial_has_no_shear() -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])[[0, 2, 1, 3]]
    affine[1, 0] = 0.3
    assert shear_of(affine, orientation_of(affine)) == 0.0
