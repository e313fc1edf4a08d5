from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
STATIC = REPOSITORY / "corelab" / "review" / "static"
FOLDERS = [STATIC / "vendor", Path(__file__).parent / "vendor"]
WORDS = {"https://", "http://", "localStorage", "eval(", "innerHTML"}


@pytest.mark.parametrize("folder", FOLDERS, ids=["screen", "tests"])
def test_vendored_files_are_those_that_the_note_names(folder: Path) -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$",
        (folder / "README.md").read_text(),
        re.MULTILINE,
    )
    assert dict(rows) == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")
    }


def test_every_vendored_script_has_its_licence_beside_it() -> None:
    assert "Copyright (c) 2021, Niivue" in (STATIC / "vendor" / "LICENSES.txt").read_text()
    assert "Mozilla Public License" in (FOLDERS[1] / "LICENSE").read_text()


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.*")), ids=lambda path: path.name)
def test_our_own_files_reach_for_nothing_outside(path: Path) -> None:
    text = path.read_text("utf-8")
    assert [word for word in WORDS if word in text] == []


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.html")), ids=lambda path: path.name)
def test_pages_hold_no_script_and_no_style(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"<style|style=|<script(?![^>]*src=)|\son\w+=", text) == []
