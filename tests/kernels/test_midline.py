from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.midline import Midline, find_midline, mirror, side_of
from tests.kernels.ct_phantom import BRAIN_MM, Recipe, ellipsoid, head_axes

SPACING_MM = (1.8, 1.8, 5.0)
SHAPE = (100, 120, 28)
UPRIGHT = Recipe(shape=SHAPE)


def a_head(pose: Recipe = UPRIGHT) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    axes = head_axes(pose)
    head = ellipsoid(axes, BRAIN_MM)
    # A lower, narrower front breaks the symmetry of every plane but the middle one.
    return head & ~((axes[1] > 30) & (axes[2] < -20)), axes


def misfit_mm(found: Midline, axes: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Largest distance between the found plane and the true one inside the head."""
    off = side_of(found, SHAPE, SPACING_MM) - axes[0]
    return float(np.abs(off[where & (np.abs(axes[0]) < 5)]).max())


@pytest.mark.parametrize(
    "pose",
    [
        UPRIGHT,
        Recipe(shape=SHAPE, offset_mm=9.0),
        Recipe(shape=SHAPE, yaw_deg=12.0),
        Recipe(shape=SHAPE, yaw_deg=-12.0, roll_deg=8.0, offset_mm=-6.0),
    ],
)
def test_the_plane_is_found_within_a_millimetre(pose: Recipe) -> None:
    head, axes = a_head(pose)
    found = find_midline(head, SPACING_MM)
    assert misfit_mm(found, axes, head) < 1.5
    assert found.mismatch_mm < 1


def test_a_tilted_gantry_does_not_bend_the_mirror() -> None:
    head, axes = a_head(Recipe(shape=SHAPE, yaw_deg=9.0, roll_deg=-6.0, shear=0.33))
    found = find_midline(head, SPACING_MM, shear=0.33)
    assert misfit_mm(found, axes, head) < 1.5
    mirrored = mirror(head, found, SPACING_MM) > 0.5
    assert np.count_nonzero(mirrored & head) > 0.97 * np.count_nonzero(head)


@given(
    mask=hnp.arrays(np.bool_, (9, 8, 4)),
    slopes=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
    distance_mm=st.floats(-3, 18) | st.integers(-1, 9).map(lambda n: 0.9 * n),
    shear=st.sampled_from([0.0, 0.3, -0.3]),
)
def test_a_mask_is_mirrored_to_the_same_numbers_as_its_shares(
    mask: NDArray[np.bool_], slopes: tuple[float, float], distance_mm: float, shear: float
) -> None:
    i, j, k = np.array([1.0, *slopes]) / np.linalg.norm([1.0, *slopes])
    plane = Midline((float(i), float(j), float(k)), distance_mm, 0.0, shear)
    shares = mirror(mask.astype(np.float32), plane, SPACING_MM)
    np.testing.assert_array_equal(mirror(mask, plane, SPACING_MM), shares)


def test_a_plane_stays_where_it_is_seen_from_elsewhere() -> None:
    plane = Midline((0.96, -0.2, 0.196), 70.0, 0.0, shear=0.3)
    moved = plane.seen_from((4 * 1.8, 5 * 1.8, 3 * 5.0))
    whole = side_of(plane, (20, 20, 8), SPACING_MM)
    np.testing.assert_allclose(
        side_of(moved, (16, 15, 5), SPACING_MM), whole[4:, 5:, 3:], atol=1e-4
    )


def test_angles_have_the_sign_that_is_documented() -> None:
    head, _ = a_head(Recipe(shape=SHAPE, yaw_deg=10.0, roll_deg=6.0))
    found = find_midline(head, SPACING_MM)
    assert found.yaw_deg == pytest.approx(10, abs=0.7)
    assert found.roll_deg == pytest.approx(6, abs=1)


def test_a_one_sided_defect_of_the_outline_moves_the_plane_little() -> None:
    head, axes = a_head(Recipe(shape=SHAPE, yaw_deg=5.0))
    defect = head & ~((axes[0] > 45) & (np.abs(axes[1]) < 40) & (np.abs(axes[2]) < 30))
    assert misfit_mm(find_midline(defect, SPACING_MM), axes, head) < 4


def test_what_is_not_alike_shows_as_mismatch() -> None:
    head, axes = a_head()
    lopsided = head & ~((axes[0] > 20) & (axes[2] > -10))
    assert find_midline(lopsided, SPACING_MM).mismatch_mm > 3


def test_weights_may_be_densities() -> None:
    head, axes = a_head(Recipe(shape=SHAPE, yaw_deg=-7.0))
    weight = np.where(head, 500.0 + axes[1], 0).astype(np.float32)
    assert misfit_mm(find_midline(weight, SPACING_MM), axes, head) < 1.5


def test_one_slice_is_enough() -> None:
    head, _ = a_head(Recipe(shape=SHAPE, yaw_deg=8.0))
    found = find_midline(head[:, :, 14:15], SPACING_MM)
    assert found.yaw_deg == pytest.approx(8, abs=1)


def test_nothing_has_no_midline() -> None:
    with pytest.raises(UnfitDataError) as caught:
        find_midline(np.zeros(SHAPE, dtype=bool), SPACING_MM)
    assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND


def a_plane(yaw: float, roll: float, distance_mm: float) -> Midline:
    normal = np.array([1.0, -yaw, -roll]) / np.linalg.norm([1.0, yaw, roll])
    return Midline((normal[0], normal[1], normal[2]), distance_mm, 0.0)


def test_mirroring_in_the_middle_plane_flips_the_axis() -> None:
    image = np.random.default_rng(1).normal(size=(9, 6, 4)).astype(np.float32)
    middle = Midline((1.0, 0.0, 0.0), 4 * SPACING_MM[0], 0.0)
    np.testing.assert_allclose(mirror(image, middle, SPACING_MM), image[::-1], atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(-0.2, 0.2), st.floats(60, 110))
def test_a_linear_image_is_mirrored_exactly(yaw: float, roll: float, distance_mm: float) -> None:
    plane = a_plane(yaw, roll, distance_mm)
    shape = (100, 60, 20)
    i, j, k = (grid * step for grid, step in zip(np.indices(shape), SPACING_MM, strict=True))
    image = 3 * i - 2 * j + k
    side = side_of(plane, shape, SPACING_MM)
    n = plane.normal
    expected = image - 2 * side * (3 * n[0] - 2 * n[1] + n[2])
    mirrored = mirror(image + 1000, plane, SPACING_MM)
    inside = mirrored > 0
    inside &= ~np.isclose(mirrored, 0)
    core = np.zeros(shape, dtype=bool)
    core[40:60, 20:40, 8:12] = True
    np.testing.assert_allclose(
        mirrored[core & inside] - 1000, expected[core & inside], atol=0.5, rtol=1e-3
    )


def test_the_side_i_grows_to_is_positive() -> None:
    side = side_of(Midline((1.0, 0.0, 0.0), 9.0, 0.0), (11, 3, 2), (1.8, 1.8, 5.0))
    assert side[10, 0, 0] == pytest.approx(9.0)
    assert side[0, 0, 0] == pytest.approx(-9.0)
    assert side[5, 2, 1] == pytest.approx(0.0, abs=1e-5)
