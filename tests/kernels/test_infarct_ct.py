from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.brain_ct import brain_mask_ct
from corelab.kernels.infarct import Infarct
from corelab.kernels.infarct_ct import CtParameters, segment_infarct_ct
from corelab.vocab import Hemisphere, QcFlag
from tests.kernels.ct_phantom import CtHead, Recipe, build_ct_head, dice, ellipsoid, head_axes
from tests.kernels.test_brain_ct import read_slices

PLAIN = Recipe()


def segmented(head: CtHead, hu: NDArray[np.generic] | None = None) -> Infarct:
    image = head.hu if hu is None else hu
    return segment_infarct_ct(image, brain_mask_ct(image, head.spacing_mm), head.spacing_mm)


def painted(head: CtHead, value_hu: float, where: NDArray[np.bool_]) -> NDArray[np.int16]:
    image = head.hu.astype(np.float32)
    texture = image[where] - image[where].mean()
    image[where] = value_hu + 0.5 * texture
    return image.round().astype(np.int16)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(lesion_ml=10),
        Recipe(lesion_ml=30, side=-1),
        Recipe(lesion_ml=30, lesion_hu=25),
        Recipe(lesion_ml=60, lesion_hu=16),
        Recipe(lesion_ml=110, side=-1),
        Recipe(lesion_ml=40, yaw_deg=10, roll_deg=-5, offset_mm=6),
        Recipe(lesion_ml=40, noise_hu=5),
        Recipe(lesion_ml=30, shape=(256, 288, 32), spacing_mm=(0.9, 0.9, 5.0)),
        Recipe(lesion_ml=30, shape=(128, 144, 160), spacing_mm=(1.8, 1.8, 1.0)),
    ],
    ids=["10", "left", "faint", "deep", "110", "oblique", "noisy", "fine pixels", "thin slices"],
)
def test_the_volume_is_within_a_fifth_of_the_truth(recipe: Recipe) -> None:
    head = build_ct_head(recipe)
    found = segmented(head)
    truth_ml = head.millilitres(head.lesion)
    assert head.millilitres(found.mask) == pytest.approx(truth_ml, rel=0.2)
    assert dice(found.mask, head.lesion) > 0.85
    assert found.hemisphere is (Hemisphere.RIGHT if recipe.side > 0 else Hemisphere.LEFT)
    assert QcFlag.NO_INFARCT_FOUND not in found.flags


def test_a_tilted_gantry_with_an_oblique_head_keeps_the_volume() -> None:
    head = build_ct_head(Recipe(lesion_ml=40, yaw_deg=8, roll_deg=4, shear=0.33))
    brain = brain_mask_ct(head.hu, head.spacing_mm)
    found = segment_infarct_ct(head.hu, brain, head.spacing_mm, shear=0.33)
    assert head.millilitres(found.mask) == pytest.approx(40, rel=0.15)


@pytest.mark.parametrize(
    "recipe", [PLAIN, Recipe(noise_hu=6), Recipe(yaw_deg=-9, roll_deg=6), Recipe(has_neck=True)]
)
def test_a_head_without_infarct_has_0_ml(recipe: Recipe) -> None:
    found = segmented(build_ct_head(recipe))
    assert not found.mask.any()
    assert not found.high.any()
    assert found.hemisphere is Hemisphere.NONE
    assert found.flags == (QcFlag.NO_INFARCT_FOUND,)


def test_masks_lie_inside_one_another() -> None:
    head = build_ct_head(Recipe(lesion_ml=50, blood_ml=6))
    brain = brain_mask_ct(head.hu, head.spacing_mm)
    found = segment_infarct_ct(head.hu, brain, head.spacing_mm)
    assert not (found.blood & ~found.mask).any()
    assert not (found.low & ~found.mask).any()
    assert not (found.mask & ~found.high).any()
    assert not (found.high & ~brain).any()
    assert found.low.sum() < found.mask.sum() < found.high.sum()


def test_blood_inside_the_infarct_counts_and_is_told_apart() -> None:
    head = build_ct_head(Recipe(lesion_ml=60, blood_ml=10))
    found = segmented(head)
    assert head.millilitres(found.mask) == pytest.approx(60, rel=0.1)
    assert head.millilitres(found.blood) == pytest.approx(10, rel=0.25)


def test_blood_elsewhere_does_not_count() -> None:
    head = build_ct_head(Recipe(lesion_ml=40))
    bleed = ellipsoid(head_axes(PLAIN), (12, 12, 12), (-35.0, 20.0, 20.0))
    found = segmented(head, painted(head, 65, bleed))
    assert not found.blood.any()
    assert not (found.mask & bleed).any()
    assert head.millilitres(found.mask) == pytest.approx(40, rel=0.1)


def test_change_that_is_alike_on_both_sides_is_no_infarct() -> None:
    head = build_ct_head(PLAIN)
    axes = head_axes(PLAIN)
    both = np.zeros_like(head.brain)
    for sign in (-1, 1):
        both |= ellipsoid(axes, (9, 34, 14), (26.0 * sign, 0, 22))
    assert not segmented(head, painted(head, 22, both)).mask.any()


def test_an_old_cavity_of_fluid_is_no_infarct() -> None:
    head = build_ct_head(PLAIN)
    cavity = ellipsoid(head_axes(PLAIN), (14, 16, 16), (42.0, -10.0, 10.0))
    assert head.millilitres(segmented(head, painted(head, 6, cavity)).mask) < 1


def test_a_wide_ventricle_on_one_side_is_no_infarct() -> None:
    head = build_ct_head(PLAIN)
    wide = ellipsoid(head_axes(PLAIN), (12, 36, 17), (18.0, 0, 8))
    assert head.millilitres(segmented(head, painted(head, 8, wide)).mask) < 1


def test_infarcts_on_both_sides_are_both_found_and_flagged() -> None:
    head = build_ct_head(Recipe(lesion_ml=30))
    second = ellipsoid(head_axes(PLAIN), (17, 17, 17), (-35.0, -45.0, 10.0))
    found = segmented(head, painted(head, 21, second & (head.hu > 20)))
    assert found.hemisphere is Hemisphere.BILATERAL
    assert QcFlag.BILATERAL in found.flags
    assert (found.mask & second).sum() > 0.7 * second.sum()


def test_one_dark_slice_is_an_artefact() -> None:
    head = build_ct_head(PLAIN)
    side = head_axes(PLAIN)[0] > 5
    side[:, :, :14] = False
    side[:, :, 15:] = False
    assert not segmented(head, painted(head, 22, side & (head.hu > 20) & (head.hu < 60))).mask.any()


def test_an_infarct_cut_by_the_last_slice_is_flagged() -> None:
    head = build_ct_head(Recipe(lesion_ml=60))
    top = head.hu[:, :, :17]
    found = segment_infarct_ct(top, brain_mask_ct(top, head.spacing_mm), head.spacing_mm)
    assert QcFlag.TOUCHES_MASK_EDGE in found.flags


def test_an_even_offset_of_the_scanner_changes_little() -> None:
    head = build_ct_head(Recipe(lesion_ml=40))
    shifted = np.where(head.hu > -500, head.hu + 3, head.hu).astype(np.int16)
    volumes = [head.millilitres(segmented(head, hu).mask) for hu in (head.hu, shifted)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.05)


def test_the_mirrored_head_has_the_mirrored_infarct() -> None:
    head = build_ct_head(Recipe(lesion_ml=40))
    mask = segmented(head).mask
    flipped = segmented(head, head.hu[::-1])
    assert dice(flipped.mask[::-1], mask) > 0.97
    assert flipped.hemisphere is Hemisphere.LEFT


def test_parameters_are_taken() -> None:
    head = build_ct_head(Recipe(lesion_ml=30))
    brain = brain_mask_ct(head.hu, head.spacing_mm)
    blind = CtParameters(seed_level=0.2, wide_rungs=(), seed_lowest=0.2)
    found = segment_infarct_ct(head.hu, brain, head.spacing_mm, blind)
    assert found.flags == (QcFlag.NO_INFARCT_FOUND,)


def test_an_empty_brain_is_refused() -> None:
    with pytest.raises(UnfitDataError) as caught:
        segment_infarct_ct(np.zeros((8, 8, 3)), np.zeros((8, 8, 3), dtype=bool), PLAIN.spacing_mm)
    assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND


def test_inputs_stay_unchanged() -> None:
    head = build_ct_head(Recipe(lesion_ml=20))
    brain = brain_mask_ct(head.hu, head.spacing_mm)
    before = head.hu.copy(), brain.copy()
    segment_infarct_ct(head.hu, brain, head.spacing_mm)
    np.testing.assert_array_equal(head.hu, before[0])
    np.testing.assert_array_equal(brain, before[1])


def test_a_real_hypodensity_is_found_where_it_is(shared_data: Path) -> None:
    hu, spacing_mm = read_slices(shared_data / "dicom" / "ct_ge_tilt_variable" / "dicom")
    brain = brain_mask_ct(hu, spacing_mm)
    found = segment_infarct_ct(hu, brain, spacing_mm, shear=0.335)
    volume_ml = float(np.count_nonzero(found.mask) * np.prod(spacing_mm) / 1000)
    assert found.hemisphere is Hemisphere.LEFT
    assert 18 < volume_ml < 35
    centre = [float(axis.mean()) for axis in np.nonzero(found.mask)]
    assert (np.abs(np.subtract(centre, [195, 205, 13.5])) < [15, 25, 2]).all()
