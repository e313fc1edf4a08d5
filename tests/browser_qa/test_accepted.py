"""Before and after people's edits, on the QA page of a batch that two readers have read."""

from __future__ import annotations

import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from corelab.stages.publish import publication_from, publish
from corelab.store.layout import Layout
from corelab.store.picture import ACCEPTED_COLOUR, INFARCT_COLOUR
from tests.browser_qa.conftest import Reviewer
from tests.review.conftest import BrowserOf, opened
from tests.review.furnished import CT_CASE, MR_CASE, READS, furnish
from tests.review.qa_furnished import furnish_qa
from tests.review.test_reads import form, sign_read

CT = CT_CASE.subject_code


@pytest.fixture(scope="module")
def read_by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CT is accepted, the other case has one read of two."""
    out = tmp_path_factory.mktemp("read") / "out"
    furnish(out)
    furnish_qa(out)
    with ThreadPoolExecutor(1) as pool:  # the loop that drives the browser is this thread's
        pool.submit(read_through, out).result()
    publish(Layout(out), [], publication_from(Layout(out)))
    return out


def read_through(out: Path) -> None:
    with opened(out) as room:
        ada, ben = (BrowserOf(room, out).reader(name) for name in ("ada", "ben"))
        sign_read(ada, READS["ada", 1], 60)
        url = f"/api/reads/{READS['ben', 1]}"
        ben.get(url)
        assert ben.post(f"{url}/sign", form(0)).status_code == 200
        sign_read(ben, READS["ben", 2], 64)


@pytest.fixture
def out(read_by_two: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(read_by_two, tmp_path / "out"))


def colours(reviewer: Reviewer) -> set[tuple[int, int, int]]:
    """Which of the two outlines is on the screen."""
    pixels = np.array(Image.open(io.BytesIO(reviewer.page.screenshot())).convert("RGB"))
    shown = pixels[60:, :1080].reshape(-1, 3).astype(int)
    return {
        colour
        for colour in (INFARCT_COLOUR, ACCEPTED_COLOUR)
        if (np.abs(shown - colour).max(axis=1) < 12).sum() > 20
    }


def open_case(reviewer: Reviewer, out: Path, code: str) -> None:
    reviewer.open(Layout(out).qa_page.as_uri())
    reviewer.page.locator(f"#case-{code}-{dict(CASES)[code]} .thumb").click()
    # The words of the header are in the colour of the automatic line.
    reviewer.page.locator("#stage").evaluate("stage => stage.scrollTo(0, 180)")
    reviewer.drawn()


CASES = ((CT_CASE.subject_code, CT_CASE.visit), (MR_CASE.subject_code, MR_CASE.visit))


def test_a_key_puts_the_accepted_outline_in_place_of_the_automatic_one_and_back(
    reviewer: Reviewer, out: Path
) -> None:
    open_case(reviewer, out, CT)
    facts = reviewer.page.locator("#viewer-facts").inner_text()
    assert "accepted: double read, " in facts
    assert reviewer.page.locator("#accepted img").count() == 2, "both readers' masks"
    swap = reviewer.page.locator("#swap")
    for is_after in (False, True, False):
        assert swap.get_attribute("aria-pressed") == str(is_after).lower()
        assert colours(reviewer) == {ACCEPTED_COLOUR if is_after else INFARCT_COLOUR}
        reviewer.press("a")
    reviewer.press("f")
    assert colours(reviewer) == set(), "the flicker takes off whichever is shown"
    reviewer.press("a")
    assert len(colours(reviewer)) == 1


def test_a_case_without_an_accepted_mask_has_nothing_to_swap(reviewer: Reviewer, out: Path) -> None:
    open_case(reviewer, out, MR_CASE.subject_code)
    assert reviewer.page.locator("#swap").is_disabled()
    reviewer.press("a")
    assert colours(reviewer) == {INFARCT_COLOUR}
    assert "accepted" not in reviewer.page.locator("#viewer-facts").inner_text()


def test_lines_are_drawn_once_and_go_with_their_masks(out: Path) -> None:
    layout = Layout(out)
    before = {path: path.stat().st_mtime_ns for path in layout.accepted_lines_folder.iterdir()}
    assert len(before) == 2
    page = layout.qa_page.read_bytes()
    publish(layout, [], publication_from(layout))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert layout.qa_page.read_bytes() == page
    layout.ledger.unlink()
    publish(layout, [], publication_from(layout))
    assert not layout.accepted_lines_folder.exists()
