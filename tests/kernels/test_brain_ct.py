from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.brain_ct import brain_mask_ct
from tests.kernels.ct_phantom import CtHead, Recipe, build_ct_head, dice, head_axes

SPACING_MM = (1.8, 1.8, 5.0)


@pytest.fixture(scope="module")
def head() -> CtHead:
    return build_ct_head(Recipe())


def test_the_inside_of_the_skull_is_found(head: CtHead) -> None:
    brain = brain_mask_ct(head.hu, head.spacing_mm)
    assert brain.shape == head.hu.shape
    assert brain.dtype == np.bool_
    assert dice(brain, head.brain) > 0.97


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(yaw_deg=15.0, roll_deg=-10.0, offset_mm=8.0),
        Recipe(shear=0.35),
        Recipe(has_table=True),
        Recipe(shape=(256, 288, 32), spacing_mm=(0.9, 0.9, 5.0)),
        Recipe(shape=(128, 144, 160), spacing_mm=(1.8, 1.8, 1.0)),
        Recipe(lesion_ml=150.0, lesion_hu=16.0),
        Recipe(noise_hu=9.0),
    ],
    ids=["oblique", "gantry tilt", "table", "fine pixels", "thin slices", "infarct", "noise"],
)
def test_a_head_is_found_however_it_was_scanned(recipe: Recipe) -> None:
    head = build_ct_head(recipe)
    assert dice(brain_mask_ct(head.hu, head.spacing_mm), head.brain) > 0.96


@pytest.mark.parametrize("outside", [0, -1000, -1024])
def test_a_brain_without_its_skull_is_found(head: CtHead, outside: int) -> None:
    stripped = np.where(head.brain, head.hu, outside).astype(np.int16)
    assert dice(brain_mask_ct(stripped, head.spacing_mm), head.brain) > 0.97


def test_padding_far_below_air_does_not_matter(head: CtHead) -> None:
    i, j = np.indices(head.hu.shape[:2])
    padded = head.hu.copy()
    padded[np.hypot(i - 64, j - 72) > 63] = -3024
    np.testing.assert_array_equal(
        brain_mask_ct(padded, head.spacing_mm), brain_mask_ct(head.hu, head.spacing_mm)
    )


def test_a_head_cut_by_the_edge_of_the_image_keeps_what_is_there(head: CtHead) -> None:
    part = np.s_[45:, 30:]
    assert dice(brain_mask_ct(head.hu[part], head.spacing_mm), head.brain[part]) > 0.95


def test_a_head_cut_by_a_round_field_of_view_keeps_what_is_there(head: CtHead) -> None:
    i, j, _ = np.indices(head.hu.shape)
    seen = np.hypot(i - 64, j - 72) < 38
    cut = np.where(seen, head.hu, -1024).astype(np.int16)
    assert dice(brain_mask_ct(cut, head.spacing_mm), head.brain & seen) > 0.9


def test_an_open_skull_does_not_let_the_scalp_or_the_air_in(head: CtHead) -> None:
    axes = head_axes(Recipe())
    window = (axes[0] > 30) & (np.abs(axes[1]) < 45) & (np.abs(axes[2]) < 35)
    opened = np.where(window & (head.hu > 200), 40, head.hu).astype(np.int16)
    brain = brain_mask_ct(opened, head.spacing_mm)
    assert dice(brain, head.brain) > 0.94
    assert not (brain & (head.hu < -200)).any()


def test_the_neck_is_not_brain() -> None:
    head = build_ct_head(Recipe(has_neck=True))
    brain = brain_mask_ct(head.hu, head.spacing_mm)
    axes = head_axes(Recipe(has_neck=True))
    assert head.millilitres(brain & (axes[2] < -75)) < 5
    assert dice(brain, head.brain) > 0.95


def test_a_few_slices_are_enough(head: CtHead) -> None:
    part = np.s_[:, :, 13:19]
    assert dice(brain_mask_ct(head.hu[part], head.spacing_mm), head.brain[part]) > 0.97


@pytest.mark.parametrize("value", [-1000, 0, 5, 300])
def test_a_uniform_image_holds_no_head(value: int) -> None:
    with pytest.raises(UnfitDataError) as caught:
        brain_mask_ct(np.full((64, 64, 12), value, dtype=np.int16), SPACING_MM)
    assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND


def test_a_water_phantom_is_no_head() -> None:
    image = np.full((96, 96, 20), -1000, dtype=np.int16)
    image[20:76, 20:76] = 3
    with pytest.raises(UnfitDataError, match="median of 3 HU"):
        brain_mask_ct(image, SPACING_MM)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 1), (40, 2, 5)])
def test_an_image_too_small_for_a_head_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(UnfitDataError):
        brain_mask_ct(np.full(shape, 30, dtype=np.int16), SPACING_MM)


def test_kind_and_order_of_the_array_do_not_matter(head: CtHead) -> None:
    expected = brain_mask_ct(head.hu, head.spacing_mm)
    frozen = head.hu.copy()
    frozen.flags.writeable = False
    fortran = np.asfortranarray(head.hu.astype(np.float64))
    np.testing.assert_array_equal(brain_mask_ct(frozen, head.spacing_mm), expected)
    np.testing.assert_array_equal(brain_mask_ct(fortran, head.spacing_mm), expected)


def test_a_real_tilted_head_has_a_plausible_brain(shared_data: Path) -> None:
    hu, spacing_mm = read_slices(shared_data / "dicom" / "ct_ge_tilt_variable" / "dicom")
    brain = brain_mask_ct(hu, spacing_mm)
    section_cm2 = brain.sum(axis=(0, 1)) * spacing_mm[0] * spacing_mm[1] / 100
    assert section_cm2[:4].max() == 0
    assert section_cm2[10:22].min() > 80
    assert section_cm2[-1] == 0
    assert (hu[brain] > 300).mean() < 0.002
    assert (hu[brain] < -100).mean() < 0.001


def read_slices(folder: Path) -> tuple[NDArray[np.int16], tuple[float, float, float]]:
    slices = [pydicom.dcmread(path) for path in folder.iterdir()]
    slices.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    rows = np.stack([one.pixel_array for one in slices], axis=-1)
    pixel_mm = float(slices[0].PixelSpacing[0])
    hu = rows.transpose(1, 0, 2)[::-1, ::-1].astype(np.int16)
    return hu, (pixel_mm, pixel_mm, 4.0)
