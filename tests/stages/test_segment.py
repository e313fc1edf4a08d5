from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

import corelab
from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.infarct_dwi import DwiImages, DwiParameters, segment_infarct_dwi
from corelab.stages.segment import Segmentation
from corelab.vocab import Acquisition, Contrast, Derivation, Hemisphere, QcFlag, ValueScale
from corelab.volume import Volume
from tests.kernels.ct_phantom import CtHead, Recipe, build_ct_head
from tests.kernels.dwi_phantom import B_VALUE, SPACING_MM, Blob, Change, Head, make_head

RAS_AXES = (0, 1, 2)


@pytest.fixture(scope="module")
def ct_head() -> CtHead:
    return build_ct_head(Recipe(lesion_ml=40.0))


@pytest.fixture(scope="module")
def dwi_head() -> Head:
    return make_head((Blob((30.0, 10.0, 5.0), (14.0, 14.0, 14.0)),))


def stored(
    data: np.ndarray, spacing_mm: tuple[float, ...], axes: tuple[int, ...], signs: tuple[int, ...]
) -> Volume:
    """Store an RAS+ array in another order of axes; ``signs`` belong to the world axes."""
    flipped = data[tuple(slice(None, None, sign) for sign in signs)]
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for world, sign in enumerate(signs):
        affine[world, axes.index(world)] = spacing_mm[world] * sign
        affine[world, 3] = 0 if sign > 0 else spacing_mm[world] * (data.shape[world] - 1)
    return Volume(data=np.ascontiguousarray(flipped.transpose(axes)), affine=affine)


def voxels_in_ras(made: Segmentation, axes: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    back = np.asarray(made.infarct.data).transpose(np.argsort(axes))
    return back[tuple(slice(None, None, sign) for sign in signs)]


ORDERS = [
    pytest.param(RAS_AXES, (-1, -1, 1), id="as-scanners-store-it"),
    pytest.param(RAS_AXES, (1, 1, -1), id="head-first"),
    pytest.param((1, 2, 0), (1, -1, 1), id="permuted"),
]


@pytest.mark.parametrize(("axes", "signs"), ORDERS)
def test_a_ct_mask_does_not_depend_on_the_order_of_axes(
    ct_head: CtHead, axes: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    plain = corelab.segment_ct(stored(ct_head.hu, ct_head.spacing_mm, RAS_AXES, (1, 1, 1)))
    made = corelab.segment_ct(stored(ct_head.hu, ct_head.spacing_mm, axes, signs))
    np.testing.assert_array_equal(voxels_in_ras(made, axes, signs), plain.infarct.data)
    assert made.record.hemisphere is plain.record.hemisphere is Hemisphere.RIGHT
    assert corelab.volume_ml(made.infarct) == pytest.approx(
        ct_head.millilitres(ct_head.lesion), rel=0.15
    )


def test_the_range_is_nested_around_the_mask(ct_head: CtHead) -> None:
    made = corelab.segment_ct(stored(ct_head.hu, ct_head.spacing_mm, RAS_AXES, (-1, -1, 1)))
    np.testing.assert_array_equal(made.nested.data >= 2, made.infarct.data > 0)
    assert (made.nested.data == 3).any()


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
def test_an_adc_in_any_unit_gives_the_same_mask(dwi_head: Head, scale: float) -> None:
    dwi = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    adc = dwi.with_data((dwi_head.adc / scale).astype(np.float32))
    made = corelab.segment_dwi(dwi, adc, b_value_s_mm2=B_VALUE)
    assert made.record.adc_scale_to_mm2_s == scale
    assert corelab.volume_ml(made.infarct) == pytest.approx(dwi_head.truth_ml, rel=0.12)


def test_a_missing_adc_is_computed_from_b0_and_said(dwi_head: Head) -> None:
    dwi = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    made = corelab.segment_dwi(dwi, b0=dwi.with_data(dwi_head.b0), b_value_s_mm2=B_VALUE)
    assert QcFlag.ADC_COMPUTED in made.record.flags
    assert made.record.adc_scale_to_mm2_s is None
    assert corelab.volume_ml(made.infarct) == pytest.approx(dwi_head.truth_ml, rel=0.15)


@pytest.mark.parametrize(("axes", "signs"), ORDERS)
def test_a_dwi_mask_does_not_depend_on_the_order_of_axes(
    dwi_head: Head, axes: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    def made(axes: tuple[int, ...], signs: tuple[int, ...]) -> Segmentation:
        dwi, adc, b0 = (
            stored(part, SPACING_MM, axes, signs)
            for part in (dwi_head.dwi, dwi_head.adc, dwi_head.b0)
        )
        return corelab.segment_dwi(dwi, adc, b0, b_value_s_mm2=B_VALUE)

    plain, other = made(RAS_AXES, (1, 1, 1)), made(axes, signs)
    np.testing.assert_array_equal(voxels_in_ras(other, axes, signs), plain.infarct.data)
    assert other.record.hemisphere is plain.record.hemisphere is Hemisphere.RIGHT


def test_a_skull_stripped_dwi_gives_the_same_volume(dwi_head: Head) -> None:
    parts = (dwi_head.dwi, dwi_head.adc, dwi_head.b0)
    bare = (np.where(dwi_head.brain, part, 0).astype(np.float32) for part in parts)
    dwi, adc, b0 = (stored(part, SPACING_MM, RAS_AXES, (1, 1, 1)) for part in bare)
    for beside in (b0, None):
        made = corelab.segment_dwi(dwi, adc, beside, b_value_s_mm2=B_VALUE)
        assert corelab.volume_ml(made.infarct) == pytest.approx(dwi_head.truth_ml, rel=0.12)


def test_a_flair_that_does_not_fit_leaves_the_dwi_as_it_is(dwi_head: Head) -> None:
    dwi = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    adc, late = dwi.with_data(dwi_head.adc), DwiParameters(hours_from_onset=140.0)
    far = dwi.affine.copy()
    far[0, 3] += 80.0
    flair = Volume(data=dwi_head.b0, affine=far)
    with_it = corelab.segment_dwi(dwi, adc, b_value_s_mm2=B_VALUE, flair=flair, parameters=late)
    without = corelab.segment_dwi(dwi, adc, b_value_s_mm2=B_VALUE, parameters=late)
    assert QcFlag.FLAIR_USED not in with_it.record.flags
    np.testing.assert_array_equal(with_it.infarct.data, without.infarct.data)


def test_a_flair_has_a_say_at_a_late_visit_and_is_told(dwi_head: Head) -> None:
    dwi = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    adc, flair = dwi.with_data(dwi_head.adc), dwi.with_data(dwi_head.b0)
    for hours, is_used in ((140.0, True), (24.0, False)):
        made = corelab.segment_dwi(
            dwi,
            adc,
            b_value_s_mm2=B_VALUE,
            flair=flair,
            parameters=DwiParameters(hours_from_onset=hours),
        )
        assert (QcFlag.FLAIR_USED in made.record.flags) == is_used
        assert dict(made.record.parameters)["hours_from_onset"] == hours


def test_an_adc_elsewhere_in_space_is_refused(dwi_head: Head) -> None:
    dwi = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    shifted = dwi.affine.copy()
    shifted[0, 3] += 3.0
    adc = Volume(data=dwi_head.adc, affine=shifted)
    with pytest.raises(UnfitDataError, match="one grid") as caught:
        corelab.segment_dwi(dwi, adc, b_value_s_mm2=B_VALUE)
    assert caught.value.reason is ReasonCode.GRIDS_DIFFER


def test_every_parameter_is_recorded_by_name(dwi_head: Head) -> None:
    dwi = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    made = corelab.segment_dwi(dwi, dwi.with_data(dwi_head.adc), b_value_s_mm2=B_VALUE)
    recorded = dict(made.record.parameters)
    assert recorded["b_value_s_mm2"] == B_VALUE
    assert recorded["early.excess"] == DwiParameters().early.excess
    assert recorded["border_height"] == DwiParameters().border_height


def on_scale(volume: Volume, contrast: Contrast, scale: ValueScale, b_value: float) -> Volume:
    acquisition = Acquisition(contrast=contrast, value_scale=scale, b_value_s_mm2=b_value)
    return dataclasses.replace(volume, acquisition=acquisition)


def test_an_adc_says_whether_it_was_delivered_or_computed(dwi_head: Head) -> None:
    dwi = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    adc, b0 = dwi.with_data(dwi_head.adc), dwi.with_data(dwi_head.b0)
    delivered = corelab.segment_dwi(dwi, adc, b0, b_value_s_mm2=B_VALUE)
    computed = corelab.segment_dwi(dwi, b0=b0, b_value_s_mm2=B_VALUE)
    assert delivered.record.adc_derivation is Derivation.AS_DELIVERED
    assert computed.record.adc_derivation is Derivation.COMPUTED_FROM_B0_AND_TRACE


def test_no_adc_is_computed_from_values_of_two_scales(dwi_head: Head) -> None:
    plain = stored(dwi_head.dwi, SPACING_MM, RAS_AXES, (1, 1, 1))
    dwi = on_scale(plain, Contrast.DWI, ValueScale.FLOATING_POINT, B_VALUE)
    b0 = on_scale(plain.with_data(dwi_head.b0), Contrast.B0, ValueScale.DISPLAYED, 0.0)
    made = corelab.segment_dwi(dwi, b0=b0, b_value_s_mm2=B_VALUE)
    assert made.record.adc_derivation is None
    assert QcFlag.ADC_COMPUTED not in made.record.flags
    assert QcFlag.ADC_ABSENT in made.record.flags


def test_a_dwi_of_a_tilted_stack_is_mirrored_as_it_stands() -> None:
    """The kernel is told what the affine says, by which the range is another."""
    both_sides = Blob((30.0, 10.0, 5.0), (14.0,) * 3), Blob((-30.0, 10.0, 25.0), (12.0, 12.0, 14.0))
    head = make_head(both_sides, change=Change(adc=0.85))
    affine = np.diag([*SPACING_MM, 1.0])
    affine[1, 2] = 2.0
    # A plane that runs straight along the shear is moved by none.
    turned = [
        ndimage.rotate(data, 14, axes=(0, 1), reshape=False, order=1)
        for data in (head.dwi, head.adc)
    ]
    trace, adc = (Volume(data=data, affine=affine) for data in turned)
    made = corelab.segment_dwi(trace, adc, b_value_s_mm2=B_VALUE)
    brain = np.asarray(made.brain.data) > 0
    images = DwiImages(*turned, None, B_VALUE)
    told = segment_infarct_dwi(images, brain, SPACING_MM, shear=1 / 3)
    untold = segment_infarct_dwi(images, brain, SPACING_MM)
    np.testing.assert_array_equal(np.asarray(made.infarct.data) > 0, told.mask)
    ranges = zip(told[:4], untold[:4], strict=True)
    assert any((one != other).any() for one, other in ranges)
