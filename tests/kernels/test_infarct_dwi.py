from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.brain_mr import brain_mask_mr
from corelab.kernels.dwi_parameters import DEFAULTS
from corelab.kernels.infarct import Infarct
from corelab.kernels.infarct_dwi import DwiImages, DwiParameters, segment_infarct_dwi
from corelab.vocab import Hemisphere, QcFlag
from tests.kernels.dwi_phantom import SPACING_MM, Blob, Change, Head, make_head

VOXEL_ML = float(np.prod(SPACING_MM)) / 1000
EMBOLI = (
    Blob((-45, 20, 20), (5, 5, 7)),
    Blob((-30, -40, 10), (4, 6, 8)),
    Blob((-40, 30, -10), (6, 5, 7)),
)
MIDDLE = Blob((38, 5, 10), (14, 18, 16))
MCA = Blob((34, 5, 0), (30, 50, 42))
BESIDE_VENTRICLE = Blob((-22, 10, 5), (8, 14, 14))
LATE = DwiParameters(hours_from_onset=120.0)


def images_of(head: Head, b_value: float = 1000.0) -> DwiImages:
    return DwiImages(head.dwi, head.adc, head.b0, b_value)


def segmented(head: Head, parameters: DwiParameters = DEFAULTS) -> Infarct:
    return segment_infarct_dwi(images_of(head), head.brain, SPACING_MM, parameters)


def millilitres(mask: NDArray[np.bool_]) -> float:
    return float(mask.sum()) * VOXEL_ML


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize(
    "infarcts",
    [EMBOLI, (MIDDLE,), (MCA,), (BESIDE_VENTRICLE,)],
    ids=["emboli", "middle", "mca", "beside ventricle"],
)
def test_volume_is_right_from_emboli_to_half_a_hemisphere(infarcts: tuple[Blob, ...]) -> None:
    head = make_head(infarcts)
    found = segmented(head)
    assert abs(millilitres(found.mask) - head.truth_ml) < max(0.5, 0.08 * head.truth_ml)
    assert dice(found.mask, head.fraction > 0.5) > 0.85
    assert QcFlag.NO_INFARCT_FOUND not in found.flags


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.02, 0.06])
def test_healthy_head_has_none(noise: float, seed: int) -> None:
    found = segmented(make_head(noise=noise, seed=seed))
    assert not found.mask.any()
    assert found.hemisphere is Hemisphere.NONE
    assert found.flags == (QcFlag.NO_INFARCT_FOUND,)


@pytest.mark.parametrize("parameters", [DEFAULTS, LATE], ids=["early", "late"])
def test_symmetric_brightness_is_no_infarct(parameters: DwiParameters) -> None:
    mirrored = Blob((-38, 5, 10), MIDDLE.radii_mm)
    head = make_head((MIDDLE, mirrored), change=Change(adc=1.0, b0=1.6))
    assert not segmented(head, parameters).mask.any()


def test_old_scar_that_only_shines_through_is_no_infarct() -> None:
    head = make_head((MIDDLE,), change=Change(adc=1.45, b0=2.6))
    assert not segmented(head).mask.any()


def test_late_infarct_counts_without_low_adc() -> None:
    head = make_head((MIDDLE,), change=Change(adc=1.1, b0=2.0))
    found = segmented(head, LATE)
    assert millilitres(found.mask) == pytest.approx(head.truth_ml, rel=0.12)


def test_pale_large_infarct_is_found_through_noise() -> None:
    head = make_head((MCA,), change=Change(adc=0.68, b0=1.15), noise=0.08)
    found = segmented(head)
    assert millilitres(found.mask) == pytest.approx(head.truth_ml, rel=0.15)


def test_low_lies_in_mask_and_mask_in_high() -> None:
    for infarcts in (EMBOLI, (MCA,)):
        found = segmented(make_head(infarcts))
        assert not (found.low & ~found.mask).any()
        assert not (found.mask & ~found.high).any()
        assert found.low.sum() < found.mask.sum() < found.high.sum()


@pytest.mark.parametrize(
    ("infarcts", "side"),
    [
        ((MIDDLE,), Hemisphere.RIGHT),
        (EMBOLI, Hemisphere.LEFT),
        ((MIDDLE, BESIDE_VENTRICLE), Hemisphere.BILATERAL),
        ((MIDDLE, Blob((-38, 5, 10), MIDDLE.radii_mm)), Hemisphere.BILATERAL),
    ],
    ids=["right", "left", "both", "mirror images"],
)
def test_side_is_the_patient_s_own(infarcts: tuple[Blob, ...], side: Hemisphere) -> None:
    found = segmented(make_head(infarcts))
    assert found.hemisphere is side
    assert (QcFlag.BILATERAL in found.flags) == (side is Hemisphere.BILATERAL)


def test_mirrored_head_gives_the_mirrored_mask() -> None:
    head = make_head((MIDDLE,))
    flipped = Head(head.b0[::-1], head.dwi[::-1], head.adc[::-1], head.brain[::-1], head.fraction)
    there, back = segmented(head), segmented(flipped)
    assert back.hemisphere is Hemisphere.LEFT
    assert dice(there.mask, back.mask[::-1]) > 0.97


def turned(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """A head that looks 14 degrees aside, as a plane must for a shear to move its mirror."""
    whole = image.astype(np.float32)
    return np.asarray(ndimage.rotate(whole, 14, axes=(0, 1), reshape=False, order=1))


def sheared(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each slice one voxel (2 of 6 mm) further back than the one below: a tilt of 18 degrees."""
    middle = image.shape[2] // 2
    slices = [np.roll(image[:, :, k], middle - k, axis=1) for k in range(image.shape[2])]
    return np.stack(slices, axis=2)


def test_a_sheared_stack_gives_the_sheared_mask_and_as_many_ml() -> None:
    head = make_head((MIDDLE,))
    images = [turned(image) for image in (head.dwi, head.adc, head.b0)]
    brain = turned(head.brain)
    straight = segment_infarct_dwi(DwiImages(*images, 1000.0), brain > 0.5, SPACING_MM)
    tilted = DwiImages(*(sheared(image) for image in images), 1000.0)
    found = segment_infarct_dwi(tilted, sheared(brain) > 0.5, SPACING_MM, shear=1 / 3)
    assert dice(sheared(straight.mask.astype(np.float32)) > 0.5, found.mask) > 0.998
    assert millilitres(found.mask) == pytest.approx(millilitres(straight.mask), rel=0.005)
    assert found.hemisphere is straight.hemisphere


@pytest.mark.parametrize("with_b0", [True, False], ids=["b0", "ADC alone"])
def test_blood_in_the_infarct_is_counted_and_labelled(*, with_b0: bool) -> None:
    head = make_head((MIDDLE,))
    clot = np.zeros(head.brain.shape, dtype=bool)
    clot[64:69, 57:62, 10:13] = True
    bled = head._replace(
        b0=np.where(clot, 15, head.b0).astype(np.float32),
        dwi=np.where(clot, 9, head.dwi).astype(np.float32),
        adc=np.where(clot, 0.5e-3, head.adc).astype(np.float32),
    )
    images = images_of(bled)
    if not with_b0:
        images = images._replace(b0=None)
    found = segment_infarct_dwi(images, bled.brain, SPACING_MM)
    assert found.blood[clot].mean() > 0.9
    assert found.blood[~clot].mean() < 1e-3
    assert found.mask[clot].all()


@pytest.mark.parametrize(("water", "is_infarct"), [(0.4, True), (0.8, False)])
def test_infarct_that_shares_its_voxels_with_a_sulcus_counts(
    water: float, *, is_infarct: bool
) -> None:
    head = make_head((MIDDLE,))
    sulcus = np.zeros(head.brain.shape, dtype=bool)
    sulcus[64:70, 57:60, 10] = True
    b0, dwi = head.b0.copy(), head.dwi.copy()
    b0[sulcus] += water * (300 - b0[sulcus])
    dwi[sulcus] += water * (15 - dwi[sulcus])
    adc = head.adc.copy()
    adc[sulcus] = np.log(b0[sulcus] / dwi[sulcus]) / 1000
    found = segmented(head._replace(b0=b0, dwi=dwi, adc=adc))
    assert found.mask[65:69, 58, 10].all() == is_infarct


def test_an_embolus_is_believed_sooner_beside_a_certain_infarct() -> None:
    change = Change(adc=0.95, b0=1.25)
    faint, certain = (
        make_head((Blob((-30, -40, 10), (4, 4, 5)),), change=change),
        make_head((MIDDLE,)),
    )
    place = faint.fraction > 0
    b0, dwi, adc = (np.where(place, *pair) for pair in zip(faint[:3], certain[:3], strict=True))
    both = certain._replace(b0=b0, dwi=dwi, adc=adc)
    assert segmented(both).mask[place].any()
    for alone in (DEFAULTS._replace(company_share=1.0), DEFAULTS._replace(company_ml=100.0)):
        assert not segmented(both, alone).mask[place].any()


def test_adc_is_computed_from_b0_and_flagged() -> None:
    head = make_head((MIDDLE,))
    whole = segmented(head)
    images = images_of(head)._replace(adc_mm2_s=None)
    found = segment_infarct_dwi(images, head.brain, SPACING_MM)
    assert dice(found.mask, whole.mask) > 0.99
    assert found.flags == (QcFlag.ADC_COMPUTED,)


def test_trace_alone_still_measures_and_says_so() -> None:
    head = make_head((MIDDLE,))
    images = DwiImages(head.dwi, None, None, 1000.0)
    found = segment_infarct_dwi(images, head.brain, SPACING_MM)
    assert millilitres(found.mask) == pytest.approx(head.truth_ml, rel=0.15)
    assert QcFlag.ADC_ABSENT in found.flags


@pytest.mark.parametrize(
    ("b_value", "is_flagged"), [(800, False), (1500, False), (2000, True), (700, True)]
)
def test_unusual_b_value_is_flagged(b_value: float, *, is_flagged: bool) -> None:
    head = make_head()
    found = segment_infarct_dwi(images_of(head, b_value), head.brain, SPACING_MM)
    assert (QcFlag.B_VALUE_OUTSIDE_RANGE in found.flags) == is_flagged


def test_an_old_scar_is_told_and_a_healthy_head_has_none() -> None:
    scar = make_head((MIDDLE,), change=Change(adc=1.45, b0=2.6))
    assert QcFlag.OLD_INFARCT_SUSPECTED in segmented(scar).flags
    assert QcFlag.OLD_INFARCT_SUSPECTED not in segmented(make_head((MIDDLE,))).flags


def test_a_brain_that_no_plane_mirrors_is_flagged() -> None:
    head = make_head((BESIDE_VENTRICLE,))
    half = head.brain.copy()
    half[66:, :70] = False
    found = segment_infarct_dwi(images_of(head), half, SPACING_MM)
    assert QcFlag.PLANE_MISMATCH in found.flags
    assert QcFlag.PLANE_MISMATCH not in segmented(head).flags


def test_flair_has_a_say_at_a_late_visit_only() -> None:
    head = make_head((MIDDLE,), change=Change(adc=1.2, b0=1.7))
    flair = np.where(head.fraction > 0.5, 150, 100).astype(np.float32)
    images = images_of(head)._replace(flair=flair)
    late = segment_infarct_dwi(images, head.brain, SPACING_MM, LATE)
    assert QcFlag.FLAIR_USED in late.flags
    assert millilitres(late.mask) == pytest.approx(head.truth_ml, rel=0.2)
    early = segment_infarct_dwi(images, head.brain, SPACING_MM)
    assert QcFlag.FLAIR_USED not in early.flags
    assert not early.mask.any()
    dark = images._replace(flair=np.full_like(flair, 100))
    assert not segment_infarct_dwi(dark, head.brain, SPACING_MM, LATE).mask.any()


def test_infarct_at_the_edge_of_the_mask_is_flagged() -> None:
    head = make_head((Blob((56, 5, 10), (14, 18, 16)),))
    assert QcFlag.TOUCHES_MASK_EDGE in segmented(head).flags
    assert QcFlag.TOUCHES_MASK_EDGE not in segmented(make_head((BESIDE_VENTRICLE,))).flags


def test_values_that_are_no_numbers_do_no_harm() -> None:
    head = make_head((MIDDLE,))
    expected = segmented(head).mask
    head.adc[~head.brain] = np.nan
    head.dwi[0, 0, 0] = np.inf
    np.testing.assert_array_equal(segmented(head).mask, expected)


def test_inputs_are_unchanged() -> None:
    head = make_head((MIDDLE,))
    before = [part.copy() for part in head]
    segmented(head)
    for part, old in zip(head, before, strict=True):
        np.testing.assert_array_equal(part, old)


def test_empty_brain_mask_is_refused() -> None:
    head = make_head()
    with pytest.raises(UnfitDataError) as refusal:
        segment_infarct_dwi(images_of(head), np.zeros_like(head.brain), SPACING_MM)
    assert refusal.value.reason is ReasonCode.HEAD_NOT_FOUND


def load(path: Path) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    image = nib.as_closest_canonical(nib.load(path))
    return image.get_fdata(dtype=np.float32), tuple(float(v) for v in image.header.get_zooms())


def test_real_emboli_agree_with_the_expert(shared_data: Path) -> None:
    folder = shared_data / "lesion" / "isles22_case0009"
    dwi, spacing_mm = load(folder / "dwi.nii.gz")
    adc, truth = (load(folder / f"{name}.nii.gz")[0] for name in ("adc", "mask"))
    brain = brain_mask_mr(dwi, spacing_mm)
    images = DwiImages(dwi, adc * np.float32(1e-3), None, 1000.0)
    found = segment_infarct_dwi(images, brain, spacing_mm)
    assert dice(found.mask, truth > 0.5) > 0.65
    assert found.hemisphere is Hemisphere.LEFT


@pytest.mark.parametrize(
    ("scan", "b_value", "limit_ml"),
    [("siemens_mddw", 1000.0, 0.2), ("canon_dti", 1500.0, 0.5), ("philips_dti", 2000.0, 1.0)],
)
def test_real_healthy_brains_have_none(
    shared_data: Path, scan: str, b_value: float, limit_ml: float
) -> None:
    folder = shared_data / "nolesion" / f"healthy_{scan}"
    dwi, spacing_mm = load(folder / "dwi_trace_geomean.nii.gz")
    adc, b0 = (load(folder / f"{name}.nii.gz")[0] for name in ("adc_computed_mm2s", "b0"))
    brain = brain_mask_mr(b0, spacing_mm)
    found = segment_infarct_dwi(DwiImages(dwi, adc, b0, b_value), brain, spacing_mm)
    assert found.mask.sum() * np.prod(spacing_mm) / 1000 <= limit_ml
