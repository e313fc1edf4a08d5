from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from corelab.store import qa_ratings
from corelab.store.picture import INFARCT_COLOUR
from corelab.store.qa_ratings import QaRating
from corelab.vocab import QaConfidence, QaReason, QaVerdict
from tests.browser_qa.conftest import (
    ROWS,
    TRIAL,
    VERSION,
    Reviewer,
    measured,
    published,
    reviewing,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Publish = Callable[..., str]
LATER = datetime(2100, 1, 1, tzinfo=UTC)
POLICY = "Content Security Policy"
A4_WIDTH_PX = 718  # between margins of 1 cm


def rating(code: str, rater: str, verdict: QaVerdict, **changes: object) -> QaRating:
    known = QaRating(
        trial_id=TRIAL,
        subject_code=code,
        visit="fu24h",
        image_sha256="a" * 64,
        mask_sha256="b" * 64,
        rater=rater,
        rated_at_utc="2026-01-31T09:30:00.000Z",
        verdict=verdict,
        reasons=() if verdict is QaVerdict.PASS else (QaReason.MOTION,),
        comment="",
        software_version=VERSION,
    )
    return replace(known, **changes)


def rated(reviewer: Reviewer) -> tuple[QaRating, ...]:
    return qa_ratings.from_csv(reviewer.export("csv"), "export")


def test_a_batch_is_rated_by_keyboard_alone(reviewer: Reviewer, publish: Publish) -> None:
    reviewer.open(publish()).press("n")
    assert reviewer.title() == "AAA111 fu24h"
    reviewer.press("1")
    assert "Who rates?" in reviewer.told()
    reviewer.type("Dr. Doe").press("Enter")
    assert reviewer.page.locator("#rater").input_value() == "Dr. Doe"
    reviewer.press("Tab", "n", "1", "n", "m", "b", "2", "n", "i", "c").type("right MCA")
    reviewer.press("Escape", "3", "n")
    assert "Every case that is shown here is rated" in reviewer.said()
    reviewer.press("Escape")
    found = [(r.subject_code, r.verdict, r.reasons, r.comment) for r in rated(reviewer)]
    assert found == [
        ("AAA111", QaVerdict.PASS, (), ""),
        ("BBB222", QaVerdict.WARN, (QaReason.MOTION, QaReason.BEAM_HARDENING), ""),
        ("CCC333", QaVerdict.FAIL, (QaReason.MISSED_INFARCT,), "right MCA"),
    ]
    assert all(r.rater == "Dr. Doe" and r.software_version == VERSION for r in rated(reviewer))
    assert reviewer.page.locator("#progress").inner_text() == "3 of 3 rated by Dr. Doe"


def test_letters_and_digits_are_only_text_while_one_types(
    reviewer: Reviewer, publish: Publish
) -> None:
    reviewer.open(publish()).named("doe").press("Tab", "n", "c").type("jk1234 mbtwlio fz n?/")
    assert reviewer.title() == "AAA111 fu24h"
    assert reviewer.page.locator("#comment").input_value() == "jk1234 mbtwlio fz n?/"
    assert reviewer.page.locator("input[name=reason]:checked").count() == 0
    assert reviewer.history() == []
    reviewer.press("Escape")
    assert reviewer.page.locator("#viewer").is_visible(), "Escape leaves the box alone"
    reviewer.press("Escape", "/").type("n1jbbb")
    assert not reviewer.page.locator("#viewer").is_visible()
    assert reviewer.shown() == []


def test_a_verdict_other_than_a_pass_waits_for_its_reason(
    reviewer: Reviewer, publish: Publish
) -> None:
    reviewer.open(publish()).named("doe").press("Tab", "n", "3")
    assert reviewer.said() == "Not saved yet: fail needs in its reasons at least one for fail."
    assert reviewer.history() == []
    reviewer.press("o")
    assert "what the other reason is" in reviewer.said()
    reviewer.press("o", "l")
    assert reviewer.said() == "Saved: fail."
    assert len(reviewer.history()) == 1


def test_a_changed_verdict_keeps_what_was_said_before(reviewer: Reviewer, publish: Publish) -> None:
    reviewer.open(publish()).named("doe").press("Tab", "n", "1", "j", "k", "l", "2")
    history = reviewer.history()
    said = [line.split("doe: ")[1].split("(after")[0].rstrip() for line in history]
    assert said == [
        "warn mask leak",
        "pass mask leak",
        "pass",
    ]
    assert all("UTC" in line for line in history)
    assert reviewer.press("2").said() == "warn stands already."
    assert len(reviewer.history()) == 3
    reviewer.press("Escape")
    assert reviewer.verdicts("AAA111").startswith("warn doe, mask leak")
    assert len(rated(reviewer)) == 3


def test_ratings_are_there_after_the_page_was_closed_and_one_goes_on_where_one_stopped(
    reviewer: Reviewer, publish: Publish
) -> None:
    address = publish()
    reviewer.open(address).named("doe").press("Tab", "n", "j", "1")
    reviewer.open(address)
    assert reviewer.verdicts("BBB222").startswith("pass doe")
    assert reviewer.page.locator("#continue").inner_text().startswith("Continue")
    reviewer.press("n")
    assert reviewer.title() == "CCC333 fu24h", "not back to the first"


def test_a_rerun_asks_again_for_what_has_changed_and_for_nothing_else(
    reviewer: Reviewer, publish: Publish
) -> None:
    reviewer.open(publish()).named("doe").press("Tab", "n", "1", "j", "1", "j", "1", "Escape")
    outline = replace(measured("BBB222"), mask_sha256="c" * 64)
    reviewer.open(publish(measured("AAA111"), outline, measured("CCC333", image="d")))
    assert reviewer.queue("unrated") == ["BBB222", "CCC333"]
    reviewer.press("n")
    assert reviewer.history()[0].endswith("of another picture")
    reviewer.press("Escape")
    assert len(rated(reviewer)) == 3, "what was said of the former pictures is kept"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_is_exported_cleared_and_imported_is_what_it_was(
    reviewer: Reviewer, publish: Publish, form: str
) -> None:
    reviewer.open(publish()).named("doe").press("Tab", "n", "1", "j", "m", "c")
    reviewer.type('=1+1, "quoted"').press("Shift+Enter").type("'second line").press("Escape", "2")
    reviewer.press("Escape")
    before = reviewer.export(form)
    reviewer.clear()
    assert reviewer.verdicts("AAA111") == ""
    assert len(rated(reviewer)) == 0
    assert reviewer.take_in((f"mine.{form}", before)) == "2 new of 2 ratings."
    assert reviewer.export(form) == before
    assert reviewer.take_in((f"mine.{form}", before)) == "0 new of 2 ratings."


@pytest.mark.parametrize(
    ("form", "write"), [("csv", qa_ratings.to_csv), ("json", qa_ratings.to_json)]
)
def test_page_and_library_write_the_same_file(
    reviewer: Reviewer, publish: Publish, form: str, write: Callable[[object], str]
) -> None:
    hostile = (
        "=cmd",
        "'=x",
        "''",
        "a,b",
        'a"b',
        "a\nb",
        "\ttab",
        "  spaces  ",
        "ü😀",
        "\uff1dx",
        ";",
    )
    ratings = [
        rating(
            "AAA111",
            "doe",
            QaVerdict.WARN,
            comment=text,
            rated_at_utc=f"2026-01-31T09:30:{n:02}.000Z",
        )
        for n, text in enumerate(hostile)
    ]
    reviewer.open(publish())
    assert (
        reviewer.take_in((f"r.{form}", write(ratings)))
        == f"{len(hostile)} new of {len(hostile)} ratings."
    )
    assert reviewer.export(form) == write(ratings)


def test_two_raters_see_where_they_disagree_and_not_before_they_have_rated(
    reviewer: Reviewer, publish: Publish
) -> None:
    others = [rating("AAA111", "roe", QaVerdict.FAIL), rating("BBB222", "roe", QaVerdict.PASS)]
    reviewer.open(publish()).named("doe").take_in(("roe.csv", qa_ratings.to_csv(others)))
    assert reviewer.verdicts("AAA111") == ""
    assert reviewer.queue("disagreeing") == reviewer.queue("failed") == []
    reviewer.queue("all")
    reviewer.press("n")
    assert reviewer.history() == []
    reviewer.press("1", "n", "1", "Escape")
    assert "roe" in reviewer.verdicts("AAA111")
    assert reviewer.queue("disagreeing") == ["AAA111"]
    assert reviewer.page.locator("#progress").inner_text().endswith("raters agree on 1 of 2")
    reviewer.named("")
    assert reviewer.queue("failed") == ["AAA111"]


def test_raters_are_counted_against_each_other_verdict_by_verdict(
    reviewer: Reviewer, publish: Publish
) -> None:
    """Observed 2 of 3, by chance (1 * 2 + 2 * 1) / 9: kappa (2/3 - 4/9) / (1 - 4/9) = 0.4."""
    passed, failed = QaVerdict.PASS, QaVerdict.FAIL
    doe = zip(("AAA111", "BBB222", "CCC333"), (passed, passed, failed), strict=True)
    roe = zip(("AAA111", "BBB222", "CCC333"), (passed, failed, failed), strict=True)
    said = [rating(code, "doe", verdict) for code, verdict in doe]
    said += [rating(code, "roe", verdict) for code, verdict in roe]
    raters = reviewer.open(publish()).page.locator("#raters")
    assert raters.is_hidden()
    reviewer.take_in(("both.csv", qa_ratings.to_csv(said)))
    raters.locator("summary").click()
    caption = raters.locator("caption")
    assert caption.all_inner_texts() == ["doe and roe agree on 2 of 3, kappa 0.40"]
    counts = raters.locator("tbody tr").all_inner_texts()
    assert [" ".join(row.split()) for row in counts] == [
        "pass 1 1",
        "warn",
        "fail 1",
        "not assessable",
    ]
    assert raters.locator(".same").all_inner_texts() == ["1", "", "1", ""]
    assert reviewer.serious_faults() == []
    reviewer.named("moe")
    raters.wait_for(state="hidden")  # who has not rated sees nobody's verdicts


def test_every_queue_shows_its_cases(reviewer: Reviewer, publish: Publish) -> None:
    reviewer.open(publish()).named("doe").press("Tab", "n", "1", "n", "l", "3", "Escape")
    assert reviewer.queue("all") == ["AAA111", "BBB222", "CCC333", "DDD444"]
    assert reviewer.queue("unrated") == ["CCC333"]
    assert reviewer.queue("failed") == ["BBB222"]
    assert reviewer.queue("flagged") == ["BBB222"]
    assert reviewer.queue("unmeasured") == ["DDD444"]


@pytest.fixture(scope="module")
def unrated(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewer]:
    """Before one page for tests that leave it without a rating."""
    with reviewing(chromium) as someone:
        yield someone.open(published(tmp_path_factory.mktemp("unrated")))


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("r.csv", ("warn", "wrong"), "line 3, column verdict: found 'wrong', expected one of pass"),
        ("r.csv", ("verdict", "v"), "line 1: found trial_id"),
        ("r.csv", (",warn,", ","), "line 3: found 12 cells, expected 13"),
        ("r.csv", ("motion", "moved"), "line 3, column reasons: found 'moved'"),
        ("r.csv", ("motion", ""), "line 3, column reasons: found 'none', expected at least one"),
        ("r.csv", (TRIAL, "NCT0"), "line 2, column trial_id: found 'NCT0', expected " + TRIAL),
        ("r.csv", ("09:30:01.000Z", "9.30"), "line 3, column rated_at_utc: found"),
        ("r.csv", ("warn", 'wa"rn'), "found a stray quote"),
        ("r.json", ("warn", "wrong"), "rating 2, column verdict: found 'wrong'"),
        ("r.json", ("ratings-1", "ratings-9"), "format: found corelab-qa-ratings-9"),
        ("r.json", ('"visit"', '"visits"'), "rating 1: found the columns"),
        (
            "r.json",
            (
                "{",
                "",
            ),
            "found no JSON",
        ),
    ],
)
def test_a_file_with_a_fault_is_named_with_its_place_and_nothing_of_it_is_taken(
    unrated: Reviewer, name: str, damage: tuple[str, str], message: str
) -> None:
    ratings = [
        rating("AAA111", "doe", QaVerdict.PASS),
        rating("BBB222", "doe", QaVerdict.WARN, rated_at_utc="2026-01-31T09:30:01.000Z"),
    ]
    write = qa_ratings.to_csv if name.endswith("csv") else qa_ratings.to_json
    told = unrated.take_in((name, write(ratings).replace(*damage)))
    assert told.startswith(f"NOTHING IMPORTED: {name}, ")
    assert message in told
    # Not by an export: a browser takes ten of a page at once and no more.
    assert unrated.page.evaluate("Object.keys(localStorage)") == []
    assert set(unrated.page.locator("#cases .verdicts").all_inner_texts()) == {""}


def test_one_key_takes_the_outline_off_and_puts_it_back(
    reviewer: Reviewer, publish: Publish
) -> None:
    def orange() -> int:
        with Image.open(io.BytesIO(reviewer.page.locator("#stage").screenshot())) as picture:
            pixels = np.array(picture.convert("RGB")).astype(int)
        # The header says the volume in the same colour: the outline is below it.
        return int((np.abs(pixels[200:] - INFARCT_COLOUR).max(axis=2) < 12).sum())

    reviewer.open(publish()).press("n").drawn()
    there = orange()
    reviewer.press("f")
    gone = orange()
    assert reviewer.page.locator("#flicker").get_attribute("aria-pressed") == "false"
    reviewer.press("f")
    assert there == orange() > gone + 50
    reviewer.press("f", "j")
    assert reviewer.page.locator("#flicker").get_attribute("aria-pressed") == "true"


def test_zoom_goes_from_width_to_twice_to_whole(reviewer: Reviewer, publish: Publish) -> None:
    def size() -> tuple[float, float]:
        box = reviewer.page.locator("#plain").bounding_box()
        lines = reviewer.page.locator("#lines").bounding_box()
        assert box == lines, "the outline stays where it is in the picture"
        return box["width"], box["height"]

    stage = reviewer.open(publish()).press("n").drawn().page.locator("#stage").bounding_box()
    width = size()
    twice = reviewer.press("z") and size()
    whole = reviewer.press("z") and size()
    assert width[0] == pytest.approx(stage["width"], abs=20)
    assert twice[0] == pytest.approx(2 * width[0], abs=20)
    assert whole[0] <= stage["width"]
    assert whole[1] <= stage["height"]
    assert reviewer.page.locator("#full").get_attribute("href") == ROWS[0].mosaic_link


@pytest.mark.parametrize("width", [1400, 800])
def test_what_one_rates_with_never_covers_the_picture(
    reviewer: Reviewer, publish: Publish, width: int
) -> None:
    reviewer.page.set_viewport_size({"width": width, "height": 900})
    reviewer.open(publish()).press("n")
    stage, panel, bar = (
        reviewer.page.locator(part).bounding_box() for part in ("#stage", "#panel", ".bar")
    )
    for box in (panel, bar):
        apart = (
            box["x"] >= stage["x"] + stage["width"]
            or box["y"] >= stage["y"] + stage["height"]
            or box["y"] + box["height"] <= stage["y"]
        )
        assert apart
    assert stage["height"] > 300


def test_a_dot_opens_its_scan(reviewer: Reviewer, publish: Publish) -> None:
    reviewer.open(publish()).page.locator('svg a[href="#case-BBB222-fu24h"]').first.click()
    assert reviewer.title() == "BBB222 fu24h"


def test_nothing_leaves_the_page_and_its_policy_lets_nothing_in(
    reviewer: Reviewer, publish: Publish
) -> None:
    address = publish()
    reviewer.open(address).named("doe").press("Tab", "n", "1", "j", "f", "Escape")
    assert set(reviewer.asked) <= {"file", "data"}
    with reviewer.page.expect_console_message(lambda said: POLICY in said.text):
        outcome = reviewer.page.evaluate(
            "(address) => fetch(address).then(() => 'fetched', () => 'refused')", address
        )
    assert outcome == "refused"
    assert all(POLICY in error for error in reviewer.errors)
    reviewer.errors.clear()


def test_a_browser_that_keeps_nothing_says_so(reviewer: Reviewer, publish: Publish) -> None:
    full = "() => { throw new DOMException('full', 'QuotaExceededError'); }"
    reviewer.page.add_init_script(f"Storage.prototype.setItem = {full}")
    reviewer.open(publish()).named("doe")
    assert reviewer.told().startswith("NOT SAVED: this browser keeps nothing (QuotaExceededError)")


def test_help_names_every_key(reviewer: Reviewer, publish: Publish) -> None:
    reviewer.open(publish()).press("n", "?")
    keys = {key for key in reviewer.page.locator("#help kbd").all_inner_texts() if len(key) == 1}
    given = set(
        reviewer.page.locator("[data-key]").evaluate_all("all => all.map(e => e.dataset.key)")
    )
    assert given | set("njkcfz/?") <= keys
    reviewer.press("1", "Escape")
    assert reviewer.page.locator("#viewer").is_visible()
    assert reviewer.history() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("keys", [(), ("n",), ("?",)])
def test_axe_finds_no_serious_fault(
    reviewer: Reviewer, publish: Publish, scheme: str, keys: tuple[str, ...]
) -> None:
    reviewer.page.emulate_media(color_scheme=scheme)
    reviewer.open(publish()).named("doe").press("Tab", "n", "l", "3", "Escape", *keys)
    assert reviewer.serious_faults() == []


def test_in_print_there_are_tables_pictures_and_verdicts_and_nothing_to_press(
    reviewer: Reviewer, publish: Publish
) -> None:
    reviewer.open(publish()).named("doe").press("Tab", "n", "1", "Escape")
    reviewer.page.emulate_media(media="print")
    reviewer.page.set_viewport_size({"width": A4_WIDTH_PX, "height": 1000})
    assert reviewer.page.evaluate("document.documentElement.scrollWidth") <= A4_WIDTH_PX
    assert reviewer.page.locator("#controls").is_hidden()
    assert reviewer.page.locator("#case-AAA111-fu24h .thumb img").first.is_visible()
    assert reviewer.verdicts("AAA111").startswith("pass doe")
    assert len(reviewer.page.pdf()) > 10_000


def test_how_sure_one_is_and_how_long_one_looked_are_kept_with_the_verdict(
    reviewer: Reviewer, publish: Publish
) -> None:
    clock = reviewer.page.clock
    clock.install()
    reviewer.open(publish())
    clock.pause_at(LATER)
    reviewer.named("doe").press("Tab", "n", "5", "7", "1")
    assert reviewer.said() == "Saved: pass."
    reviewer.press("n")
    assert reviewer.page.locator("[data-confidence][aria-pressed=true]").count() == 0
    clock.fast_forward(1600)
    reviewer.press("1", "6")
    clock.fast_forward(1000)
    reviewer.press("6", "Escape")
    first, *second = rated(reviewer)
    assert (first.subject_code, first.confidence) == ("AAA111", QaConfidence.HIGH)
    assert first.viewed_s == 0
    assert [rating.confidence for rating in second] == [None, QaConfidence.MEDIUM, None]
    assert [rating.viewed_s for rating in second] == [2, 2, 3]
    reviewer.page.locator("#case-AAA111-fu24h .thumb").click()
    pressed = reviewer.page.locator("[data-confidence][aria-pressed=true]")
    assert pressed.get_attribute("data-confidence") == "high"
    assert "high confidence, after" in reviewer.history()[0]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_file_of_before_time_and_confidence_were_kept_is_taken(
    reviewer: Reviewer, publish: Publish, form: str
) -> None:
    known = rating("AAA111", "doe", QaVerdict.FAIL)
    if form == "csv":
        rows = [line.rsplit(",", 2)[0] for line in qa_ratings.to_csv([known]).splitlines()]
        text = "\n".join(rows)
    else:
        content = json.loads(qa_ratings.to_json([known]))
        del content["ratings"][0]["viewed_s"], content["ratings"][0]["confidence"]
        text = json.dumps(content)
    reviewer.open(publish())
    assert reviewer.take_in((f"doe.{form}", text)) == "1 new of 1 rating."
    assert reviewer.take_in((f"doe.{form}", text)) == "0 new of 1 rating."
    assert rated(reviewer) == (known,)
