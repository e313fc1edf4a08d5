from __future__ import annotations

from tests.browser.desk import Desk
from tests.review.browser import PASSPHRASE


def test_a_login_before_its_script_is_there_sends_no_passphrase(desk: Desk, start_url: str) -> None:
    asked: list[str] = []
    script = desk.hold("**/static/login.js")
    desk.page.on("request", lambda request: asked.append(request.url))
    # The script keeps the page from being loaded in full.
    desk.page.goto(start_url, wait_until="commit")
    desk.page.wait_for_selector("#name")
    desk.page.fill("#name", "ada")
    desk.page.fill("#passphrase", PASSPHRASE)
    desk.press("Enter")
    assert desk.page.is_disabled("#go")
    script.wait()
    script.let_go()
    desk.page.click("#go")
    desk.page.wait_for_selector("#reads")
    assert [url for url in asked if "passphrase=" in url] == []
