"""The reader's screen in a browser without a graphics card, beside NiiVue on the same image.

``python -m benchmarks.reader_screen [ROUNDS]`` opens a CT of 512 x 512 x 40 from the real server
in headless Chromium and prints medians: opening, one slice further, another window, one
movement of the mouse while painting. Times in the page are until the pixels can be read back.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import table
from tests.browser.conftest import CHROMIUM
from tests.browser.desk import Desk
from tests.browser.heads import READ_ID, READER, make_out
from tests.browser.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROUNDS = 5
SHAPE = (512, 512, 40)
AFFINE = np.array([[-0.45, 0, 0, 115], [0, -0.45, 0, 115], [0, 0, 5.0, -90], [0, 0, 0, 1]])
OURS = """
const { screen } = reading;
const [canvas, below] = [screen.main.canvas, screen.main._below];
const flush = () => {
  screen.draw();
  for (const one of [below, canvas]) one.getContext("2d").getImageData(0, 0, 1, 1);
};
const timed = (act) => {
  const from = performance.now();
  act();
  flush();
  return performance.now() - from;
};
flush();
const found = { slice: [], window: [], move: [] };
screen.mask.begin();
for (let n = 0; n < given[0]; n++) {
  found.slice.push(timed(() => screen.sliceUp()));
  found.window.push(timed(() => (n % 2 ? screen.windowOne() : screen.windowTwo())));
  const at = (m) => ({ u: 200 + 8 * m, v: 200 + 5 * n });
  screen.view.brush = 30;
  for (let m = 0; m < 10; m++) found.move.push(timed(() => screen._paint(at(m), at(m + 1))));
}
screen.mask.end();
return found;
"""
NIIVUE = """
const { Niivue, NVImage, SLICE_TYPE } = await import("/static/vendor/niivue.js");
const canvas = document.createElement("canvas");
document.getElementById("panels").replaceChildren(canvas);
const viewer = new Niivue({ logLevel: "silent" });
await viewer.attachToCanvas(canvas);
viewer.setSliceType(SLICE_TYPE.AXIAL);
const url = `${location.origin}/api/reads/${location.pathname.split("/").pop()}/image/ct`;
const bytes = await (await fetch(url)).arrayBuffer();
const image = await NVImage.loadFromUrl({ url: bytes, name: "image.nii" });
Object.assign(image, { cal_min: 20, cal_max: 60 });
viewer.addVolume(image);
viewer.createEmptyDrawing();
const { gl } = viewer;
const pixel = new Uint8Array(4);
const timed = (act) => {
  const from = performance.now();
  act();
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  return performance.now() - from;
};
timed(() => viewer.drawScene());
const found = { slice: [], window: [], move: [] };
for (let n = 0; n < given[0]; n++) {
  found.slice.push(timed(() => {
    viewer.scene.crosshairPos = [0.5, 0.5, (20.5 + n) / 40];
    viewer.drawScene();
  }));
  found.window.push(timed(() => {
    image.cal_max = n % 2 ? 60 : 80;
    viewer.updateGLVolume();
  }));
  found.move.push(timed(() => {
    viewer.drawBitmap.fill(1, 5e6 + 100 * n, 5e6 + 100 * n + 60);
    viewer.refreshDrawing(true);
  }));
}
return found;
"""
NAMES = {"slice": "one slice further", "window": "another window", "move": "one movement, painting"}


def main(rounds: int) -> None:
    """Measure and print."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the extra dev

    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        out = Path(folder) / "out"
        make_out(out, _labels(), AFFINE)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opening_s = [_opening_s(browser, out) for _ in range(rounds)]
        ours, peer = _in_page(browser, out, OURS, rounds), _in_page(browser, out, NIIVUE, rounds)
    spread = f"{min(opening_s):.1f} to {max(opening_s):.1f}"
    print(f"opened after {statistics.median(opening_s):.1f} s ({spread}), {rounds} rounds\n")
    rows = [
        (name, *(f"{statistics.median(times[key]):.0f}" for times in (ours, peer)))
        for key, name in NAMES.items()
    ]
    print(table(rows, ("ms", "2-D canvas (corelab)", "NiiVue 0.69.0")))


def _opening_s(browser: Browser, out: Path) -> float:
    """Seconds from navigation to a screen that can be worked on, nothing in any cache."""
    with served(out) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        desk = Desk(context)
        desk.sign_in(url, READER)
        start = time.perf_counter()
        desk.open(READ_ID)
        desk.settle()
        taken_s = time.perf_counter() - start
        context.close()
    return taken_s


def _in_page(browser: Browser, out: Path, script: str, rounds: int) -> dict[str, list[float]]:
    with served(out) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(0)
        desk = Desk(context)
        desk.sign_in(url, READER)
        desk.open(READ_ID)
        found: dict[str, list[float]] = desk.ask(script, rounds)
        context.close()
    return found


def _labels() -> NDArray[np.uint8]:
    """Draw an infarct of about 60 mL."""
    i, j, k = np.ogrid[tuple(slice(n) for n in SHAPE)]
    parts = (((i - 330) / 70) ** 2, ((j - 260) / 90) ** 2, ((k - 20) / 7) ** 2)
    return np.asarray(sum(parts) < 1).astype(np.uint8)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
