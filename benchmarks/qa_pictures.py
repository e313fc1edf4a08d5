"""Pictures of the QA page for the docs: ``python -m benchmarks.qa_pictures OUT``.

OUT is that of ``make demo``. Needs Playwright and ``/usr/bin/chromium``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN = "W8US6M fu24h"
MOSAIC_CASE, MOSAIC_WIDTH = "LDJGHF", 1400
N_COLOURS = 256


def rate(page: Page) -> None:
    """Rate some cases by keyboard and stop at the one that is shown."""
    page.locator("#rater").fill("doe")
    page.locator("#rater").press("Tab")
    page.keyboard.press("n")
    for keys in ("1j", "1j", "1j", "1j", "1j", "b2j"):
        for key in keys:
            page.keyboard.press(key)
    while page.locator("#viewer-title").inner_text() != SHOWN:
        page.keyboard.press("j")
    page.keyboard.press("l")
    page.keyboard.press("c")
    page.keyboard.type("Slice 11: the line runs into the ventricle.")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.locator("#picture:not(.covered)").wait_for()


def save(png: bytes, name: str) -> None:
    """Save a picture of few colours, which is a third as large."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(N_COLOURS, Image.Quantize.MAXCOVERAGE).save(
            IMAGES / name, optimize=True
        )
    print(IMAGES / name)


def main(out: Path) -> None:
    """Write the pictures."""
    with sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 860})
        page.goto((out / "qa" / "index.html").resolve().as_uri())
        rate(page)
        save(page.screenshot(), "qa-case.png")
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 1400, "height": 1400})
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(500)
        save(page.screenshot(), "qa.png")
        browser.close()
    (mosaic,) = out.glob(f"sub-{MOSAIC_CASE}/ses-*/*_desc-infarct_qa.png")
    with Image.open(mosaic) as picture:
        height = round(picture.height * MOSAIC_WIDTH / picture.width)
        stream = io.BytesIO()
        picture.resize((MOSAIC_WIDTH, height), Image.Resampling.LANCZOS).save(stream, "PNG")
    save(stream.getvalue(), "mosaic.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
