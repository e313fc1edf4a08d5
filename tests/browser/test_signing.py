from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from corelab.review.keeper import RoomKeeper
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger
from corelab.store.ledger_mask import unpack_mask
from tests.browser.desk import Desk
from tests.review.browser import PASSPHRASE
from tests.review.furnished import READS, infarct

if TYPE_CHECKING:
    from playwright.sync_api import Route

CT = READS["ada", 1]
VOXEL_ML = 0.432


@pytest.fixture(autouse=True)
def signed_in(desk: Desk, start_url: str) -> None:
    desk.sign_in(start_url, "ada")


def sign(desk: Desk, result: str, passphrase: str = PASSPHRASE) -> None:
    desk.page.check(f"input[value={result}]")
    desk.page.check("#meaning")
    desk.page.fill("#passphrase", passphrase)
    desk.page.click("#sign button[type=submit]")


def fault(desk: Desk, field: str) -> str:
    desk.page.locator(f"#{field}-fault").wait_for()
    return desk.text(f"#{field}-fault")


def test_a_signature_binds_what_the_screen_showed(desk: Desk, out: Path) -> None:
    open_to_draw(desk)
    desk.click(16, 4)
    shown = desk.volume_ml
    sign(desk, "infarct")
    desk.page.locator("#signed").wait_for()
    assert f"{shown:.2f} mL" in desk.text("#signed-text")
    assert not desk.page.is_visible("#tools")
    desk.click(18, 6)
    desk.press("d", "u")
    assert desk.labels_at((18, 6, 3), (16, 4, 3)) == [0, 1]
    with open_ledger(Layout(out).ledger) as ledger:
        signed = RoomKeeper(ledger).room().reads[CT].signatures[-1].signed
    assert signed.infarct_volume_ml == pytest.approx(49 * VOXEL_ML)


def open_to_draw(desk: Desk) -> None:
    """Open the CT at a slice with an infarct, brush in hand."""
    desk.open(CT)
    desk.go_to(3)
    desk.use_brush(1)


def test_the_automatic_volume_is_covered_until_the_first_edit(desk: Desk) -> None:
    open_to_draw(desk)
    desk.settle()
    assert f"{48 * VOXEL_ML:.2f}" not in desk.text("body")
    desk.click(16, 8)
    assert desk.volume_ml == pytest.approx(49 * VOXEL_ML, abs=0.005)


def test_the_mask_stays_as_it_is_while_it_is_being_signed(desk: Desk, out: Path) -> None:
    """A stroke then would be on the screen of a read that was signed without it."""
    open_to_draw(desk)
    signing = desk.hold("**/sign")
    sign(desk, "infarct")
    signing.wait()
    desk.click(20, 8)
    desk.press("d", "c")
    assert desk.text("#note") == "This read is being signed: its mask stays as it is."
    assert desk.ask("return reading.mask.revision;") == 0
    signing.let_go()
    desk.page.locator("#signed").wait_for()
    assert desk.ask("return reading.mask.revision;") == 0
    with open_ledger(Layout(out).ledger) as ledger:
        signature = RoomKeeper(ledger).room().reads[CT].signatures[-1].signed
        assert signature.mask_sha256 is not None
        assert np.array_equal(unpack_mask(ledger.blob(signature.mask_sha256)), infarct())


def test_a_signature_that_was_refused_lets_the_mask_go(desk: Desk) -> None:
    open_to_draw(desk)
    sign(desk, "infarct", "not the passphrase")
    desk.page.locator("#passphrase-fault").wait_for()
    assert desk.ask("return document.activeElement.id;") == "passphrase"
    desk.click(20, 8)
    assert desk.labels_at((20, 8, 3)) == [1]


def test_what_is_missing_is_said_beside_its_field(desk: Desk) -> None:
    desk.open(CT)
    desk.page.click("#sign button[type=submit]")
    assert fault(desk, "result") == "Choose a result."
    desk.page.check("input[value=not_assessable]")
    desk.page.click("#sign button[type=submit]")
    assert fault(desk, "reason") == "Give at least one reason."
    desk.page.check("input[value=other]")
    desk.page.click("#sign button[type=submit]")
    assert fault(desk, "meaning") == "Confirm what the signature means."
    desk.page.check("#meaning")
    desk.page.click("#sign button[type=submit]")
    assert fault(desk, "passphrase") == "Enter your passphrase."
    desk.page.fill("#passphrase", PASSPHRASE)
    desk.page.click("#sign button[type=submit]")
    assert "comment" in fault(desk, "comment")


def test_a_wrong_passphrase_signs_nothing_and_leaves_the_field_empty(desk: Desk) -> None:
    desk.open(CT)
    sign(desk, "infarct", "not the passphrase")
    assert fault(desk, "passphrase")
    assert desk.page.input_value("#passphrase") == ""
    assert not desk.page.is_visible("#signed")


def test_no_infarct_needs_an_empty_mask(desk: Desk) -> None:
    desk.open(CT)
    sign(desk, "no_infarct")
    assert "0 mL" in fault(desk, "result")
    desk.go_to(3)
    desk.press("x")
    desk.click(6, 13)
    sign(desk, "no_infarct")
    desk.page.locator("#signed").wait_for()
    assert "no infarct, 0 mL" in desk.text("#signed-text")


def test_an_amendment_opens_the_mask_again(desk: Desk) -> None:
    desk.open(CT)
    sign(desk, "infarct")
    desk.page.locator("#amend").wait_for()
    desk.page.click("#amend button")
    assert fault(desk, "amend-reason") == "Say why you amend the read."
    desk.page.fill("#amend-reason", "A slice was overlooked")
    desk.page.fill("#amend-passphrase", PASSPHRASE)
    desk.page.click("#amend button")
    desk.page.locator("#tools").wait_for()
    desk.wait_ready()
    desk.go_to(3)
    desk.use_brush(1)
    desk.click(16, 4)
    desk.wait_saved()
    sign(desk, "infarct")
    desk.page.locator("#signed").wait_for()
    assert desk.text("#signed-text").startswith("Version 2")


def switch_to(desk: Desk, name: str) -> None:
    origin = "/".join(desk.page.url.split("/")[:3])
    desk.page.goto(origin)
    desk.page.click("#leave")
    desk.page.wait_for_selector("#name")
    desk.enter(name)


def open_next(desk: Desk) -> None:
    desk.page.wait_for_selector("#next")
    desk.page.click("#next")
    desk.wait_ready()


def test_two_readers_who_disagree_are_judged_from_two_outlines(desk: Desk) -> None:
    """Ada leaves the mask as it is, Ben takes it away: zero against non-zero."""
    desk.open(CT)
    sign(desk, "infarct")
    desk.page.locator("#signed").wait_for()

    switch_to(desk, "ben")
    open_next(desk)
    sign(desk, "infarct")
    desk.page.locator("#signed").wait_for()
    desk.page.click("#signed a")
    open_next(desk)
    desk.press("x")
    desk.click(6, 13)
    sign(desk, "no_infarct")
    desk.page.locator("#signed").wait_for()

    switch_to(desk, "cleo")
    open_next(desk)
    assert desk.text("#title") == "Judgement 1"
    sums = desk.ask(
        "const count = (labels) => labels.reduce((sum, label) => sum + (label > 0), 0);"
        "return ['A', 'B'].map((name) => count(reading.others.get(name)));"
    )
    assert sorted(sums) == [0, 48]
    full = "A" if sums[0] else "B"
    assert "ada" not in desk.text("body")
    assert "ben" not in desk.text("body")
    desk.page.click("[data-start=empty]")
    assert desk.ask("return reading.mask.volumeMl;") == 0
    desk.page.click(f"[data-start={full}]")
    assert desk.volume_ml == pytest.approx(48 * VOXEL_ML, abs=0.005)
    desk.wait_saved()
    views = []
    for _ in range(4):
        views.append(desk.ask("return reading.screen._pairView;"))
        desk.press("a")
    assert views == [0, 1, 2, 3]
    sign(desk, "infarct")
    desk.page.locator("#signed").wait_for()


def test_diffusion_images_stand_side_by_side_and_move_as_one(desk: Desk) -> None:
    switch_to(desk, "ben")
    open_next(desk)
    titles = desk.ask("return reading.screen.panels.map((panel) => panel.title);")
    assert titles == ["DWI", "ADC", "b0", "FLAIR"]
    places = np.array([desk.point(12, 15, panel) for panel in range(4)])
    boxes = [desk.page.locator(".panel").nth(n).bounding_box() for n in range(4)]
    corners = np.array([(box["x"], box["y"]) for box in boxes if box])
    offsets = places - corners
    assert np.allclose(offsets, offsets[0], atol=1.0)
    desk.press("+", "ArrowUp")
    desk.use_brush(1)
    desk.click(16, 8, panel=1)
    slice_ = desk.ask("return reading.screen.view.slice;")
    assert desk.labels_at((16, 8, slice_)) == [1]
    desk.press("m")
    assert desk.page.locator(".panel:visible").count() == 1


def test_an_image_that_is_refused_leaves_its_place_with_the_reason(desk: Desk) -> None:
    def refuse(route: Route) -> None:
        told = {"error": "not_aligned", "message": "It cannot be laid on the DWI."}
        route.fulfill(status=422, json=told)

    switch_to(desk, "ben")
    desk.page.route("**/image/flair", refuse)
    open_next(desk)
    assert desk.text(".absent") == "FLAIR: It cannot be laid on the DWI."
    assert desk.ask("return reading.screen.panels.length;") == 3
