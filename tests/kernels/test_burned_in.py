"""Letters are found, and nothing that a scanner makes is taken for letters."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.burned_in import burned_in_text
from tests.kernels.ct_phantom import Recipe, build_ct_head

SIDE = 288
DATE = "DOE^JANE 24.06.2025"
SIZES_PX = (8, 12, 20, 40)


@pytest.fixture(scope="module")
def ct() -> NDArray[np.int16]:
    """One slice of a head, (rows, columns)."""
    recipe = Recipe(shape=(SIDE, SIDE, 1), spacing_mm=(0.8, 0.8, 5.0))
    return build_ct_head(recipe).hu[:, :, 0].T


def ink(text: str, size_px: int, at: tuple[int, int], mode: str = "1") -> NDArray[np.float64]:
    """Share of ink in each pixel; mode ``1`` draws sharp letters, ``L`` smoothed ones."""
    sheet = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(sheet)
    pen.fontmode = mode
    pen.text(at, text, fill=255, font=ImageFont.load_default(size_px))
    return np.asarray(sheet, dtype=np.float64) / 255


def written(plane: NDArray[np.generic], share: NDArray[np.float64], value: float) -> np.ndarray:
    drawn = plane.astype(np.float64)
    return np.rint(drawn + share * (value - drawn)).astype(plane.dtype)


def found(plane: NDArray[np.generic]) -> tuple[int, int]:
    return tuple(burned_in_text(plane.T[:, :, np.newaxis]))


@pytest.mark.parametrize("size_px", SIZES_PX)
@pytest.mark.parametrize("white", [3071, 32767])
@pytest.mark.parametrize("at", [(5, 5), (90, 130)])
def test_text_on_a_ct_is_found(
    ct: NDArray[np.int16], size_px: int, white: int, at: tuple[int, int]
) -> None:
    n_images, n_shapes = found(written(ct, ink(DATE, size_px, at), white))
    assert n_images == 1
    assert n_shapes >= 3


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_text_on_an_mr_image_is_found(ct: NDArray[np.int16], size_px: int) -> None:
    signal = np.maximum(ct.astype(np.float32) + 1000, 0) * 0.371
    assert found(written(signal, ink(DATE, size_px, (5, 5)), 4095.0))[0] == 1


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_a_lone_letter_for_a_side_is_found(ct: NDArray[np.int16], size_px: int) -> None:
    assert found(written(ct, ink("R", size_px, (5, 130)), 3071))[0] == 1


def test_a_lone_letter_of_a_stack_counts_where_another_image_repeats_it(
    ct: NDArray[np.int16],
) -> None:
    plain, lettered = ct.T, written(ct, ink("R", 20, (5, 130)), 3071).T
    assert burned_in_text(np.stack([plain, lettered, plain], axis=2)) == (0, 0)
    assert burned_in_text(np.stack([lettered, plain, lettered], axis=2)) == (2, 2)


@pytest.mark.parametrize("size_px", [12, 20, 28])
def test_text_with_smoothed_edges_is_found(ct: NDArray[np.int16], size_px: int) -> None:
    assert found(written(ct, ink(DATE, size_px, (5, 5), "L"), 3071))[0] == 1


@pytest.mark.parametrize("size_px", [10, 16, 24])
def test_black_text_over_the_brain_is_found(ct: NDArray[np.int16], size_px: int) -> None:
    assert found(written(ct, ink("24.06.2025", size_px, (90, 130)), int(ct.min())))[0] == 1


def test_text_up_the_side_is_found(ct: NDArray[np.int16]) -> None:
    assert found(written(ct, np.rot90(ink(DATE, 12, (5, 5))), 3071))[0] == 1


def test_images_and_letters_are_counted(ct: NDArray[np.int16]) -> None:
    with_text = written(ct, ink("ABC DEF", 16, (5, 5)), 3071)
    counts = burned_in_text(np.stack([ct, with_text, ct, with_text], axis=2).transpose(1, 0, 2))
    assert counts == (2, 12)


def test_text_under_a_brighter_clip_is_found(ct: NDArray[np.int16]) -> None:
    with_text = written(ct, ink(DATE, 16, (5, 5)), 2000)
    with_text[140:144, 140:144] = 3071
    assert found(with_text)[0] == 1


@pytest.mark.parametrize("white", [255, 500, 1000])
@pytest.mark.parametrize("clip", [3071, 32767])
def test_a_glaring_clip_hides_no_text_below_it(
    ct: NDArray[np.int16], white: int, clip: int
) -> None:
    with_text = written(ct, ink(DATE, 16, (5, 5)), white)
    assert found(with_text)[0] == 1
    with_text[140:144, 140:144] = clip
    assert found(with_text)[0] == 1


def test_one_glaring_voxel_of_an_mr_image_hides_no_text(ct: NDArray[np.int16]) -> None:
    signal = np.maximum(ct.astype(np.float32) + 1000, 0) * 0.371
    with_text = written(signal, ink(DATE, 16, (5, 5)), 4095.0)
    with_text[140, 140] = 1e9
    assert found(with_text)[0] == 1


def metal(plane: NDArray[np.int16], shape: NDArray[np.bool_], blur_px: float) -> NDArray[np.int16]:
    """Dense metal behind a scanner's blur, cut off at 3071 HU; the shape is 3 times as fine."""
    fine = ndimage.gaussian_filter(shape.astype(np.float32), 3 * blur_px)
    seen = fine.reshape(SIDE, 3, SIDE, 3).mean(axis=(1, 3))
    return np.clip(plane + 15000 * seen, -1024, 3071).astype(np.int16)


@pytest.mark.parametrize("blur_px", [0.5, 0.8, 1.2])
@pytest.mark.parametrize("kind", ["clip", "coil", "wire", "electrodes", "screws"])
def test_metal_is_no_text(ct: NDArray[np.int16], kind: str, blur_px: float) -> None:
    y, x = np.mgrid[: 3 * SIDE, : 3 * SIDE] - 3 * SIDE // 2
    shapes = {
        "clip": (np.abs(y) < 4) & (np.abs(x - y // 2) < 30),
        "coil": np.hypot(x, y) < 22,
        "wire": np.abs(np.hypot(x, y) - 60) < 3,
        "electrodes": (np.hypot(x % 30 - 15, y) < 6) & (np.abs(x) < 120),
        "screws": (np.abs(x % 30 - 15) < 4) & (np.abs(y) < 18) & (np.abs(x) < 120),
    }
    image = metal(ct, shapes[kind], blur_px)
    assert (image == 3071).sum() > 10
    assert found(image) == (0, 0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.2, 0.4])
def test_noise_that_saturates_in_the_air_of_an_adc_map_is_no_text(
    ct: NDArray[np.int16], share: float
) -> None:
    rng = np.random.default_rng(5)
    air, draw = ct < -500, rng.random(ct.shape)
    adc = np.where(air, 0, 800 + rng.normal(0, 100, ct.shape))
    for noise in (0, rng.integers(0, 4095, ct.shape)):
        assert found(np.where(air & (draw < share), 4095, adc + air * noise)) == (0, 0)


@pytest.mark.parametrize("percentile", [90, 97, 99.5])
def test_a_saturated_image_is_no_text(ct: NDArray[np.int16], percentile: float) -> None:
    assert found(np.minimum(ct, np.int16(np.percentile(ct, percentile)))) == (0, 0)


def test_padding_rods_and_constants_are_no_text(ct: NDArray[np.int16]) -> None:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    padded, rods = ct.copy(), ct.copy()
    padded[np.hypot(x, y) > SIDE // 2] = 32767
    for number in range(6):
        rods[np.hypot(x + 100 - 40 * number, y) < 3 + number] = 3071
    for image in (ct, padded, rods, np.zeros_like(ct), np.full_like(ct, 3071)):
        assert found(image) == (0, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_whose_values_are_no_numbers_is_refused(value: float) -> None:
    """Nothing can be told of it, and to pass it unseen would be a guess."""
    plane = np.ones((30, 30), dtype=np.float32)
    plane[3, 3] = value
    with pytest.raises(UnfitDataError, match="must be finite") as raised:
        found(plane)
    assert raised.value.reason is ReasonCode.IMAGE_INVALID


def test_the_smallest_step_of_a_number_is_no_text() -> None:
    plane = np.ones((30, 30), dtype=np.float32)
    plane[3, 3] = np.nextafter(np.float32(1), np.float32(2))
    assert found(plane) == (0, 0)


def test_the_image_is_not_changed(ct: NDArray[np.int16]) -> None:
    image = written(ct, ink(DATE, 12, (5, 5)), 3071)
    before = image.copy()
    found(image)
    np.testing.assert_array_equal(image, before)
