from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from corelab.store.mosaic import (
    CAPTION_HEIGHT_PX,
    CAPTION_LINE_PX,
    MAX_WIDTH_PX,
    plan_sheet,
    tiles_of,
)
from corelab.store.picture import (
    ACCEPTED_COLOUR,
    BLOOD_COLOUR,
    INFARCT_COLOUR,
    WEBP_COMFORTABLE_BYTES,
    MosaicRequest,
    Panel,
    draw_layers,
    draw_mosaic,
    draw_other_lines,
    hidden_slices_of,
    mosaic_thumbnail,
    size_of,
    thumbnail_of,
)
from corelab.store.png import encode_png

SHAPE = (60, 80, 12)


def base_request() -> MosaicRequest:
    image = np.full(SHAPE, 30.0)
    brain = np.zeros(SHAPE, dtype=np.bool_)
    brain[10:50, 15:65, 1:11] = True
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[38:46, 40:50, 5] = True
    return MosaicRequest(
        panels=(
            Panel(image=image, name="CT", window_low=15, window_high=55, window_text="W 40 L 35"),
        ),
        mask=mask,
        brain=brain,
        spacing_mm=(3.0, 2.0, 5.0),
        slice_positions_mm=np.arange(12, dtype=np.float64) * 5.0 - 20.0,
        slice_volumes_ml=np.count_nonzero(mask, axis=(0, 1)) * 0.03,
        title="ACE-0417  fu24h",
        volume_text="infarct 2.4 mL (2.1-2.9)",
        window_text="level 35, width 40",
    )


def opened(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as picture:
        return np.array(picture.convert("RGB"))


def tiles(request: MosaicRequest, group: int) -> list[NDArray[np.uint8]]:
    """Picture parts of one slice, captions left out."""
    sheet = plan_sheet(request, len(tiles_of(request)))
    pixels = draw_mosaic(request)
    n_footer_lines = 2 + int(request.mask.any()) + int(request.blood is not None)
    body_top = pixels.shape[0] - (n_footer_lines * 28 + 20) - sheet.height
    found = []
    for place in range(len(tiles_of(request))):
        left, top = sheet.corner(group, place)
        top += body_top + CAPTION_HEIGHT_PX
        found.append(pixels[top : top + sheet.tile_height, left : left + sheet.tile_width])
    return found


def has(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((pixels == np.array(colour)).all(axis=-1))


def test_patients_right_is_on_the_pictures_left_and_front_is_up() -> None:
    image = np.full(SHAPE, 15.0)
    image[44:48, 55:60, :] = 55.0  # the patient's right, in front
    request = replace(
        base_request(),
        panels=(
            Panel(image=image, name="CT", window_low=15, window_high=55, window_text="W 40 L 35"),
        ),
    )
    plain = tiles(request, 1)[0][30:, :, 0]
    rows, columns = np.nonzero(plain > 200)
    assert columns.mean() < plain.shape[1] / 3
    assert rows.mean() + 30 < plain.shape[0] / 2


def test_letters_name_the_sides_in_every_tile() -> None:
    image = np.full(SHAPE, 15.0)
    request = replace(
        base_request(),
        panels=(
            Panel(image=image, name="CT", window_low=15, window_high=55, window_text="W 40 L 35"),
        ),
    )
    for tile in tiles(request, 0):
        corner_r, corner_l = tile[:30, :30], tile[:30, -30:]
        assert (corner_r > 200).any()
        assert (corner_l > 200).any()
        # An R has ink at its upper right, an L has none.
        ink = np.nonzero((corner_l > 200).all(axis=-1))
        top_half = ink[1][ink[0] < ink[0].mean() - 3]
        assert np.ptp(top_half) < np.ptp(ink[1])


def test_one_tile_stays_plain_and_the_outline_hides_no_voxel_of_the_mask() -> None:
    request = base_request()
    sheet = plan_sheet(request, 2)
    plain, outlined = tiles(request, 1)
    assert not has(plain, INFARCT_COLOUR).any()
    assert has(outlined, INFARCT_COLOUR).any()
    crop = sheet.crop
    seen = request.mask[crop.i_start : crop.i_stop, crop.j_start : crop.j_stop, 5][::-1, ::-1].T
    size = (sheet.tile_width, sheet.tile_height)
    inside = np.array(Image.fromarray(seen.astype(np.uint8) * 255).resize(size, 0)) > 0
    assert not (has(outlined, INFARCT_COLOUR) & inside).any()
    assert np.array_equal(outlined[inside], plain[inside])


def test_neighbour_slices_are_shown_without_a_line() -> None:
    request = base_request()
    assert plan_sheet(request, 2).slices == (4, 5, 6)
    for group in (0, 2):
        assert not has(tiles(request, group)[1], INFARCT_COLOUR).any()


def test_a_single_voxel_leaves_a_line_and_bars_on_the_edges() -> None:
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[20, 30, 6] = True
    line = has(tiles(replace(base_request(), mask=mask), 1)[1], INFARCT_COLOUR)
    assert line[:-4, :-4].any()
    assert line[-1].sum() >= 8
    assert line[:, -1].sum() >= 8


def test_blood_has_its_own_colour() -> None:
    request = base_request()
    blood = np.zeros(SHAPE, dtype=np.bool_)
    blood[41:43, 44:46, 5] = True
    outlined = tiles(replace(request, blood=blood), 1)[1]
    assert has(outlined, BLOOD_COLOUR).any()
    assert not has(tiles(request, 1)[1], BLOOD_COLOUR).any()


def test_a_second_image_is_shown_outlined_beside_the_first() -> None:
    request = base_request()
    adc = Panel(image=np.zeros(SHAPE), name="ADC", window_low=0, window_high=2000, window_text="")
    names = [
        (tile.panel.name, tile.is_outlined)
        for tile in tiles_of(replace(request, panels=(*request.panels, adc)))
    ]
    assert names == [("CT", False), ("CT", True), ("ADC", True)]


def test_without_infarct_the_brain_is_spread_out_plain() -> None:
    request = replace(base_request(), mask=np.zeros(SHAPE, dtype=np.bool_))
    assert [tile.is_outlined for tile in tiles_of(request)] == [False]
    assert plan_sheet(request, 1).slices == tuple(range(1, 11))
    assert not has(draw_mosaic(request), INFARCT_COLOUR).any()


def test_pixels_are_square_whatever_the_voxels() -> None:
    sheet = plan_sheet(base_request(), 2)
    width_mm = (sheet.crop.i_stop - sheet.crop.i_start) * 3.0
    height_mm = (sheet.crop.j_stop - sheet.crop.j_start) * 2.0
    assert sheet.tile_width / sheet.tile_height == pytest.approx(width_mm / height_mm, rel=0.01)


@pytest.mark.parametrize("n_slices", [1, 4, 34, 150])
def test_any_number_of_slices_stays_within_the_width(n_slices: int) -> None:
    shape = (170, 210, n_slices)
    full = np.ones(shape, dtype=np.bool_)
    request = replace(
        base_request(),
        panels=(
            Panel(
                image=np.zeros(shape, np.int16),
                name="CT",
                window_low=0,
                window_high=1,
                window_text="",
            ),
        ),
        mask=full,
        brain=full,
        spacing_mm=(1.0, 1.0, 1.0),
        slice_positions_mm=np.arange(n_slices, dtype=np.float64),
        slice_volumes_ml=np.zeros(n_slices),
    )
    sheet = plan_sheet(request, 2)
    assert sheet.slices == tuple(range(n_slices))
    assert sheet.width <= MAX_WIDTH_PX
    assert sheet.scale_px_per_mm >= 1.2


def test_a_field_of_view_wider_than_the_sheet_is_scaled_down() -> None:
    request = replace(
        base_request(), brain=np.ones(SHAPE, dtype=np.bool_), spacing_mm=(40.0, 40.0, 5.0)
    )
    assert draw_mosaic(request).shape[1] <= MAX_WIDTH_PX


def test_the_same_request_gives_the_same_bytes_without_metadata() -> None:
    pixels, again = draw_mosaic(base_request()), draw_mosaic(base_request())
    first = encode_png(pixels)
    assert first == encode_png(again)
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.info == {}
    assert thumbnail_of(pixels) == thumbnail_of(again)


def test_a_thumbnail_is_the_same_from_the_pixels_and_from_their_file() -> None:
    pixels = draw_mosaic(base_request())
    assert mosaic_thumbnail(encode_png(pixels)) == thumbnail_of(pixels)


def test_the_lines_lie_apart_and_laid_upon_the_plain_picture_they_are_the_mosaic() -> None:
    request = base_request()
    blood = np.zeros(SHAPE, dtype=np.bool_)
    blood[41:43, 44:46, 5] = True
    layers = draw_layers(replace(request, blood=blood))
    assert np.array_equal(opened(layers.mosaic_png), draw_mosaic(replace(request, blood=blood)))
    assert layers.lines_png is not None
    with Image.open(io.BytesIO(layers.lines_png)) as picture:
        lines = np.array(picture.convert("RGBA"))
    whole = opened(layers.mosaic_png)
    drawn = lines[:, :, 3] > 0
    assert lines.shape[:2] == whole.shape[:2]
    assert np.array_equal(lines[drawn][:, :3], whole[drawn])
    assert has(lines[:, :, :3], INFARCT_COLOUR)[drawn].any()
    assert has(lines[:, :, :3], BLOOD_COLOUR)[drawn].any()
    sheet = plan_sheet(request, 2)
    rows = slice(whole.shape[0] - sheet.height - 100, whole.shape[0] - 100)
    plain = opened(layers.plain_webp).astype(int)[rows]
    # Nothing coloured is left in the tiles of the plain picture: it is grey.
    assert np.ptp(plain, axis=2).max() < 16
    assert np.ptp(whole[rows].astype(int), axis=2).max() > 200


def test_where_there_is_no_infarct_there_is_no_layer_of_lines() -> None:
    empty = np.zeros(SHAPE, dtype=np.bool_)
    assert draw_layers(replace(base_request(), mask=empty)).lines_png is None


def test_lines_cost_a_page_little_beside_the_picture() -> None:
    request = base_request()
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[20:40:2, 20:60:3, 2:10] = True  # hundreds of pieces
    lines = draw_layers(replace(request, mask=mask)).lines_png
    assert lines is not None
    assert len(lines) < WEBP_COMFORTABLE_BYTES / 4


def test_each_tile_says_slice_image_window_and_infarct() -> None:
    def changed_rows(**changes: object) -> set[int]:
        """Lines of the captions in which a change of the request shows."""
        requests = (base_request(), replace(base_request(), **changes))
        before, after = (draw_mosaic(request) for request in requests)
        sheet = plan_sheet(base_request(), 2)
        top = before.shape[0] - (3 * 28 + 20) - sheet.height
        differs = (before != after)[top : top + sheet.height].any(axis=(1, 2))
        rows = np.flatnonzero(differs) % sheet.row_height
        return {int(row) // CAPTION_LINE_PX for row in rows}

    (panel,) = base_request().panels
    assert changed_rows(slice_positions_mm=np.arange(12.0)) == {0}
    assert changed_rows(panels=(replace(panel, name="DWI"),)) == {0}
    assert changed_rows(panels=(replace(panel, window_text="W 80 L 40"),)) == {1}
    assert changed_rows(slice_volumes_ml=np.full(12, 3.0)) == {1}


def test_long_flags_are_broken_into_lines_and_never_cut() -> None:
    short = draw_mosaic(replace(base_request(), flags_text="flags: bilateral"))
    long = draw_mosaic(replace(base_request(), flags_text="flags: " + "touches_mask_edge, " * 20))
    assert long.shape[0] > short.shape[0]
    assert long.shape[1] == short.shape[1]


def test_parts_of_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="one 3-D grid"):
        replace(base_request(), brain=np.zeros((60, 80, 11), dtype=np.bool_))
    with pytest.raises(ValueError, match="a position and a volume for each slice"):
        replace(base_request(), slice_positions_mm=np.zeros(3))
    with pytest.raises(ValueError, match="a position and a volume for each slice"):
        replace(base_request(), slice_volumes_ml=np.zeros(3))


def test_a_mosaic_shrinks_to_a_size_that_a_page_can_hold() -> None:
    noise = np.random.default_rng(0).normal(35, 12, (170, 210, 30))
    full = np.ones(noise.shape, dtype=np.bool_)
    request = replace(
        base_request(),
        panels=(
            Panel(image=noise, name="CT", window_low=15, window_high=55, window_text="W 40 L 35"),
        ),
        mask=full,
        brain=full,
        spacing_mm=(1.0, 1.0, 1.0),
        slice_positions_mm=np.arange(30, dtype=np.float64),
        slice_volumes_ml=np.zeros(30),
    )
    pixels = draw_mosaic(request)
    webp = thumbnail_of(pixels)
    assert webp[8:12] == b"WEBP"
    assert len(webp) < len(encode_png(pixels)) / 4
    assert opened(webp).shape[1] == int(pixels.shape[1] * 0.7)
    small = draw_mosaic(base_request())
    assert len(thumbnail_of(small)) < WEBP_COMFORTABLE_BYTES
    assert opened(thumbnail_of(small)).shape == small.shape


def test_a_real_lesion_is_outlined_on_the_side_where_it_is(shared_data: Path) -> None:
    folder = shared_data / "lesion" / "isles22_case0009"
    loaded = {
        name: nib.as_closest_canonical(nib.load(folder / f"{name}.nii.gz"))
        for name in ("dwi", "mask")
    }
    dwi = np.asarray(loaded["dwi"].dataobj)
    mask = np.asarray(loaded["mask"].dataobj) > 0
    request = replace(
        base_request(),
        panels=(Panel(image=dwi, name="DWI", window_low=0, window_high=440, window_text=""),),
        mask=mask,
        brain=dwi > 40,
        spacing_mm=(2.0, 2.0, 2.0),
        slice_positions_mm=2.0 * np.arange(dwi.shape[2], dtype=np.float64),
        slice_volumes_ml=np.count_nonzero(mask, axis=(0, 1)) * 0.008,
    )
    centre_i = np.argwhere(mask)[:, 0].mean()
    assert centre_i < dwi.shape[0] / 2 - 5, "the lesion lies on the patient's left"
    outlined = tiles(request, len(plan_sheet(request, 2).slices) // 2)[1]
    columns = np.nonzero(has(outlined, INFARCT_COLOUR)[:-4, :-4])[1]
    assert columns.mean() > outlined.shape[1] / 2


def alpha_of(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as picture:
        return np.array(picture.convert("RGBA"))[..., 3]


def test_lines_of_the_same_mask_lie_where_the_mosaics_own_do_in_another_colour() -> None:
    request = base_request()
    own = draw_layers(request).lines_png
    assert own is not None
    other = draw_other_lines(request, request)
    np.testing.assert_array_equal(alpha_of(other), alpha_of(own))
    assert size_of(other) == size_of(draw_layers(request).mosaic_png)
    colours = {tuple(pixel) for pixel in opened(other)[alpha_of(other) > 0]}
    assert colours == {ACCEPTED_COLOUR}


def test_slices_of_another_mask_that_the_mosaic_does_not_show_are_counted() -> None:
    request = base_request()  # shows slice 5 and its neighbours
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[20:30, 40:50, 5:9] = True
    other = draw_other_lines(request, replace(request, mask=mask))
    assert hidden_slices_of(other) == 2
    assert alpha_of(other).any()
    assert hidden_slices_of(draw_other_lines(request, request)) == 0


def test_where_the_method_found_nothing_the_plain_tiles_take_the_lines() -> None:
    empty = np.zeros(SHAPE, dtype=np.bool_)
    request = replace(base_request(), mask=empty, slice_volumes_ml=np.zeros(SHAPE[2]))
    shown = plan_sheet(request, 1).slices
    mask = empty.copy()
    mask[20:30, 40:50, shown[0]] = True
    other = draw_other_lines(request, replace(request, mask=mask))
    assert alpha_of(other).any()
    assert hidden_slices_of(other) == 0
    assert not alpha_of(draw_other_lines(request, request)).any()
