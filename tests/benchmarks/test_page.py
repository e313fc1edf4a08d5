from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.accuracy.page import COMMAND, IMAGES, PAGE, read_blocks, write_blocks

TEXT = (
    "before\n\n<!-- one -->\nold\n<!-- end one -->\n\nbetween\n\n<!-- two -->\n<!-- end two -->\n"
)
TITLES = {
    "targets": "| on the reported half | figure | target | reached | met |",
    "ct_infarct": "| method | n | median Dice | worst | median volume error | bias, mL "
    "| limits of agreement, mL | ICC(2,1) | truth in low to high |",
    "ct_small": "| method | heads | components | false components a head | most | median Dice "
    "| bias, mL |",
    "ct_none": "| method | heads with any | median mL | most mL |",
    "ct_factors": "| factor | level | n | median Dice | worst | median volume error | bias, mL |",
    "geometry_tilt": "| gantry tilt | n | corelab, mean error | product of spacings, mean error |",
    "geometry_size": "| slices | ellipsoid | n | mask, mean ± SD | shares of voxels, mean |",
    "cases": "| head | true mL | found mL | low to high | Dice | false components | flags |",
}
TITLES |= {
    "dwi_infarct": TITLES["ct_infarct"],
    "dwi_emboli": TITLES["ct_small"],
    "dwi_none": TITLES["ct_none"],
    "dwi_factors": TITLES["ct_factors"],
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(TEXT, "utf-8")
    return path


def test_only_what_stands_between_the_markers_changes(page: Path) -> None:
    write_blocks(page, {"one": r"| new \d |"})
    assert read_blocks(page) == {"one": r"| new \d |", "two": ""}
    assert page.read_text("utf-8").startswith("before\n\n<!-- one -->")
    assert "\nbetween\n" in page.read_text("utf-8")


def test_writing_twice_changes_nothing(page: Path) -> None:
    write_blocks(page, {"one": "new", "two": "more"})
    once = page.read_text("utf-8")
    write_blocks(page, {"one": "new", "two": "more"})
    assert page.read_text("utf-8") == once


def test_a_page_without_the_markers_is_left_alone(page: Path) -> None:
    with pytest.raises(ValueError, match="one block named three"):
        write_blocks(page, {"one": "new", "three": "x"})
    assert page.read_text("utf-8") == TEXT


def test_the_page_names_its_command() -> None:
    assert f"\n{COMMAND} " in PAGE.read_text("utf-8")


@pytest.mark.parametrize("name", TITLES)
def test_every_table_of_the_page_has_its_columns(name: str) -> None:
    lines = read_blocks(PAGE)[name].splitlines()
    assert lines[0] == TITLES[name]
    assert len(lines) > 2
    assert {line.count("|") for line in lines} == {lines[0].count("|")}


def test_every_head_of_the_reported_half_is_on_the_page() -> None:
    rows = read_blocks(PAGE)["cases"].splitlines()[2:]
    assert sum(row.startswith("| ct_") for row in rows) == 20
    assert sum(row.startswith("| dwi_") for row in rows) == 28


def test_the_pages_pictures_are_there() -> None:
    named = re.findall(r"\(images/(\S+\.png)\)", PAGE.read_text("utf-8"))
    assert len(named) == 3
    assert all((IMAGES / name).exists() for name in named)
