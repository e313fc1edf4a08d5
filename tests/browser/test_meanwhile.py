"""What a reader does while something else is under way: nothing goes astray, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.browser.desk import Desk
from tests.browser.heads import draft_of
from tests.browser.test_editing import with_voxels
from tests.review.furnished import READS, infarct

READ = READS["ada", 1]
PAINTED = [(u, 5, 3) for u in (14, 15, 16)]
"""Voxels of a stroke that was begun, see `begin_stroke`."""


@pytest.fixture
def out(out_of_module: Path) -> Path:
    return out_of_module


@pytest.fixture
def desk(untouched: Desk) -> Desk:
    untouched.go_to(3)
    untouched.use_brush(1)
    return untouched


def begin_stroke(desk: Desk) -> None:
    desk.page.mouse.move(*desk.point(14, 5))
    desk.page.mouse.down()
    desk.page.mouse.move(*desk.point(16, 5))


def end_stroke(desk: Desk) -> None:
    desk.page.mouse.move(*desk.point(18, 5))
    desk.page.mouse.up()


@pytest.mark.parametrize("key", ["c", "Shift+C", "d", "u", "ArrowUp", "e", "x", "l", "?"])
def test_a_key_in_the_middle_of_a_stroke_ends_it_first(desk: Desk, key: str) -> None:
    begin_stroke(desk)
    desk.press(key)
    end_stroke(desk)
    rest = desk.labels_at((17, 5, 3), (18, 5, 3), (17, 5, 4), (18, 5, 4))
    assert rest == [0, 0, 0, 0], "nothing is painted after the key, on whatever slice"
    kept = [1, 1, 1] if key != "u" else [0, 0, 0]
    assert desk.labels_at(*PAINTED) == kept
    if key == "?":
        desk.press(key)
    desk.press("b")
    desk.go_to(3)
    desk.click(20, 8)
    assert desk.labels_at((20, 8, 3)) != [0], "the screen still draws"


def test_a_stroke_and_the_key_within_it_are_two_steps(desk: Desk, out: Path) -> None:
    begin_stroke(desk)
    desk.press("c")
    end_stroke(desk)
    desk.wait_saved()
    painted = with_voxels(infarct(), PAINTED, 1)
    copied = painted.copy()
    copied[:, :, 4] = painted[:, :, 3]
    assert np.array_equal(draft_of(out, READ), copied)
    desk.press("u")
    desk.wait_saved()
    assert np.array_equal(draft_of(out, READ), painted)
    desk.press("u")
    desk.wait_saved()
    assert np.array_equal(draft_of(out, READ), infarct())


def test_images_stay_where_they_are_when_a_save_fails(desk: Desk) -> None:
    """They would move under the pen of whoever draws on."""
    before = desk.point(14, 5)
    desk.page.route("**/mask", lambda route: route.abort())
    desk.click(20, 8)
    desk.page.locator("#alarm").wait_for()
    desk.settle()
    assert desk.point(14, 5) == before


def test_a_stroke_that_another_windows_mask_interrupts_is_kept_as_a_step(
    desk: Desk, out: Path
) -> None:
    other = Desk(desk.page.context)
    other.page.goto(desk.page.url)
    other.wait_ready()
    other.go_to(3)
    other.use_brush(1)
    other.click(20, 12)
    other.wait_saved()

    desk.page.bring_to_front()
    saving = desk.hold("**/mask")
    desk.click(20, 8)
    saving.wait()
    begin_stroke(desk)
    saving.let_go()
    desk.page.locator("#stale").wait_for()
    desk.page.locator("#keep-mine").press("Enter")
    end_stroke(desk)
    desk.wait_saved()
    assert np.array_equal(draft_of(out, READ), with_voxels(infarct(), [(20, 8, 3), *PAINTED], 1))
    desk.click(22, 8)
    assert desk.labels_at((22, 8, 3), (18, 5, 3)) == [1, 0], "the screen still draws"
    other.page.close()
