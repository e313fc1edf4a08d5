"""The pictures of the docs: taken anew, each shows a screen that is still there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.browser.conftest import CHROMIUM

REPOSITORY = Path(__file__).parents[2]
FEWEST_GREYS = 20


def test_every_picture_of_the_readers_screens_can_be_taken_anew(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    command = [sys.executable, "-m", "benchmarks.reader_pictures", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    taken = pictures_in(tmp_path)
    kept = pictures_in(REPOSITORY / "docs" / "images")
    assert {name: grey.shape for name, grey in taken.items()} == {
        name: grey.shape for name, grey in kept.items()
    }
    for grey in taken.values():
        assert np.unique(grey).size > FEWEST_GREYS


def pictures_in(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Brightness of each picture of a reader's screen."""
    found = {}
    for path in folder.glob("reader-*.png"):
        with Image.open(path) as picture:
            found[path.name] = np.asarray(picture.convert("L"))
    return found
