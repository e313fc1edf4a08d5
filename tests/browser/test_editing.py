from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.browser.desk import Desk
from tests.browser.heads import draft_of
from tests.browser.served import wait_until
from tests.review.furnished import READS, SHAPE, infarct

READ = READS["ada", 1]
NI, NJ, _ = SHAPE
VOXEL_ML = 6 * 6 * 12 / 1000
AUTOMATIC = 4 * 6 * 2
"""Voxels of the automatic mask: columns 5 to 8, rows 12 to 17, slices 3 and 4 of the screen."""


@pytest.fixture
def out(out_of_module: Path) -> Path:
    return out_of_module


@pytest.fixture
def desk(untouched: Desk) -> Desk:
    untouched.go_to(3)
    return untouched


def on_disk(u: int, v: int, w: int) -> tuple[int, int, int]:
    """Index in the file: its first two axes run left and back, the screen's right and front."""
    return NI - 1 - u, NJ - 1 - v, w


def with_voxels(
    labels: NDArray[np.uint8], voxels: list[tuple[int, int, int]], label: int
) -> NDArray[np.uint8]:
    changed = labels.copy()
    for place in voxels:
        changed[on_disk(*place)] = label
    return changed


def paint_square(desk: Desk) -> list[tuple[int, int, int]]:
    """Draw five lines of five voxels, each one stroke."""
    desk.use_brush(1)
    for v in range(3, 8):
        desk.drag([(14, v), (18, v)])
    return [(u, v, 3) for u in range(14, 19) for v in range(3, 8)]


def test_a_painted_square_has_the_volume_and_the_voxels_by_hand(desk: Desk, out: Path) -> None:
    square = paint_square(desk)
    assert desk.volume_ml == pytest.approx((AUTOMATIC + 25) * VOXEL_ML, abs=0.005)
    desk.wait_saved()
    assert np.array_equal(draft_of(out, READ), with_voxels(infarct(), square, 1))


def test_area_of_the_slice_is_its_voxels(desk: Desk) -> None:
    paint_square(desk)
    desk.settle()
    assert desk.text("#area") == f"This slice: {(24 + 25) * 0.36:.2f} cm²"


def test_a_brush_of_three_voxels_paints_three_by_three(desk: Desk, out: Path) -> None:
    desk.use_brush(3)
    desk.click(16, 5)
    desk.wait_saved()
    expected = [(u, v, 3) for u in (15, 16, 17) for v in (4, 5, 6)]
    assert np.array_equal(draft_of(out, READ), with_voxels(infarct(), expected, 1))


def test_each_stroke_is_one_step_back_and_forth(desk: Desk, out: Path) -> None:
    square = paint_square(desk)
    desk.press(*"uuuuu")
    assert desk.volume_ml == pytest.approx(AUTOMATIC * VOXEL_ML, abs=0.005)
    desk.press("u")
    assert desk.text("#note") == "No further step."
    desk.press("r", "r")
    desk.wait_saved()
    two_lines = [place for place in square if place[1] in {3, 4}]
    assert np.array_equal(draft_of(out, READ), with_voxels(infarct(), two_lines, 1))


def test_a_step_back_is_shown_where_it_happens(desk: Desk) -> None:
    """Removing the piece changed slices 3 and 4: either is stayed on, from 7 the view goes back."""
    desk.press("x")
    desk.click(6, 13)
    shown = []
    for here, key in ((4, "u"), (3, "r"), (7, "u")):
        desk.go_to(here)
        desk.press(key)
        shown.append(desk.ask("return reading.screen.view.slice;"))
    assert shown[:2] == [4, 3]
    assert shown[2] in {3, 4}


def test_undo_gives_back_the_blood_that_a_stroke_met(desk: Desk, out: Path) -> None:
    desk.use_brush(9)
    desk.drag([(6, 14), (8, 15), (5, 12)])
    desk.press("e")
    desk.drag([(6, 14), (7, 14)])
    desk.press("Control+z", "Control+z")
    desk.wait_saved()
    assert np.array_equal(draft_of(out, READ), infarct())


def test_one_click_removes_a_whole_piece_and_no_other(desk: Desk, out: Path) -> None:
    desk.use_brush(1)
    desk.click(18, 6)
    desk.press("x")
    desk.click(6, 13)
    desk.wait_saved()
    assert np.array_equal(
        draft_of(out, READ), with_voxels(np.zeros(SHAPE, np.uint8), [(18, 6, 3)], 1)
    )
    assert f"{AUTOMATIC * VOXEL_ML:.2f} mL" in desk.text("#note")


def test_pieces_that_touch_by_a_corner_are_one(desk: Desk, out: Path) -> None:
    desk.use_brush(1)
    desk.go_to(5)
    desk.click(9, 18)
    desk.press("x")
    desk.click(9, 18)
    desk.wait_saved()
    assert not draft_of(out, READ).any()


def test_copy_makes_the_next_slice_equal(desk: Desk, out: Path) -> None:
    desk.go_to(4)
    desk.press("c")
    desk.settle()
    assert desk.ask("return reading.screen.view.slice;") == 5
    assert desk.volume_ml == pytest.approx(3 * 24 * VOXEL_ML, abs=0.005)
    desk.wait_saved()
    saved = draft_of(out, READ)
    assert np.array_equal(saved[:, :, 5], infarct()[:, :, 4])
    assert np.array_equal(saved[:, :, :5], infarct()[:, :, :5])


def test_copy_down_carries_blood_along(desk: Desk, out: Path) -> None:
    desk.press("Shift+C")
    desk.wait_saved()
    assert np.array_equal(draft_of(out, READ)[:, :, 2], infarct()[:, :, 3])


def test_fill_closes_an_outline_and_nothing_else(desk: Desk, out: Path) -> None:
    desk.use_brush(1)
    ring = [(13, 4), (18, 4), (18, 9), (13, 9), (13, 4)]
    desk.drag(ring)
    desk.press("g")
    desk.click(15, 6)
    desk.wait_saved()
    inside = [(u, v, 3) for u in range(13, 19) for v in range(4, 10)]
    assert np.array_equal(draft_of(out, READ), with_voxels(infarct(), inside, 1))


def test_an_open_outline_is_not_filled(desk: Desk) -> None:
    desk.use_brush(1)
    desk.drag([(13, 4), (18, 4), (18, 9), (13, 9)])
    before = desk.volume_ml
    desk.press("g")
    desk.click(15, 6)
    assert desk.text("#note") == "Nothing filled: no closed outline around this place."
    assert desk.volume_ml == before


def test_the_limited_brush_paints_within_the_limits_only(desk: Desk) -> None:
    """Outside the head the image holds -1000."""
    desk.press("t")
    desk.page.fill("#limit-low", "0")
    desk.page.fill("#limit-high", "100")
    desk.ask("document.activeElement.blur();")
    desk.use_brush(40)
    desk.click(12, 15)
    painted = desk.ask(
        "const { mask, screen, images } = reading; const values = images[0].image.values;"
        "const at = []; mask.labels.forEach((label, n) => {"
        "  if (mask.grid.sliceOf(n) === 3 && (label > 0) !== (values[n] > 0)) at.push(n); });"
        "return at.length;"
    )
    assert painted == 0


def test_the_eraser_takes_either_label(desk: Desk, out: Path) -> None:
    desk.press("e")
    desk.use_brush(1)
    desk.drag([(5, 15), (8, 15)])
    desk.wait_saved()
    gone = [(u, 15, 3) for u in range(5, 9)]
    assert infarct()[on_disk(7, 15, 3)] == 2
    assert np.array_equal(draft_of(out, READ), with_voxels(infarct(), gone, 0))


def test_blood_counts_as_infarct_and_by_itself(desk: Desk) -> None:
    desk.press("l")
    desk.use_brush(1)
    desk.drag([(5, 13), (8, 13)])
    assert desk.volume_ml == pytest.approx(AUTOMATIC * VOXEL_ML, abs=0.005)
    assert desk.text("#blood") == f"of it blood: {5 * VOXEL_ML:.2f} mL"


def test_a_voxel_is_painted_without_a_mouse(desk: Desk, out: Path) -> None:
    """The cursor begins in the middle of the slice: column 12, row 15."""
    desk.use_brush(1)
    desk.press("Shift+ArrowRight", "Shift+ArrowUp", "Shift+ArrowUp", "ArrowUp", "d")
    desk.wait_saved()
    assert np.array_equal(draft_of(out, READ), with_voxels(infarct(), [(11, 17, 4)], 1))


def test_keys_are_dead_while_somebody_types(desk: Desk) -> None:
    before = desk.ask("return reading.mask.revision;")
    for field in ("#comment", "#brush", "#passphrase"):
        desk.page.focus(field)
        desk.press(*"xhcudrgel", "ArrowUp")
    assert desk.page.input_value("#comment") == "xhcudrgel"
    assert desk.ask("const { mask, screen } = reading; return [mask.revision, screen.tool];") == [
        before,
        "brush",
    ]
    assert desk.ask("return reading.screen.view;")["slice"] == 3
    desk.press("Escape", "e")
    assert desk.ask("return reading.screen.tool;") == "eraser"


def test_a_stroke_stays_in_the_slice_in_which_it_began(desk: Desk) -> None:
    desk.use_brush(1)
    desk.page.mouse.move(*desk.point(15, 5))
    desk.page.mouse.down()
    desk.ask(
        "globalThis.turned = new Promise((resolve) =>"
        " addEventListener('wheel', resolve, { once: true }));"
    )
    desk.page.mouse.wheel(0, -100)
    desk.ask("await globalThis.turned;")
    desk.page.mouse.move(*desk.point(17, 5))
    desk.page.mouse.up()
    assert desk.labels_at((15, 5, 3), (17, 5, 3), (17, 5, 4)) == [1, 1, 0]


def test_the_wheel_turns_slices(desk: Desk) -> None:
    desk.page.mouse.move(*desk.point(12, 15))
    desk.page.mouse.wheel(0, -100)
    wait_until(lambda: desk.ask("return reading.screen.view.slice;") == 4)


def test_zoomed_and_moved_a_click_still_meets_its_voxel(desk: Desk) -> None:
    desk.press("+", "+", "+")
    desk.page.mouse.move(700, 400)
    desk.page.mouse.down(button="middle")
    desk.page.mouse.move(760, 380)
    desk.page.mouse.up(button="middle")
    desk.use_brush(1)
    desk.click(16, 8)
    assert desk.labels_at((16, 8, 3), (15, 8, 3), (16, 9, 3)) == [1, 0, 0]


def test_the_patients_left_is_on_the_right_and_front_is_up(desk: Desk) -> None:
    """The automatic mask lies left of the middle; a voxel is added in front."""
    desk.use_brush(1)
    desk.press("f")
    desk.settle()
    colours = picture_of(desk)
    orange = (colours[..., 0] > 90) & (colours[..., 2] < 60) & (colours[..., 1] > 40)
    rows, columns = np.nonzero(orange)
    assert columns.mean() > colours.shape[1] * 0.55
    desk.click(12, 26)
    desk.settle()
    changed = np.abs(picture_of(desk).astype(int) - colours).max(axis=2) > 40
    assert np.nonzero(changed)[0].mean() < rows.mean()


def picture_of(desk: Desk) -> NDArray[np.uint8]:
    picture = desk.page.locator(".panel").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def test_hide_and_show_leave_the_mask_as_it_is(desk: Desk) -> None:
    desk.settle()
    shown = picture_of(desk)
    desk.press("h")
    desk.settle()
    hidden = picture_of(desk)
    desk.press("h")
    desk.settle()
    assert (shown != hidden).any()
    assert np.array_equal(picture_of(desk), shown)
    assert desk.ask("return reading.mask.revision;") == 0


def test_painting_shows_a_hidden_mask(desk: Desk) -> None:
    desk.press("h")
    desk.click(16, 5)
    assert desk.ask("return reading.screen.view.isMaskShown;")


def test_a_key_held_down_changes_the_mask_once(desk: Desk) -> None:
    desk.go_to(4)
    for _ in range(3):
        desk.page.keyboard.down("c")
    desk.page.keyboard.up("c")
    assert desk.ask("return reading.screen.view.slice;") == 5
    for _ in range(2):
        desk.page.keyboard.down("ArrowUp")
    assert desk.ask("return reading.screen.view.slice;") == 7


def test_the_limited_brush_says_when_a_limit_is_missing(desk: Desk) -> None:
    desk.press("t")
    desk.page.fill("#limit-low", "")
    desk.ask("document.activeElement.blur();")
    desk.click(16, 5)
    assert desk.text("#note") == "Nothing painted: give both limits."


def test_windows_on_keys(desk: Desk) -> None:
    for key, window in (("2", [0, 80]), ("3", [-500, 1500]), ("1", [20, 60])):
        desk.press(key)
        found = desk.ask("const { low, high } = reading.screen.main.window; return [low, high];")
        assert found == window


def test_help_names_every_key_that_acts(desk: Desk) -> None:
    desk.press("?")
    assert desk.page.is_visible("#help")
    names = desk.ask(
        "const { KEYS } = await import('/static/keys.js');"
        "return KEYS.flatMap(([, rows]) => rows.map(([, , action]) => action));"
    )
    own = {"toggleHelp", "togglePlanes", "leave"}
    known = desk.ask(
        "return given[0].filter((name) => typeof reading.screen[name] === 'function');", names
    )
    assert set(names) - own == set(known)
    assert desk.page.locator("#help kbd").count() == len(names)
    desk.press("x", "?")
    assert not desk.page.is_visible("#help")
    assert desk.ask("return reading.screen.tool;") == "brush"


def test_a_step_back_costs_bounded_memory(desk: Desk) -> None:
    """Strokes of 6 bytes a voxel: the oldest go when there are too many."""
    kept = desk.ask(
        "const { Mask } = await import('/static/mask.js');"
        "const { Grid } = await import('/static/grid.js');"
        "const grid = new Grid([512, 512, 16], [1, 1, 1], Array(16).fill(1));"
        "const mask = new Mask(new Uint8Array(grid.size), grid);"
        "const all = Array.from({ length: grid.size }, (_, n) => n);"
        "for (let n = 0; n < 6; n++) mask.change(all, n % 2 ? 0 : 1);"
        "return mask.steps.back;"
    )
    assert kept == 3


def test_slices_that_were_not_shown_are_counted_beside_the_result(desk: Desk) -> None:
    """Of eight, the opened one and slice 3, the same one, were shown."""
    desk.settle()
    assert desk.text("#unseen") == "7 slices were not shown yet."
    desk.press("PageDown", *["ArrowUp"] * 7)
    for _ in range(8):
        desk.settle()
        desk.press("ArrowDown")
    desk.settle()
    assert desk.text("#unseen") == ""


def test_the_outline_encloses_the_mask_and_nothing_else(desk: Desk) -> None:
    """Every voxel's centre lies inside the drawn line where its label does, holes included."""
    wrong = desk.ask(
        "const { Grid } = await import('/static/grid.js');"
        "const { outline } = await import('/static/slice.js');"
        "const grid = new Grid([20, 17, 1], [2, 3, 5], [1]);"
        "const labels = Uint8Array.from(given[0]);"
        "const path = outline(labels, grid, 0, (label) => label > 0);"
        "const context = document.createElement('canvas').getContext('2d');"
        "let wrong = 0;"
        "for (let v = 0; v < 17; v++) for (let u = 0; u < 20; u++) {"
        "  const [x, y] = [(20 - u - 0.5) * 2, (17 - v - 0.5) * 3];"
        "  const isIn = context.isPointInPath(path, x, y, 'evenodd');"
        "  if (isIn !== labels[grid.index(u, v, 0)] > 0) wrong++;"
        "}"
        "return wrong;",
        np.random.default_rng(3).integers(0, 2, 20 * 17).tolist(),
    )
    assert wrong == 0


def test_stored_numbers_are_scaled_as_their_header_says(desk: Desk) -> None:
    """Stored 10 with slope 2 and intercept -5 is 15."""
    found = desk.ask(
        "const { readNifti } = await import('/static/nifti.js');"
        "const { within } = await import('/static/edit.js');"
        "const buffer = new ArrayBuffer(352 + 4); const view = new DataView(buffer);"
        "view.setInt32(0, 348, true); view.setInt16(70, 4, true); view.setFloat32(108, 352, true);"
        "[2, 1, 1].forEach((n, axis) => view.setInt16(42 + 2 * axis, n, true));"
        "view.setFloat32(112, 2, true); view.setFloat32(116, -5, true);"
        "view.setInt16(352, 10, true); view.setInt16(354, 11, true);"
        "const image = readNifti(buffer);"
        "return [image.shape, within([0, 1], image, 15, 15)];"
    )
    assert found == [[2, 1, 1], [0]]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, 540, "The image is no NIfTI-1 file."),
        (70, 64, "The image has NIfTI data type 64, which is not shown here."),
        (42, 9000, "The image is shorter than its header says."),
    ],
    ids=["kind", "type", "size"],
)
def test_a_file_that_does_not_fit_is_refused_by_name(
    desk: Desk, place: int, value: int, message: str
) -> None:
    found = desk.ask(
        "const { readNifti } = await import('/static/nifti.js');"
        "const bytes = reading.file.slice(0);"
        "new DataView(bytes).setInt16(given[0], given[1], true);"
        "try { readNifti(bytes); return 'read'; } catch (error) { return error.message; }",
        place,
        value,
    )
    assert found == message
