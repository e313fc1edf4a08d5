from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.desk import Desk

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
SCREENS = {
    "read": "",
    "help": "?",
    "limits": "t",
    "planes": "v",
}


@pytest.fixture
def desk(untouched: Desk) -> Desk:
    return untouched


def serious(desk: Desk) -> list[str]:
    desk.page.evaluate(AXE)
    found = desk.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("name", SCREENS)
def test_axe_finds_no_serious_fault(desk: Desk, name: str) -> None:
    desk.press(*SCREENS[name])
    if name == "planes":
        desk.wait_text("#planes-state", "click or drag")
    assert serious(desk) == []


def test_axe_finds_no_serious_fault_in_what_is_said_in_trouble(desk: Desk) -> None:
    desk.page.check("input[value=not_assessable]")
    desk.page.click("#sign button[type=submit]")
    desk.page.route("**/mask", lambda route: route.abort())
    desk.use_brush(1)
    desk.click(16, 4)
    desk.page.locator("#alarm").wait_for()
    assert serious(desk) == []


def test_axe_sees_a_fault_that_is_there(desk: Desk) -> None:
    desk.ask("document.querySelector('label[for=comment]').remove();")
    assert [fault for fault in serious(desk) if "comment" in fault]


def test_three_planes_show_the_voxel_where_the_screen_has_it(desk: Desk) -> None:
    """NiiVue, which knows nothing of our screen, finds the painted voxel under its own index."""
    desk.press("v")
    desk.wait_text("#planes-state", "click or drag")
    box = desk.page.locator("#planes-box canvas").bounding_box()
    assert box is not None
    assert box["width"] > 600
    desk.press("v")
    assert not desk.page.is_visible("#planes")
