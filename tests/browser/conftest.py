from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browser.desk import Desk
from tests.browser.served import PATIENCE_S, served
from tests.review.furnished import READS, furnish, infarct
from tests.review.keys import open_keys_fast

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

# The shell draws the same with half the work: it has no window of its own to draw.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    open_keys_fast(monkeypatch)


# Of one module: outside it the loop that drives the browser would be in other tests' way.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    reason = "Playwright is not installed (pip install -e '.[dev]')"
    driver = pytest.importorskip("playwright.sync_api", reason=reason)
    with driver.sync_playwright() as playwright:
        # No sandbox: it cannot be had as root, and only our own pages are opened.
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@contextmanager
def context_of(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900})
    # A busy machine is no fault of the code.
    opened.set_default_timeout(PATIENCE_S * 1000)
    yield opened
    opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with context_of(browser) as opened:
        yield opened


@pytest.fixture
def desk(context: BrowserContext) -> Iterator[Desk]:
    found = Desk(context)
    yield found
    assert found.faults == []


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("master") / "out"
    furnish(out)
    return out


@pytest.fixture
def out(master: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(master, tmp_path / "out"))


@pytest.fixture
def start_url(out: Path) -> Iterator[str]:
    with served(out) as url:
        yield url


@pytest.fixture(scope="module")
def out_of_module(master: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(master, tmp_path_factory.mktemp("module") / "out"))


@pytest.fixture(scope="module")
def ada(browser: Browser, out_of_module: Path) -> Iterator[Desk]:
    """Ada, signed in once for all tests of a module."""
    with served(out_of_module) as url, context_of(browser) as context:
        found = Desk(context)
        found.sign_in(url, "ada")
        yield found


@pytest.fixture
def untouched(ada: Desk) -> Iterator[Desk]:
    """Her first read, as the batch left its mask: what a test does to it is taken back."""
    ada.faults.clear()
    ada.open(READS["ada", 1])
    assert np.array_equal(ada.labels, infarct()[::-1, ::-1])
    yield ada
    ada.page.unroute_all()
    ada.ask("while (reading.mask.steps.back) reading.screen.undo();")
    ada.wait_saved()
    assert ada.faults == []
