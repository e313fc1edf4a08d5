"""The head is whole, and what lies beside it is not in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.head import head_mask_ct, head_mask_mr
from tests.kernels.ct_phantom import Recipe, build_ct_head, head_axes

Mask = NDArray[np.bool_]
RECIPE = Recipe(has_neck=True)
SKIN_HU = -300
FAR_MM = 12.0


def with_ears(hu: NDArray[np.int16], recipe: Recipe) -> NDArray[np.int16]:
    """Plates 4 mm thick that stick out by 20 mm, as auricles do."""
    x, y, z = head_axes(recipe)
    plate = (np.abs(np.abs(x) - 84) < 16) & (np.abs(y + 0.5 * (np.abs(x) - 80)) < 2)
    return np.where(plate & (np.abs(z) < 25) & (hu < SKIN_HU), np.int16(30), hu)


def shell_behind(hu: NDArray[np.int16], recipe: Recipe, thick_mm: float) -> Mask:
    """Head holder that touches the back of the head and goes on along the table."""
    x, y, _ = head_axes(recipe)
    depth = 99.0 * (np.hypot(x / 84, y / 99) - 1)
    return np.asarray((depth > -1) & (depth < thick_mm) & (y < -30) & (hu < SKIN_HU))


def millimetres_away(mask: Mask, spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Distance from a mask within each slice."""
    planes = [
        ndimage.distance_transform_edt(~mask[:, :, k], sampling=spacing_mm[:2])
        if mask[:, :, k].any()
        else np.full(mask.shape[:2], np.inf)
        for k in range(mask.shape[2])
    ]
    return np.stack(planes, axis=2)


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        Recipe(),
        replace(RECIPE, has_table=True),
        replace(RECIPE, shear=0.3, has_table=True),
        replace(RECIPE, yaw_deg=20, roll_deg=10, offset_mm=9),
        replace(RECIPE, shape=(128, 144, 10)),
        replace(RECIPE, spacing_mm=(1.8, 1.8, 1.0), shape=(128, 144, 160)),
        replace(RECIPE, spacing_mm=(0.9, 0.9, 5.0), shape=(256, 288, 30)),
    ],
)
def test_no_voxel_of_a_head_is_lost(recipe: Recipe) -> None:
    hu = with_ears(build_ct_head(replace(recipe, has_table=False)).hu, recipe)
    truth = hu > SKIN_HU
    image = np.maximum(hu, build_ct_head(recipe).hu)
    head = head_mask_ct(np.asfortranarray(image), recipe.spacing_mm)
    assert not (truth & ~head).any()
    away = millimetres_away(truth, recipe.spacing_mm)
    assert (head & (away > FAR_MM)).sum() < 0.04 * truth.sum()


@pytest.mark.parametrize("thick_mm", [2.0, 4.0, 8.0])
def test_a_holder_that_touches_the_head_is_parted_from_it(thick_mm: float) -> None:
    hu = with_ears(build_ct_head(RECIPE).hu, RECIPE)
    truth, shell = hu > SKIN_HU, shell_behind(hu, RECIPE, thick_mm)
    head = head_mask_ct(np.where(shell, np.int16(300), hu), RECIPE.spacing_mm)
    assert not (truth & ~head).any()
    far = millimetres_away(truth, RECIPE.spacing_mm) > FAR_MM
    assert (shell & far).sum() > 100
    assert (head & shell & far).sum() < 0.25 * (shell & far).sum()


def test_the_air_inside_is_head() -> None:
    hu = build_ct_head(RECIPE).hu
    x, y, z = head_axes(RECIPE)
    sinus = (np.hypot(x, y - 70) < 8) & (np.abs(z) < 12)
    nostril = (np.abs(x) < 4) & (y > 78) & (np.abs(z) < 8)
    cells = np.where(sinus | nostril, np.int16(-1000), hu)
    assert not ((sinus | (nostril & (hu > SKIN_HU))) & ~head_mask_ct(cells, (1.8, 1.8, 5.0))).any()


def test_a_head_cut_by_the_field_of_view_is_whole_within_it() -> None:
    hu = build_ct_head(RECIPE).hu[40:, 30:-40]
    assert not ((hu > SKIN_HU) & ~head_mask_ct(hu, RECIPE.spacing_mm)).any()


@pytest.mark.parametrize("ground", [0, -1000])
def test_a_stripped_brain_is_a_head(ground: int) -> None:
    made = build_ct_head(RECIPE)
    stripped = np.where(made.brain, made.hu, np.int16(ground))
    head = head_mask_ct(stripped, RECIPE.spacing_mm)
    assert not (made.brain & ~head).any()
    assert head.mean() < 0.5


@pytest.mark.parametrize("step_mm", [50.0, 130.0])
def test_slices_far_apart_keep_their_heads_ears(step_mm: float) -> None:
    hu = with_ears(build_ct_head(RECIPE).hu, RECIPE)
    far = hu[:, :, [10, 16, 22]]
    assert not ((far > SKIN_HU) & ~head_mask_ct(far, (*RECIPE.spacing_mm[:2], step_mm))).any()


def test_an_open_skull_is_no_hole() -> None:
    hu = build_ct_head(RECIPE).hu.copy()
    x, y, z = head_axes(RECIPE)
    flap = (x > 55) & (np.abs(y) < 40) & (np.abs(z) < 40) & (hu > 100)
    hu[flap] = 20
    assert not ((hu > SKIN_HU) & ~head_mask_ct(hu, RECIPE.spacing_mm)).any()


@given(flips=st.tuples(st.booleans(), st.booleans(), st.booleans()), is_turned=st.booleans())
def test_the_mask_turns_with_the_image(flips: tuple[bool, bool, bool], is_turned: bool) -> None:  # noqa: FBT001 - drawn
    recipe = replace(RECIPE, spacing_mm=(2.0, 2.0, 5.0), shape=(120, 132, 32), has_table=True)
    hu = build_ct_head(recipe).hu
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    turned = hu[steps].transpose(1, 0, 2) if is_turned else hu[steps]
    expected = head_mask_ct(hu, recipe.spacing_mm)[steps]
    found = head_mask_ct(turned, recipe.spacing_mm)
    np.testing.assert_array_equal(found.transpose(1, 0, 2) if is_turned else found, expected)


def test_the_image_is_not_changed() -> None:
    hu = build_ct_head(RECIPE).hu
    before = hu.copy()
    head_mask_ct(hu, RECIPE.spacing_mm)
    head_mask_mr(hu.astype(np.float32) + 1024, RECIPE.spacing_mm)
    np.testing.assert_array_equal(hu, before)


def test_air_noise_and_rods_are_no_head() -> None:
    rng = np.random.default_rng(1)
    air = rng.integers(-1024, -800, (128, 128, 20)).astype(np.int16)
    rods = air.copy()
    rods[20:24, 20:24] = rods[60:66, 60:66] = 100
    for image in (air, rods):
        with pytest.raises(UnfitDataError, match="no head in the image") as caught:
            head_mask_ct(image, (1.0, 1.0, 5.0))
        assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND


def mr_head(scalp: float, noise: float) -> tuple[NDArray[np.float32], Mask]:
    """Diffusion-like image: bright brain, black skull, dark scalp, Rician noise; and the head."""
    axes = head_axes(RECIPE)
    outer = build_ct_head(replace(RECIPE, noise_hu=0.0, has_neck=False)).hu
    brain = build_ct_head(RECIPE).brain
    signal = np.where(brain, 1.0, np.where((outer > SKIN_HU) & (outer < 500), scalp, 0.02))
    signal[outer < SKIN_HU] = 0
    rng = np.random.default_rng(2)
    real, imaginary = rng.normal(0, noise, (2, *axes[0].shape))
    return np.hypot(signal + real, imaginary).astype(np.float32) * 800, outer > SKIN_HU


@pytest.mark.parametrize("scalp", [0.02, 0.1, 0.6])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_a_dark_scalp_is_kept_and_noise_is_not(scalp: float, noise: float) -> None:
    image, truth = mr_head(scalp, noise)
    head = head_mask_mr(image, RECIPE.spacing_mm)
    assert not (truth & ~head).any()
    far = millimetres_away(truth, RECIPE.spacing_mm) > 2 * FAR_MM
    assert (head & far).sum() < 0.02 * truth.sum()


def test_a_scale_does_not_matter() -> None:
    image, _ = mr_head(0.1, 0.01)
    expected = head_mask_mr(image, RECIPE.spacing_mm)
    np.testing.assert_array_equal(head_mask_mr(image * 512, RECIPE.spacing_mm), expected)


@pytest.mark.parametrize("kind", ["constant", "uniform", "rician"])
def test_no_head_is_found_in_noise(kind: str) -> None:
    rng = np.random.default_rng(3)
    real, imaginary = rng.normal(0, 40, (2, 96, 96, 20))
    images = {
        "constant": np.full((96, 96, 20), 7.0),
        "uniform": rng.uniform(0, 255, (96, 96, 20)),
        "rician": np.hypot(real, imaginary),
    }
    with pytest.raises(UnfitDataError, match="no head in the image") as caught:
        head_mask_mr(images[kind].astype(np.float32), (2.0, 2.0, 5.0))
    assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND
