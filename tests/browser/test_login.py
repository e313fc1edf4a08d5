from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.desk import Desk
from tests.browser.served import wait_until
from tests.review.browser import PASSPHRASE

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_a_login_before_its_script_is_there_sends_no_passphrase(desk: Desk, start_url: str) -> None:
    held: list[Route] = []
    asked: list[str] = []
    desk.page.route("**/static/login.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    desk.page.on("request", lambda request: asked.append(request.url))
    # The script keeps the page from being loaded in full.
    desk.page.goto(start_url, wait_until="commit")
    desk.page.wait_for_selector("#name")
    desk.page.fill("#name", "ada")
    desk.page.fill("#passphrase", PASSPHRASE)
    desk.press("Enter")
    assert desk.page.is_disabled("#go")
    wait_until(lambda: desk.page.evaluate("1") and held)
    held.pop().continue_()
    desk.page.click("#go")
    desk.page.wait_for_selector("#reads")
    assert [url for url in asked if "passphrase=" in url] == []
