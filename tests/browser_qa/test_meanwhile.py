"""What a reviewer does while something else is under way: nothing goes astray, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.desk import Held
from tests.browser_qa.conftest import Reviewer
from tests.browser_qa.room import enter, saved, sign_in
from tests.review.furnished import CT_CASE, MR_CASE

CT, MR = CT_CASE.subject_code, MR_CASE.subject_code
Served = Callable[[], str]


def case(reviewer: Reviewer, code: str) -> None:
    """Have a case before one, the next one if need be."""
    reviewer.press("n")
    reviewer.page.locator("#viewer-title", has_text=code).wait_for()


def test_of_quick_verdicts_the_last_one_stands(reviewer: Reviewer, served: Served) -> None:
    """Also when it is the one that stood before."""
    case(sign_in(reviewer, served()), MR)
    reviewer.press("l", "2")
    saved(reviewer, "Saved: warn.")
    saving = Held(reviewer.page, "**/verdict")
    reviewer.press("3")
    saving.wait()
    reviewer.press("4", "2")
    saving.let_go()
    reviewer.page.locator("#history li").nth(3).wait_for()
    stands = reviewer.page.locator("[data-verdict][aria-pressed=true]")
    assert stands.get_attribute("data-verdict") == "warn"
    given = [line.split("quin: ")[1].split(" mask leak")[0] for line in reviewer.history()]
    assert given == ["warn", "not assessable", "fail", "warn"]


def test_what_is_typed_while_a_verdict_is_under_way_is_not_written_over(
    reviewer: Reviewer, served: Served
) -> None:
    case(sign_in(reviewer, served()), MR)
    saving = Held(reviewer.page, "**/verdict")
    reviewer.press("1")
    saving.wait()
    case(reviewer, CT)
    reviewer.press("c").type("right M")
    saving.let_go()
    reviewer.page.locator("#progress", has_text="1 of 2 rated by quin").wait_for()
    reviewer.type("CA").press("Escape", "m", "2")
    saved(reviewer, "Saved: warn.")
    assert "motion: right MCA" in reviewer.history()[0]


def test_an_answer_that_is_typed_meanwhile_is_not_written_over(
    reviewer: Reviewer, served: Served
) -> None:
    case(sign_in(reviewer, served()), MR)
    reviewer.page.locator("#query").fill("Which side?")
    reviewer.page.locator("#ask").click()
    saved(reviewer, "Asked.")
    saving = Held(reviewer.page, "**/verdict")
    reviewer.page.locator("#stage").focus()
    reviewer.press("1")
    saving.wait()
    reviewer.page.locator("#queries textarea").focus()
    reviewer.type("The ")
    saving.let_go()
    saved(reviewer, "Saved: pass.")
    reviewer.type("left.")
    reviewer.page.locator("#queries button").click()
    saved(reviewer, "Answered.")
    assert "Answer of quin: The left." in reviewer.page.locator("#queries").inner_text()


def test_words_of_a_verdict_that_was_not_saved_stay_with_their_case(
    reviewer: Reviewer, served: Served
) -> None:
    case(sign_in(reviewer, served()), MR)
    saving = Held(reviewer.page, "**/verdict")
    reviewer.press("m", "2")
    saving.wait()
    case(reviewer, CT)
    saving.lose()
    saved(reviewer, "NOT SAVED")
    assert reviewer.page.locator("input[name=reason]:checked").count() == 0
    reviewer.press("k")
    reviewer.page.locator("#viewer-title", has_text=MR).wait_for()
    assert reviewer.page.locator("input[name=reason][value=motion]").is_checked()
    saving.let_go()
    reviewer.press("2")
    saved(reviewer, "Saved: warn.")
    # The browser itself logs what was lost.
    assert all("Failed to load resource" in error for error in reviewer.errors)
    reviewer.errors.clear()


def test_no_key_is_listened_to_before_it_is_known_who_rates_and_what_stands(
    reviewer: Reviewer, served: Served
) -> None:
    page = reviewer.page
    loading = Held(page, "**/api/qa")
    page.goto(served())
    enter(page, "quin")
    loading.wait()
    reviewer.press("n", "1")
    assert page.locator("#continue").is_hidden()
    loading.let_go()
    page.locator("#continue").wait_for()
    assert page.locator("#viewer").is_hidden()
    assert reviewer.told() == ""
    case(reviewer, MR)
    reviewer.press("1")
    saved(reviewer, "Saved: pass.")


@pytest.mark.parametrize("key", ["n", "j"])
def test_no_layer_is_shown_before_all_of_a_case_are(
    reviewer: Reviewer, publish: Callable[..., str], key: str
) -> None:
    reviewer.open(publish()).press("n").drawn()
    seen = reviewer.page.evaluate(
        """async (key) => {
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            const layers = [...document.querySelectorAll("#picture img")];
            const isSeen = (layer) => getComputedStyle(layer).visibility === "visible";
            const seen = [layers.some(isSeen)];
            while (!layers.every(isSeen)) await new Promise(requestAnimationFrame);
            return [...seen, layers.every((layer) => layer.complete && layer.naturalWidth > 0)];
        }""",
        key,
    )
    assert seen == [False, True]
    assert reviewer.title() == "BBB222 fu24h"
