from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.face import KEPT_MM
from corelab.stages.deface import Attempt, deface, prove
from corelab.store.image import load_image, save_image
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask, save_volume
from corelab.vocab import Acquisition, Case, Contrast, Modality, SubjectCode, VisitLabel
from corelab.volume import Volume
from tests.kernels.face_phantom import FACE, KEPT, Pose, Stack, axial, sagittal

CASE = Case(SubjectCode("A2B3C4"), VisitLabel("fu24h"))
POSE = Pose(yaw_deg=10.0)
MAIN, OTHER = axial(3.0, 5.0, tilt_deg=20.0), sagittal()
INFARCT = ((30.0, 0.0, 10.0), 15.0)


def volume_of(stack: Stack, values: np.ndarray, contrast: Contrast | None = None) -> Volume:
    affine = np.eye(4)
    affine[:3, :2] = stack.slices.steps_mm
    affine[:3, 2] = stack.slices.origins_mm[1] - stack.slices.origins_mm[0]
    affine[:3, 3] = stack.slices.origins_mm[0]
    acquisition = None if contrast is None else Acquisition(contrast=contrast)
    return Volume(data=values, affine=affine, acquisition=acquisition)


def values_of(stack: Stack, dtype: type[np.generic]) -> np.ndarray:
    """Everywhere tissue of some value, so that every change is seen."""
    return np.random.default_rng(3).integers(20, 90, stack.shape).astype(dtype)


def write_masks(layout: Layout) -> None:
    brain = MAIN.brain(POSE)
    infarct = MAIN.ball(POSE, *INFARCT) & brain
    save_volume(layout.brain_mask(CASE), volume_of(MAIN, brain.astype(np.uint8)))
    save_volume(layout.infarct_mask(CASE), volume_of(MAIN, infarct.astype(np.uint8)))


def attempt_on(folder: Path, modality: Modality, stacks: dict[Contrast, Stack]) -> Attempt:
    """Write a case and take its face off; its infarct is the same by making."""
    attempt = Attempt(
        case=CASE,
        modality=modality,
        contrasts=tuple(stacks),
        source=Layout(folder / "whole"),
        out=Layout(folder / "released"),
        kept_mm=KEPT_MM[0],
    )
    for contrast, stack in stacks.items():
        dtype = np.int16 if contrast is Contrast.CT else np.float32
        image = volume_of(stack, values_of(stack, dtype), contrast)
        save_image(attempt.source.image(CASE, contrast), image)
    write_masks(attempt.source)
    deface(attempt)
    write_masks(attempt.out)
    return attempt


@pytest.fixture
def ct(tmp_path: Path) -> Attempt:
    return attempt_on(tmp_path, Modality.NCCT, {Contrast.CT: MAIN})


@pytest.fixture
def dwi(tmp_path: Path) -> Attempt:
    stacks = {Contrast.DWI: MAIN, Contrast.ADC: MAIN, Contrast.FLAIR: OTHER}
    return attempt_on(tmp_path, Modality.DWI, stacks)


def both(attempt: Attempt, contrast: Contrast) -> tuple[np.ndarray, np.ndarray]:
    before, after = (
        load_image(place.image(CASE, contrast)).data for place in (attempt.source, attempt.out)
    )
    return np.asarray(before), np.asarray(after)


@pytest.mark.parametrize("part", FACE)
def test_the_face_of_a_ct_becomes_air(ct: Attempt, part: str) -> None:
    _, after = both(ct, Contrast.CT)
    assert (after[MAIN.ball(POSE, *FACE[part])] == -1024).all()


@pytest.mark.parametrize(
    ("contrast", "stack"),
    [(Contrast.DWI, MAIN), (Contrast.ADC, MAIN), (Contrast.FLAIR, OTHER)],
)
def test_the_face_of_every_mr_image_becomes_0_on_its_own_grid(
    dwi: Attempt, contrast: Contrast, stack: Stack
) -> None:
    before, after = both(dwi, contrast)
    for ball in FACE.values():
        assert (after[stack.ball(POSE, *ball)] == 0).all()
    for ball in (*KEPT.values(), ((0.0, 0.0, 0.0), 40.0)):
        place = stack.ball(POSE, *ball)
        assert np.array_equal(after[place], before[place])


def test_the_grid_and_the_sidecar_stay(dwi: Attempt) -> None:
    for contrast in dwi.contrasts:
        whole, released = (
            load_image(place.image(CASE, contrast)) for place in (dwi.source, dwi.out)
        )
        assert released.same_grid(whole)
        assert released.acquisition == whole.acquisition
        assert released.data.dtype == whole.data.dtype


def test_the_proof_tells_what_was_removed_and_how_far_from_the_brain(dwi: Attempt) -> None:
    proof = prove(dwi)
    assert proof.is_identical
    assert proof.infarct_volume_ml_before == proof.infarct_volume_ml_after
    voxels = np.count_nonzero(load_mask(dwi.source.infarct_mask(CASE), volume_of(MAIN, MAIN_ZERO)))
    assert proof.infarct_volume_ml_before == pytest.approx(voxels * 3 * 3 * 5 / 1000, abs=1e-3)
    assert proof.min_distance_mm is not None
    assert 17.0 <= proof.min_distance_mm < 22.0
    assert proof.kept_mm == 15.0
    largest_ml = 0.0
    for contrast, voxel_mm3 in ((Contrast.DWI, 45.0), (Contrast.FLAIR, 31.25)):
        before, after = both(dwi, contrast)
        largest_ml = max(largest_ml, np.count_nonzero(before != after) * voxel_mm3 / 1000)
    assert proof.removed_ml == pytest.approx(largest_ml, abs=1e-3)


MAIN_ZERO = np.zeros(MAIN.shape, dtype=np.uint8)


def test_an_infarct_that_differs_in_one_voxel_is_not_proved(ct: Attempt) -> None:
    image = volume_of(MAIN, MAIN_ZERO)
    labels = np.array(load_mask(ct.out.infarct_mask(CASE), image))
    labels[tuple(np.argwhere(labels)[0])] = 0
    save_volume(ct.out.infarct_mask(CASE), volume_of(MAIN, labels))
    with pytest.raises(UnfitDataError, match="1 voxels differ, 15 mm kept") as error:
        prove(ct)
    assert error.value.reason is ReasonCode.DEFACE_NOT_PROVED


@pytest.mark.parametrize("contrast", [Contrast.DWI, Contrast.FLAIR])
def test_a_voxel_that_changed_near_the_brain_is_not_proved(
    dwi: Attempt, contrast: Contrast
) -> None:
    released = load_image(dwi.out.image(CASE, contrast))
    stack = MAIN if contrast is Contrast.DWI else OTHER
    data = np.array(released.data)
    data[stack.ball(POSE, KEPT["forehead"][0], 3.0)] += 1
    changed = Volume(data=data, affine=released.affine, acquisition=released.acquisition)
    save_image(dwi.out.image(CASE, contrast), changed)
    with pytest.raises(UnfitDataError, match="expected none within 17 mm") as error:
        prove(dwi)
    assert error.value.reason is ReasonCode.DEFACE_NOT_PROVED


def test_a_head_without_a_face_in_view_is_proved_with_nothing_removed(tmp_path: Path) -> None:
    attempt = attempt_on(tmp_path, Modality.NCCT, {Contrast.CT: MAIN})
    whole = load_image(attempt.source.image(CASE, Contrast.CT))
    save_image(attempt.out.image(CASE, Contrast.CT), whole)
    proof = prove(attempt)
    assert proof.removed_ml == 0
    assert proof.min_distance_mm is None
