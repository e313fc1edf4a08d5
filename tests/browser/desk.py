"""A reader before the screen: what hands and eyes do, said in voxels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tests.browser.served import wait_until
from tests.review.browser import PASSPHRASE

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route

_READING = "const { reading } = await import('/static/read.js');"


class Desk:
    """One window of a browser.

    Parameters
    ----------
    context
        Of the browser, with its cookies.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def sign_in(self, start_url: str, name: str) -> None:
        """Open the start link and sign in."""
        self.page.goto(start_url)
        self.page.wait_for_selector("#name")
        self.enter(name)

    def enter(self, name: str) -> None:
        """Fill in the login."""
        self.page.fill("#name", name)
        self.page.fill("#passphrase", PASSPHRASE)
        self.page.click("#go")
        self.page.wait_for_selector("#reads")

    def open(self, read_id: str) -> None:
        """Open a read, and wait until it can be worked on."""
        origin = "/".join(self.page.url.split("/")[:3])
        self.page.goto(f"{origin}/read/{read_id}")
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the screen can be worked on."""
        self.page.locator("body.ready, body.failed").wait_for()
        assert self.page.get_attribute("body", "class") == "ready", self.text("#note")

    def ask(self, script: str, *values: Any) -> Any:
        """Evaluate over the page's own ``reading``, with values as ``given``."""
        return self.page.evaluate(f"async (given) => {{ {_READING} {script} }}", list(values))

    def point(self, u: float, v: float, panel: int = 0) -> tuple[float, float]:
        """Where a voxel of the shown slice lies in the window."""
        at = self.ask(
            "const { screen } = reading; const [u, v, n] = given;"
            "return screen.panels[n].point(screen.view, u, v);",
            u,
            v,
            panel,
        )
        return at["clientX"], at["clientY"]

    def go_to(self, w: int) -> None:
        """Show a slice, by its index."""
        self.ask("reading.screen.goTo(given[0]);", w)

    def click(self, u: float, v: float, panel: int = 0) -> None:
        """Click on a voxel."""
        self.page.mouse.click(*self.point(u, v, panel))

    def drag(self, places: Sequence[tuple[float, float]], panel: int = 0) -> None:
        """Draw from voxel to voxel in one stroke."""
        first, *rest = [self.point(u, v, panel) for u, v in places]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in rest:
            self.page.mouse.move(*point)
        self.page.mouse.up()

    def press(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self.page.keyboard.press(key)

    def use_brush(self, size: int) -> None:
        """Set the brush as a reader does, and leave the field."""
        self.page.fill("#brush", str(size))
        self.press("Tab")
        self.ask("document.activeElement.blur();")

    @property
    def volume_ml(self) -> float:
        """The number on the screen."""
        self.settle()
        return float(self.text("#volume").removesuffix(" mL"))

    def overhear(self, *selectors: str) -> None:
        """Keep what elements say from now on, see `overheard`: it may pass before one looks."""
        self.page.evaluate(
            """(selectors) => {
                globalThis.overheard = [];
                for (const selector of selectors) {
                    const element = document.querySelector(selector);
                    const keep = () => globalThis.overheard.push(element.textContent);
                    new MutationObserver(keep).observe(element, { childList: true, subtree: true });
                }
            }""",
            list(selectors),
        )

    @property
    def overheard(self) -> str:
        """All that was said since, a line each."""
        return str(self.page.evaluate("globalThis.overheard.join('\\n')"))

    def text(self, selector: str) -> str:
        """What an element says."""
        return self.page.inner_text(selector)

    def settle(self) -> None:
        """Wait for the next drawing."""
        self.ask(
            "await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);"
        )

    def hold(self, url: str) -> Held:
        """Keep requests to an address from the server, until they are let go."""
        return Held(self.page, url)

    def wait_text(self, selector: str, text: str | re.Pattern[str]) -> None:
        """Wait until an element can be seen, and says this."""
        self.page.locator(selector, has_text=text).wait_for()

    def wait_saved(self) -> None:
        """Wait until everything is saved."""
        self.wait_text("#saving", "✓ Saved")

    @property
    def labels(self) -> NDArray[np.uint8]:
        """All labels, in the order of the screen."""
        found = self.ask("return [reading.grid.shape, [...reading.mask.labels]];")
        return np.array(found[1], np.uint8).reshape(found[0], order="F")

    def labels_at(self, *places: tuple[int, int, int]) -> list[int]:
        """Labels of voxels of the screen."""
        return list(
            self.ask(
                "return given.map((at) => reading.mask.labels[reading.grid.index(...at)]);",
                *places,
            )
        )


class Held:
    """Requests of a page that are under way, for as long as a test wants.

    Parameters
    ----------
    page
        Whose requests.
    url
        Glob of their addresses.
    """

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._routes: list[Route] = []
        self._is_over = False
        page.route(url, self._meet)

    def wait(self) -> None:
        """Wait until there is one."""
        # Requests are met while the page is asked for something, be it to wait.
        wait_until(lambda: self._page.wait_for_timeout(20) or self._routes)

    def let_go(self) -> None:
        """Let them go on, and all that follow."""
        self._is_over = True
        for route in self._routes:
            route.continue_()

    def lose(self) -> None:
        """Let none of them arrive."""
        for route in self._routes:
            route.abort()
        self._routes.clear()

    def _meet(self, route: Route) -> None:
        if self._is_over:
            route.continue_()
        else:
            self._routes.append(route)
