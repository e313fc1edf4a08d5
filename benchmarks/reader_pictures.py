"""Pictures of the reader's screen for the docs, from the synthetic delivery in ``sample_data``.

``python -m benchmarks.reader_pictures [FOLDER]`` runs the batch, adds users, plans reads, serves
them and looks at them in headless Chromium; it writes ``reader-*.png``, to ``docs/images`` unless
told where. ``tests/browser/test_pictures.py`` takes them each time: none shows what is gone.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.browser.conftest import CHROMIUM
from tests.browser.desk import Desk
from tests.browser.served import served, wait_until
from tests.review.browser import PASSPHRASE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).parents[1]
IMAGES = REPOSITORY / "docs" / "images"
SAMPLE = REPOSITORY / "sample_data"
WIDTH_PX = 1100
COLOURS = 160
NAMED = 'readers = 2\nnames = ["ada", "ben"]\nadjudicators = ["cleo"]'


@dataclass(frozen=True, slots=True)
class _Camera:
    """Writes pictures to a folder."""

    folder: Path

    def __call__(self, desk: Desk, name: str) -> None:
        """Write a picture of few colours, which is all that grey images and two outlines need."""
        picture = Image.open(io.BytesIO(desk.page.screenshot())).convert("RGB")
        size = (WIDTH_PX, round(picture.height * WIDTH_PX / picture.width))
        small = picture.resize(size, Image.Resampling.LANCZOS)
        path = self.folder / f"reader-{name}.png"
        # Coverage keeps the few coloured pixels that outlines are made of.
        few = small.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)
        few.save(path, optimize=True)
        print(path)


def main() -> None:
    """Write every picture."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the extra dev

    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
    take = _Camera(Path(sys.argv[1]) if sys.argv[1:] else IMAGES)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        out = _furnished(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with _seated(out, browser, "ada") as desk:
            wanted = {"ct": _ct, "mr": _mr}
            while wanted:
                _open_next(desk)
                kind = desk.ask("return reading.images.length > 3 ? 'mr' : reading.images[0].name;")
                has_infarct = desk.ask("return reading.mask.bloodMl > 0 || given[0];", kind == "mr")
                if has_infarct and kind in wanted:
                    wanted.pop(kind)(desk, take)
                _sign(desk)
            desk.page.wait_for_selector("#next")
            take(desk, "worklist")
            while _has_next(desk):
                _open_next(desk)
                _sign(desk)
        with _seated(out, browser, "ben") as desk:
            _disagree(desk)
        with _seated(out, browser, "cleo") as desk:
            _open_next(desk)
            desk.settle()
            take(desk, "judging")


@contextmanager
def _seated(out: Path, browser: Browser, name: str) -> Iterator[Desk]:
    """Sit a reader before a server and a browser of their own."""
    with served(out) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        desk = Desk(context)
        desk.sign_in(url, name)
        yield desk
        context.close()


def _furnished(folder: Path) -> Path:
    """OUT of the sample's batch, with users and planned reads."""
    out, secret, trial = folder / "out", folder / "passphrase", folder / "trial.toml"
    secret.write_text(PASSPHRASE + "\n", "utf-8")
    secret.chmod(0o600)
    rules = (REPOSITORY / "configs" / "demo.toml").read_text("utf-8")
    trial.write_text(rules.replace("readers = 2", NAMED), "utf-8")
    subjects = ("--subjects", SAMPLE / "subjects.csv", "--vault", folder / "vault")
    _corelab("run", SAMPLE / "incoming", "--trial", trial, "--out", out, *subjects)
    new, by = ("--passphrase-file", secret), ("--by", "mara", "--by-passphrase-file", secret)
    _corelab("users", "add", out, "mara", "--role", "data_manager", *new)
    for name in ("ada", "ben", "cleo"):
        _corelab("users", "add", out, name, "--role", "reader", *new, *by)
    _corelab("reads", "plan", out, "--trial", trial, *by)
    return out


def _corelab(*words: str | Path) -> None:
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - our own
    # 1 is a batch in which one of the sample's cases cannot be measured, as it should.
    if done.returncode > 1:
        raise SystemExit(f"corelab {words[0]} ended with {done.returncode}")


def _has_next(desk: Desk) -> bool:
    desk.page.wait_for_selector("#count:has-text('signed')")
    return desk.page.is_visible("#next")


def _open_next(desk: Desk) -> None:
    desk.page.wait_for_selector("#next")
    desk.page.click("#next")
    desk.wait_ready()


def _sign(desk: Desk) -> None:
    result = "infarct" if desk.ask("return reading.mask.volumeMl;") else "no_infarct"
    desk.page.check(f"input[value={result}]")
    desk.page.check("#meaning")
    desk.page.fill("#passphrase", PASSPHRASE)
    desk.page.click("#sign button[type=submit]")
    wait_until(lambda: desk.page.is_visible("#signed"))
    desk.page.click("#signed a")


def _disagree(desk: Desk) -> None:
    """Read until there is a CT with blood, and draw more there than anybody would."""
    while True:
        _open_next(desk)
        if desk.ask("return reading.mask.bloodMl > 0;"):
            break
        _sign(desk)
    desk.use_brush(80)
    for _ in range(8):
        desk.drag([(170, 320), (190, 290), (205, 330)])
        desk.press("ArrowUp")
    desk.wait_saved()
    _sign(desk)


def _ct(desk: Desk, take: _Camera) -> None:
    """Draw a stroke near the infarct, then show the keys."""
    desk.use_brush(14)
    desk.drag([(172, 330), (176, 350)])
    desk.wait_saved()
    desk.settle()
    take(desk, "ct")
    desk.press("?")
    take(desk, "keys")
    desk.press("?")
    desk.press("u")
    desk.wait_saved()


def _mr(desk: Desk, take: _Camera) -> None:
    desk.press("f")
    desk.settle()
    take(desk, "mr")


if __name__ == "__main__":
    main()
