"""How a reviewer comes into the QA reviewers' room, and what the page says there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser_qa.conftest import Reviewer
from tests.review.browser import PASSPHRASE

if TYPE_CHECKING:
    from playwright.sync_api import Page


def sign_in(reviewer: Reviewer, link: str) -> Reviewer:
    page = reviewer.page
    page.goto(link)
    page.locator("#title", has_text="Quality review").wait_for()
    enter(page, "quin")
    page.locator("#progress", has_text="rated by quin").wait_for()
    return reviewer


def enter(page: Page, name: str) -> None:
    """Sign in once the page's scripts listen: before that its button takes nothing."""
    page.locator("#go:enabled").wait_for()
    page.locator("#name").fill(name)
    page.locator("#passphrase").fill(PASSPHRASE)
    page.locator("#passphrase").press("Enter")


def saved(reviewer: Reviewer, text: str) -> None:
    reviewer.page.locator("#said", has_text=text).wait_for()
