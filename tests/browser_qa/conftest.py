from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from corelab.reading.roles import Role
from corelab.store.picture import Layers, MosaicRequest, Panel, draw_layers
from corelab.store.qa_page import QaPage, QaRow, render_qa_page
from corelab.vocab import Hemisphere, Modality, QcFlag
from tests.browser.served import PATIENCE_S, wait_until
from tests.browser.served import served as served_to
from tests.review.furnished import furnish
from tests.review.keys import open_keys_fast
from tests.review.qa_furnished import furnish_qa

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE = Path(__file__).parents[1] / "browser" / "vendor" / "axe.min.js"
# The shell draws the same with half the work: it has no window of its own to draw.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
SHAPE = (60, 80, 12)
TRIAL, VERSION = "NCT04142125", "0.1.0"
FULL_SIZE = "../overlay.png"


def layers_of(code: str) -> Layers:
    image = np.full(SHAPE, 30.0)
    brain = np.zeros(SHAPE, dtype=np.bool_)
    brain[10:50, 15:65, 1:11] = True
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[38:46, 40:50, 5] = True
    ct = Panel(image=image, name="CT", window_low=15, window_high=55, window_text="W 40 L 35")
    return draw_layers(
        MosaicRequest(
            panels=(ct,),
            mask=mask,
            brain=brain,
            spacing_mm=(3.0, 2.0, 5.0),
            slice_positions_mm=np.arange(12, dtype=np.float64) * 5.0,
            slice_volumes_ml=np.count_nonzero(mask, axis=(0, 1)) * 0.03,
            title=f"{code}  fu24h",
            volume_text="infarct 2.4 mL",
            window_text="window 40 HU, level 35 HU",
        )
    )


def measured(code: str, flags: tuple[QcFlag, ...] = (), image: str = "a") -> QaRow:
    layers = layers_of(code)
    return QaRow(
        subject_code=code,
        visit="fu24h",
        modality=Modality.NCCT,
        infarct_volume_ml=2.4,
        infarct_volume_low_ml=2.0,
        infarct_volume_high_ml=3.0,
        brain_volume_ml=1300.0,
        n_components=1,
        hemisphere=Hemisphere.RIGHT,
        flags=flags,
        method="ncct_mirror_ratio_4",
        image_sha256=image * 64,
        mask_sha256="b" * 64,
        mosaic_webp=layers.plain_webp,
        lines_png=layers.lines_png,
        mosaic_link=FULL_SIZE,
    )


def failed(code: str) -> QaRow:
    return QaRow(subject_code=code, visit="fu24h", reason_code="missing_slice", message="a gap")


ROWS = (
    measured("AAA111"),
    measured("BBB222", (QcFlag.BILATERAL,)),
    measured("CCC333"),
    failed("DDD444"),
)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    open_keys_fast(monkeypatch)


# Of one module: outside it the loop that drives the browser would be in other tests' way.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    reason = "Playwright is not installed (pip install -e '.[dev]')"
    driver = pytest.importorskip("playwright.sync_api", reason=reason)
    with driver.sync_playwright() as running:
        # No sandbox: it cannot be had as root, and only our own pages are opened.
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def published(folder: Path, *rows: QaRow) -> str:
    """Write the page as a file, anew when called again, and say its address."""
    page = QaPage(
        trial_id=TRIAL, rows=rows or ROWS, software_version=VERSION, config_digest="3f9a1c77"
    )
    path = folder / "qa" / "index.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(render_qa_page(page), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., str]:
    return partial(published, tmp_path)


class Reviewer:
    """Somebody before a QA page, who mostly presses keys."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console", lambda said: self.errors.append(said.text) if said.type == "error" else None
        )
        page.on("request", lambda request: self.asked.append(request.url.split(":")[0]))
        page.on("dialog", lambda dialog: dialog.accept())

    def open(self, address: str) -> Reviewer:
        self.page.goto(address)
        self.page.locator("#continue").wait_for()
        return self

    def press(self, *keys: str) -> Reviewer:
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def type(self, text: str) -> Reviewer:
        self.page.keyboard.type(text)
        return self

    def named(self, name: str) -> Reviewer:
        self.page.locator("#rater").focus()
        self.press("Control+A").type(name).press("Enter")
        return self

    def drawn(self) -> Reviewer:
        """Wait until every layer of the picture of a case is there."""
        self.page.locator("#picture:not(.covered)").wait_for()
        return self

    def said(self) -> str:
        return self.page.locator("#said").inner_text()

    def told(self) -> str:
        return self.page.locator("#told").inner_text()

    def title(self) -> str:
        return self.page.locator("#viewer-title").inner_text()

    def verdicts(self, code: str) -> str:
        return self.page.locator(f"#case-{code}-fu24h .verdicts").inner_text()

    def history(self) -> list[str]:
        return [
            " ".join(text.split()) for text in self.page.locator("#history li").all_inner_texts()
        ]

    def shown(self) -> list[str]:
        heads = self.page.locator("#cases tbody tr:visible th")
        return heads.all_inner_texts()

    def queue(self, name: str) -> list[str]:
        self.page.locator(f"input[name=show][value={name}]").check()
        return self.shown()

    def export(self, form: str) -> str:
        with self.page.expect_download() as download:
            self.page.locator(f"#export-{form}").click()
        return Path(download.value.path()).read_text(encoding="utf-8")

    def take_in(self, *files: tuple[str, str]) -> str:
        payloads = [
            {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
            for name, text in files
        ]
        self.page.locator("#import").set_input_files(payloads)
        # The page lets go of the files when it is done with them.
        wait_until(lambda: self.page.locator("#import").input_value() == "")
        return self.told()

    def serious_faults(self) -> list[str]:
        """What axe-core finds that keeps somebody from using the page."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")[
            "violations"
        ]
        serious = [fault for fault in found if fault["impact"] in {"serious", "critical"}]
        return [f"{fault['help']}: {node['html']}" for fault in serious for node in fault["nodes"]]

    def clear(self) -> None:
        self.page.locator("#clear").click()
        self.page.locator("#clear-surely").click()


@contextmanager
def reviewing(chromium: Browser) -> Iterator[Reviewer]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    # A busy machine is no fault of the code.
    context.set_default_timeout(PATIENCE_S * 1000)
    someone = Reviewer(context.new_page())
    yield someone
    context.close()
    assert someone.errors == []


@pytest.fixture
def reviewer(chromium: Browser) -> Iterator[Reviewer]:
    with reviewing(chromium) as someone:
        yield someone


@pytest.fixture(scope="session")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rated") / "out"
    furnish(out)
    furnish_qa(out)
    return out


@pytest.fixture
def out(rated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rated, tmp_path / "out"))


@pytest.fixture
def served(out: Path, reviewer: Reviewer) -> Iterator[Callable[[], str]]:
    """Serve OUT to QA reviewers, and give the start link; the server ends with the test."""
    with ExitStack() as stack:

        def start() -> str:
            return stack.enter_context(served_to(out, role=Role.QA))

        yield start
        # A page that asks a server which has gone says so in the console.
        reviewer.page.goto("about:blank")
