from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from corelab.reading.fold import fold
from corelab.reading.roles import Role
from corelab.reading.room import Block
from corelab.review.app import look_app
from corelab.review.session import IDLE_S
from corelab.store.layout import Layout
from corelab.store.ledger import read_ledger
from tests.browser.served import running
from tests.browser.served import served as serve_room
from tests.browser_qa.conftest import Reviewer
from tests.browser_qa.room import enter, saved, sign_in
from tests.review.browser import PASSPHRASE
from tests.review.clock import Clock, moved_by_hand
from tests.review.furnished import CT_CASE, MR_CASE

CT, MR = CT_CASE.subject_code, MR_CASE.subject_code


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return moved_by_hand(monkeypatch)


def test_a_verdict_given_by_key_stands_in_the_ledger(
    reviewer: Reviewer, served: Callable[[], str], out: Path
) -> None:
    sign_in(reviewer, served())
    assert reviewer.page.locator("#rater").input_value() == "quin"
    assert reviewer.page.locator("#rater").is_editable() is False
    assert reviewer.page.locator("#clear").is_hidden()
    reviewer.press("n")
    assert reviewer.title().startswith(MR)
    reviewer.press("n")
    reviewer.page.locator("#viewer-title", has_text=CT).wait_for()
    reviewer.press("l", "3")
    saved(reviewer, "Saved: fail.")
    reviewer.page.locator("#query").fill("Is this the right series?")
    reviewer.page.locator("#ask").click()
    saved(reviewer, "Asked.")
    with read_ledger(Layout(out).ledger) as ledger:
        room = fold(ledger.entries())
    assert room.blocks_of(CT_CASE) == (Block.QA_FAIL, Block.QUERY_OPEN)
    reviewer.press("Escape")
    assert reviewer.queue("queried") == [CT]
    assert "1 open query" in reviewer.verdicts(CT)


def test_a_query_is_answered_on_the_page(reviewer: Reviewer, served: Callable[[], str]) -> None:
    sign_in(reviewer, served()).press("n")
    reviewer.page.locator("#query").fill("Which side?")
    reviewer.page.locator("#ask").click()
    saved(reviewer, "Asked.")
    reviewer.page.locator("#queries textarea").fill("The left.")
    reviewer.page.locator("#queries button").click()
    saved(reviewer, "Answered.")
    assert "Answer of quin: The left." in reviewer.page.locator("#queries").inner_text()
    reviewer.press("Escape")
    assert reviewer.queue("queried") == []


def test_the_ledger_is_what_another_login_sees(
    reviewer: Reviewer, served: Callable[[], str]
) -> None:
    sign_in(reviewer, served()).press("n", "n")
    reviewer.page.locator("#viewer-title", has_text=CT).wait_for()
    reviewer.press("1")
    saved(reviewer, "Saved: pass.")
    reviewer.press("Escape")
    reviewer.page.locator("#leave").click()
    reviewer.page.locator("#login").wait_for()
    sign_in(reviewer, served())
    assert reviewer.verdicts(CT).startswith("pass quin")
    exported = reviewer.export("csv")
    assert reviewer.take_in(("mine.csv", exported)) == "0 new of 1 rating."


def test_after_the_idle_lock_what_was_not_saved_is_one_key_away(
    clock: Clock, reviewer: Reviewer, served: Callable[[], str]
) -> None:
    sign_in(reviewer, served()).press("n", "c").type("half a sentence")
    clock.now_s += IDLE_S
    reviewer.press("Escape", "m", "2")
    reviewer.page.locator("#locked").wait_for()
    reviewer.page.locator("#passphrase").fill("wrong passphrase")
    reviewer.press("Enter")
    reviewer.page.locator("#lock-said", has_text="wrong").wait_for()
    reviewer.page.locator("#passphrase").fill(PASSPHRASE)
    reviewer.press("Enter")
    saved(reviewer, "Unlocked.")
    reviewer.press("2")
    saved(reviewer, "Saved: warn.")
    assert "motion: half a sentence" in reviewer.history()[0]
    # The browser itself logs answers such as 401.
    assert all("Failed to load resource" in error for error in reviewer.errors)
    reviewer.errors.clear()


def test_the_full_mosaic_opens_from_the_served_page(
    reviewer: Reviewer, served: Callable[[], str]
) -> None:
    sign_in(reviewer, served()).press("n")
    with reviewer.page.expect_popup() as popup:
        reviewer.page.locator("#full").click()
    popup.value.wait_for_url("**/overlay")
    assert popup.value.locator("img").evaluate("image => image.naturalWidth") > 500


def test_a_server_that_is_gone_is_told_as_not_saved(
    reviewer: Reviewer, served: Callable[[], str]
) -> None:
    sign_in(reviewer, served()).press("n")
    reviewer.page.context.set_offline(offline=True)
    reviewer.press("1")
    saved(reviewer, "NOT SAVED: the reading room does not answer")
    reviewer.page.context.set_offline(offline=False)
    reviewer.press("1")
    saved(reviewer, "Saved: pass.")
    reviewer.errors.clear()


def test_a_server_that_only_shows_takes_no_verdict_that_would_be_lost(
    reviewer: Reviewer, out: Path
) -> None:
    with running(partial(look_app, out)) as link:
        reviewer.page.goto(link)
        reviewer.page.locator("#continue").wait_for()
    assert "only shows the page" in reviewer.page.locator(".shown-only").inner_text()
    reviewer.press("n")
    assert reviewer.title().startswith(MR)
    reviewer.press("1", "m", "3")
    assert reviewer.page.locator("#panel").is_hidden()
    assert reviewer.page.evaluate("localStorage.length") <= 1, "but for where one stopped"
    reviewer.press("f")
    assert reviewer.page.locator("#flicker").get_attribute("aria-pressed") == "false"


def test_axe_finds_no_serious_fault_where_one_asks_and_unlocks(
    clock: Clock, reviewer: Reviewer, served: Callable[[], str]
) -> None:
    sign_in(reviewer, served()).press("n")
    reviewer.page.locator("#query").fill("Which side?")
    reviewer.page.locator("#ask").click()
    saved(reviewer, "Asked.")
    assert reviewer.serious_faults() == []
    reviewer.page.locator("#stage").focus()
    clock.now_s += IDLE_S
    reviewer.press("1")
    reviewer.page.locator("#locked").wait_for()
    assert reviewer.serious_faults() == []
    reviewer.errors.clear()


def test_the_page_gives_way_to_a_sign_in_under_another_role_in_this_browser(
    reviewer: Reviewer, served: Callable[[], str], out: Path
) -> None:
    sign_in(reviewer, served())
    reviewer.press("n")
    with serve_room(out, role=Role.READER) as link:
        other = reviewer.page.context.new_page()
        other.goto(link)
        other.locator("#title", has_text="Reading room").wait_for()
        enter(other, "ada")
        other.locator("#next").wait_for()
        reviewer.page.locator("#title", has_text="Quality review").wait_for()
        assert reviewer.page.locator("#viewer").count() == 0, "nothing of the other role is left"
        other.close()
