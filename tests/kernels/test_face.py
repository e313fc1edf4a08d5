from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.face import (
    DIAGONAL_MM,
    DILATION_MM,
    KEPT_MM,
    Slices,
    face_mask,
    find_face,
    nearest_mm,
)
from tests.kernels.face_phantom import (
    FACE,
    FRONT_POLE_MM,
    KEPT,
    Mask,
    Pose,
    Stack,
    axial,
    coronal,
    sagittal,
    uneven,
)

CLEAR_MM = DILATION_MM + KEPT_MM[0]
STRAIGHT = Pose()
STACKS = {
    "thin": axial(3.0, 3.0),
    "thick": axial(2.5, 5.0),
    "tilted": axial(2.5, 5.0, tilt_deg=20.0),
    "uneven": uneven(),
    "sagittal": sagittal(),
    "coronal": coronal(),
}


def face_of(stack: Stack, pose: Pose) -> Mask:
    return face_mask(find_face(stack.brain(pose), stack.slices), stack.slices, stack.shape)


def naive_nearest_mm(first: Mask, one: Stack, second: Mask, other: Stack) -> float:
    return float(cdist(one.points()[first], other.points()[second]).min())


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize(
    "pose", [STRAIGHT, Pose(yaw_deg=15.0), Pose(yaw_deg=-15.0, pitch_deg=12.0, roll_deg=5.0)]
)
def test_the_face_goes_and_the_rest_stays_on_any_grid_and_in_any_pose(
    name: str, pose: Pose
) -> None:
    stack = STACKS[name]
    face = face_of(stack, pose)
    gone = {part: face[stack.ball(pose, *ball)].mean() for part, ball in FACE.items()}
    assert gone == dict.fromkeys(FACE, 1.0)
    left = {part: face[stack.ball(pose, *ball)].any() for part, ball in KEPT.items()}
    assert left == dict.fromkeys(KEPT, False)


@settings(max_examples=8)
@given(
    name=st.sampled_from(sorted(STACKS)),
    yaw_deg=st.floats(-25, 25),
    pitch_deg=st.floats(-15, 15),
    roll_deg=st.floats(-10, 10),
    middle_mm=st.tuples(*[st.floats(-8, 8)] * 3),
)
def test_nothing_within_15_mm_of_the_dilated_brain_is_face(
    name: str,
    yaw_deg: float,
    pitch_deg: float,
    roll_deg: float,
    middle_mm: tuple[float, float, float],
) -> None:
    stack = STACKS[name]
    pose = Pose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg, middle_mm=middle_mm)
    brain = stack.brain(pose)
    face = face_mask(find_face(brain, stack.slices), stack.slices, stack.shape)
    assert face.any()
    assert nearest_mm(brain, stack.slices, face, stack.slices) >= CLEAR_MM


@pytest.mark.parametrize("pose", [STRAIGHT, Pose(yaw_deg=-18.0, pitch_deg=9.0)])
def test_the_face_is_what_lies_ahead_below_and_far_voxel_by_voxel(pose: Pose) -> None:
    """The rule told slowly: exact distances between voxels on an even grid."""
    stack = STACKS["thin"]
    brain = stack.brain(pose)
    cut = find_face(brain, stack.slices)
    face = face_mask(cut, stack.slices, stack.shape)
    places = stack.points() @ cut.axes.T
    ahead = (places[..., 1] > cut.back_mm) & (places[..., 2] < cut.top_mm)
    away_mm = ndimage.distance_transform_edt(~brain, sampling=3.0)
    half_voxel_mm = 3**0.5 * 3.0 / 2
    assert not (face & ~ahead).any()
    assert not (face & (away_mm < CLEAR_MM)).any()
    assert face[ahead & (away_mm > CLEAR_MM + 2 * DIAGONAL_MM + half_voxel_mm)].all()


def test_the_distance_is_in_millimetres_whatever_the_slices_thickness() -> None:
    ml = {}
    for step_mm in (2.0, 5.0, 7.0):
        stack = axial(2.0, step_mm)
        below = stack.points()[..., 2] > -110
        ml[step_mm] = (face_of(stack, STRAIGHT) & below).sum() * 4.0 * step_mm / 1000
    assert ml[5.0] == pytest.approx(ml[2.0], rel=0.04)
    assert ml[7.0] == pytest.approx(ml[2.0], rel=0.06)


@pytest.mark.parametrize("kept_mm", KEPT_MM)
def test_the_more_is_kept_the_further_away_the_face_begins(kept_mm: float) -> None:
    stack = STACKS["thin"]
    brain = stack.brain(STRAIGHT)
    face = face_mask(find_face(brain, stack.slices, kept_mm), stack.slices, stack.shape)
    nearest = nearest_mm(brain, stack.slices, face, stack.slices)
    assert DILATION_MM + kept_mm <= nearest < DILATION_MM + kept_mm + 4


def test_an_image_on_another_grid_is_cut_at_the_same_place_of_the_world() -> None:
    pose = Pose(yaw_deg=10.0)
    one, other = STACKS["tilted"], STACKS["sagittal"]
    cut = find_face(one.brain(pose), one.slices)
    face = face_mask(cut, other.slices, other.shape)
    gone = {part: face[other.ball(pose, *ball)].mean() for part, ball in FACE.items()}
    assert gone == dict.fromkeys(FACE, 1.0)
    assert nearest_mm(one.brain(pose), one.slices, face, other.slices) >= CLEAR_MM


@pytest.mark.parametrize("yaw_deg", [-20.0, 0.0, 15.0])
def test_front_is_where_the_head_looks_not_where_the_array_ends(yaw_deg: float) -> None:
    pose = Pose(yaw_deg=yaw_deg, pitch_deg=8.0)
    cut = find_face(STACKS["tilted"].brain(pose), STACKS["tilted"].slices)
    assert np.degrees(np.arccos(cut.axes[1] @ pose.axes[1])) < 2
    assert np.degrees(np.arccos(cut.axes[0] @ pose.axes[0])) < 2


def test_an_open_skull_loses_nothing_but_face() -> None:
    stack = STACKS["thin"]
    points = STRAIGHT.in_head(stack.points())
    whole = stack.brain(STRAIGHT)
    sunken = whole & ~((points[..., 0] > 15) & (points[..., 1] > 20) & (points[..., 2] > 5))
    swollen = whole | stack.ball(STRAIGHT, (45.0, 55.0, 20.0), 30.0)
    for brain in (sunken, swollen):
        cut = find_face(brain, stack.slices)
        face = face_mask(cut, stack.slices, stack.shape)
        removed = points[face]
        assert removed[:, 1].min() > -10
        assert nearest_mm(brain, stack.slices, face, stack.slices) >= CLEAR_MM
        # The swelling's own foremost point lies 20 mm higher than the front pole.
        assert removed[removed[:, 1] < 120, 2].max() < FRONT_POLE_MM + 40


def test_a_field_of_view_that_ends_above_the_face_loses_no_head() -> None:
    whole = STACKS["thin"]
    first = int(np.flatnonzero(whole.slices.origins_mm[:, 2] > -15)[0])
    upper = Stack(
        shape=(*whole.shape[:2], whole.shape[2] - first),
        slices=Slices(whole.slices.steps_mm, whole.slices.origins_mm[first:]),
    )
    away = np.linalg.norm(upper.points() / (np.array([66.0, 84.0, 60.0]) + 14), axis=-1)
    face = face_of(upper, STRAIGHT)
    assert not (face & (away <= 1)).any()


def test_a_field_of_view_that_cuts_the_brain_keeps_what_is_near_it() -> None:
    whole = STACKS["thick"]
    last = int(np.flatnonzero(whole.slices.origins_mm[:, 2] < 10)[-1])
    lower = Stack(
        shape=(*whole.shape[:2], last),
        slices=Slices(whole.slices.steps_mm, whole.slices.origins_mm[:last]),
    )
    face, brain = face_of(lower, STRAIGHT), lower.brain(STRAIGHT)
    assert nearest_mm(brain, lower.slices, face, lower.slices) >= CLEAR_MM
    for part, ball in KEPT.items():
        assert not face[lower.ball(STRAIGHT, *ball)].any(), part
    for part, ball in FACE.items():
        assert face[lower.ball(STRAIGHT, *ball)].all(), part


@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_of_slices_means_nothing(*, reverse: bool) -> None:
    stack = STACKS["uneven"]
    brain, origins = stack.brain(STRAIGHT), stack.slices.origins_mm
    order = slice(None, None, -1) if reverse else slice(None)
    slices = Slices(stack.slices.steps_mm, origins[order])
    face = face_mask(find_face(brain[:, :, order], slices), slices, stack.shape)
    assert np.array_equal(face[:, :, order], face_of(stack, STRAIGHT))


@pytest.mark.parametrize("name", ["tilted", "sagittal"])
def test_the_nearest_distance_is_that_of_every_pair(name: str) -> None:
    one, other = axial(6.0, 6.0), STACKS[name]
    brain = one.brain(STRAIGHT)
    some = other.ball(STRAIGHT, FACE["nose"][0], 9.0)
    found = nearest_mm(brain, one.slices, some, other.slices)
    assert found == pytest.approx(naive_nearest_mm(brain, one, some, other))


def test_overlapping_masks_are_0_mm_apart_and_an_empty_one_is_nowhere() -> None:
    stack = axial(6.0, 6.0)
    brain = stack.brain(STRAIGHT)
    assert nearest_mm(brain, stack.slices, brain, stack.slices) == 0
    assert nearest_mm(brain, stack.slices, np.zeros_like(brain), stack.slices) == np.inf


def test_no_brain_is_no_head() -> None:
    stack = axial(6.0, 6.0)
    with pytest.raises(UnfitDataError) as error:
        find_face(np.zeros(stack.shape, dtype=bool), stack.slices)
    assert error.value.reason is ReasonCode.HEAD_NOT_FOUND
