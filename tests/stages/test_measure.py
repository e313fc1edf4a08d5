from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corelab.diffusivity import diffusivity
from corelab.stages.measure import measurement_of, swelling_of, volume_ml
from corelab.vocab import (
    Absence,
    Acquisition,
    Contrast,
    Hemisphere,
    Modality,
    Swelling,
    ValueScale,
)
from corelab.volume import Volume
from tests.kernels.ct_phantom import Recipe
from tests.kernels.swollen_head import ADC_OF_PARENCHYMA, UPRIGHT, Swollen, adc_of, build

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


ORDERS = [
    pytest.param((0, 1, 2), (1, 1, 1), id="ras"),
    pytest.param((0, 1, 2), (-1, -1, 1), id="as-scanners-store-it"),
    pytest.param((0, 1, 2), (1, 1, -1), id="head-first"),
    pytest.param((1, 2, 0), (1, -1, 1), id="permuted"),
]
TILTED = Recipe(shape=UPRIGHT.shape, spacing_mm=UPRIGHT.spacing_mm, shear=0.3, yaw_deg=4.0)


def stored(
    data: np.ndarray, affine: np.ndarray, axes: tuple[int, ...], signs: tuple[int, ...]
) -> Volume:
    """The same voxels at the same places in another order of axes."""
    back = data[tuple(slice(None, None, sign) for sign in signs)].transpose(axes)
    matrix = affine.copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            matrix[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
            matrix[:3, axis] *= -1
    matrix[:3, :3] = matrix[:3, list(axes)]
    return Volume(data=np.ascontiguousarray(back), affine=matrix)


def sheared_affine(recipe: Recipe) -> np.ndarray:
    """Affine of a stack whose slices step towards the front as a tilted gantry's do."""
    affine = np.diag([*recipe.spacing_mm, 1.0])
    affine[1, 2] = recipe.shear * recipe.spacing_mm[2]
    return affine


def swelling_in_order(axes: tuple[int, ...], signs: tuple[int, ...], recipe: Recipe) -> Swelling:
    hu, head = build(Swollen(pose=recipe, septum_mm=6.0, pockets=(2, 1)))
    affine = sheared_affine(recipe)
    return swelling_of(
        stored(hu, affine, axes, signs),
        Modality.NCCT,
        labels=stored(head.infarct.astype(np.uint8), affine, axes, signs),
        brain=stored(head.brain.astype(np.uint8), affine, axes, signs),
        hemisphere=Hemisphere.RIGHT,
    )


@pytest.mark.parametrize(("axes", "signs"), ORDERS)
def test_swelling_does_not_depend_on_the_order_of_axes(
    axes: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    found = swelling_in_order(axes, signs, UPRIGHT)
    assert found == swelling_in_order((0, 1, 2), (1, 1, 1), UPRIGHT)
    assert found.midline_shift_mm == pytest.approx(6.0, abs=0.1)
    assert found.nwu_percent == pytest.approx(22.0, abs=1e-3)


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_a_gantry_tilt_does_not_change_swelling(signs: tuple[int, ...]) -> None:
    found = swelling_in_order((0, 1, 2), signs, TILTED)
    assert found.midline_shift_mm == pytest.approx(6.0, abs=0.5)
    assert found.nwu_percent == pytest.approx(22.0, abs=0.5)


def diffusion_volume(data: np.ndarray, contrast: Contrast, **told: object) -> Volume:
    acquisition = Acquisition(contrast=contrast, **told)  # type: ignore[arg-type]
    affine = np.diag([*UPRIGHT.spacing_mm, 1.0])
    return Volume(data=data.astype(np.float32), affine=affine, acquisition=acquisition)


def test_a_delivered_adc_is_taken_in_its_own_unit() -> None:
    adc = adc_of(build(Swollen())[0])
    dwi = diffusion_volume(adc, Contrast.DWI, b_value_s_mm2=1000.0)
    delivered = diffusion_volume(adc * 1e6, Contrast.ADC)
    found = diffusivity(dwi, delivered, None, b_value_s_mm2=1000.0, scale_to_mm2_s=1e-6)
    assert found is not None
    np.testing.assert_allclose(found.data, adc, rtol=1e-5)
    assert diffusivity(dwi, delivered, dwi, b_value_s_mm2=1000.0, scale_to_mm2_s=None) is None


def test_a_missing_adc_is_computed_as_for_the_segmentation() -> None:
    hu, head = build(Swollen(septum_mm=6.0))
    adc = adc_of(hu)
    b0 = np.where(head.brain, 1000.0, 0.0)
    dwi = diffusion_volume(b0 * np.exp(-1000 * adc), Contrast.DWI, b_value_s_mm2=1000.0)
    computed = diffusivity(
        dwi, None, diffusion_volume(b0, Contrast.B0), b_value_s_mm2=1000.0, scale_to_mm2_s=None
    )
    assert computed is not None
    np.testing.assert_allclose(computed.data[head.brain], adc[head.brain], rtol=1e-3)
    found = swelling_of(
        computed,
        Modality.DWI,
        labels=dwi.with_data(head.infarct.astype(np.uint8)),
        brain=dwi.with_data(head.brain.astype(np.uint8)),
        hemisphere=Hemisphere.RIGHT,
    )
    assert found.midline_shift_mm == pytest.approx(6.0, abs=0.1)


def test_images_that_do_not_say_how_they_were_made_have_an_adc_all_the_same() -> None:
    signal = np.full(UPRIGHT.shape, 1000.0)
    dwi, b0 = (
        replace(diffusion_volume(signal * share, Contrast.DWI), acquisition=None)
        for share in (np.exp(-1000 * ADC_OF_PARENCHYMA), 1.0)
    )
    found = diffusivity(dwi, None, b0, b_value_s_mm2=1000.0, scale_to_mm2_s=None)
    assert found is not None
    np.testing.assert_allclose(found.data, ADC_OF_PARENCHYMA, rtol=1e-3)
    assert diffusivity(dwi, None, b0, b_value_s_mm2=None, scale_to_mm2_s=None) is None


def test_no_adc_is_made_of_signals_on_two_scales() -> None:
    signal = np.ones(UPRIGHT.shape)
    floating, displayed = ValueScale.FLOATING_POINT, ValueScale.DISPLAYED
    dwi = diffusion_volume(signal, Contrast.DWI, b_value_s_mm2=1000.0, value_scale=floating)
    b0 = diffusion_volume(signal, Contrast.B0, value_scale=displayed)
    assert diffusivity(dwi, None, b0, b_value_s_mm2=1000.0, scale_to_mm2_s=None) is None


def test_an_edited_mask_without_infarct_leaves_secondary_values_missing() -> None:
    hu, head = build(Swollen())
    image = diffusion_volume(hu, Contrast.CT)
    found = swelling_of(
        image,
        Modality.NCCT,
        labels=image.with_data(np.zeros(UPRIGHT.shape, np.uint8)),
        brain=image.with_data(head.brain.astype(np.uint8)),
        hemisphere=Hemisphere.RIGHT,
    )
    assert dict(found.absent)["nwu_percent"] is Absence.NO_INFARCT
    assert found.hemisphere_share_percent is None
