from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from corelab.review.session import IDLE_S
from tests.browser.desk import Desk
from tests.browser.heads import draft_of
from tests.browser.served import Process, wait_until
from tests.review.browser import PASSPHRASE
from tests.review.clock import Clock, moved_by_hand
from tests.review.furnished import READS, SECRETS, SHAPE, infarct
from tests.review.test_mask_parser import child_of, stop, wait_asked

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Route

READ = READS["ada", 1]
NI, NJ, _ = SHAPE


@pytest.fixture
def process(out: Path) -> Iterator[Process]:
    running = Process(out)
    yield running
    running.end()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return moved_by_hand(monkeypatch)


def paint(desk: Desk, u: int, v: int) -> None:
    desk.go_to(3)
    desk.use_brush(1)
    desk.click(u, v)


def saved_at(out: Path, u: int, v: int) -> int:
    return int(draft_of(out, READ)[NI - 1 - u, NJ - 1 - v, 3])


def test_a_killed_server_loses_nothing_and_the_screen_says_so(
    desk: Desk, out: Path, process: Process
) -> None:
    desk.sign_in(process.start_url, "ada")
    desk.open(READ)
    paint(desk, 16, 4)
    desk.wait_saved()

    desk.page.mouse.move(*desk.point(14, 6))
    desk.page.mouse.down()
    process.kill()
    desk.page.mouse.move(*desk.point(18, 6))
    desk.page.mouse.up()
    desk.wait_text("#alarm", "Keep this page open: 1 change is only here")
    assert desk.text("#saving") in {"NOT SAVED", "… Saving"}, "it is tried again and again"
    assert saved_at(out, 16, 4) == 1

    process.start()
    other = Desk(desk.page.context)
    other.sign_in(process.start_url, "ada")
    desk.wait_saved()
    assert not desk.page.is_visible("#alarm")
    assert [saved_at(out, u, 6) for u in range(14, 19)] == [1] * 5
    assert saved_at(out, 16, 4) == 1


def test_what_was_saved_is_there_when_the_read_is_opened_again(desk: Desk, start_url: str) -> None:
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    paint(desk, 16, 4)
    desk.wait_saved()
    desk.open(READ)
    assert desk.labels_at((16, 4, 3), (15, 4, 3)) == [1, 0]


def two_windows(context: BrowserContext, start_url: str) -> tuple[Desk, Desk]:
    first, second = Desk(context), Desk(context)
    first.sign_in(start_url, "ada")
    first.open(READ)
    second.page.goto(first.page.url)
    second.wait_ready()
    paint(first, 16, 4)
    first.wait_saved()
    paint(second, 18, 8)
    second.page.locator("#stale").wait_for()
    return first, second


@pytest.mark.parametrize(
    ("choice", "counts", "back"),
    [("#keep-mine", [0, 1], [1, 0]), ("#take-other", [1, 0], [0, 1])],
    ids=["mine", "other"],
)
def test_two_windows_ask_and_keep_both_masks(
    context: BrowserContext,
    out: Path,
    start_url: str,
    choice: str,
    counts: list[int],
    back: list[int],
) -> None:
    _, second = two_windows(context, start_url)
    second.page.click(choice)
    second.wait_saved()
    assert [saved_at(out, 16, 4), saved_at(out, 18, 8)] == counts
    second.press("u")
    second.wait_saved()
    assert [saved_at(out, 16, 4), saved_at(out, 18, 8)] == back


def test_an_answer_that_was_lost_asks_nobody(desk: Desk, out: Path, start_url: str) -> None:
    lost = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    desk.sign_in(start_url, "ada")
    desk.open(READ)
    desk.page.route("**/mask", lambda route: lose(route) if is_put(route) else route.continue_())
    paint(desk, 16, 4)
    desk.wait_saved()
    assert lost == [200]
    assert not desk.page.is_visible("#stale")
    assert saved_at(out, 16, 4) == 1
    paint(desk, 17, 4)
    desk.wait_saved()
    assert saved_at(out, 17, 4) == 1


def test_strokes_after_a_lost_answer_ask_nobody(desk: Desk, out: Path, start_url: str) -> None:
    """What was saved unheard is not what is sent next: still no other window changed it."""
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    puts: list[str] = []
    is_cut = True

    def meet(route: Route) -> None:
        if not is_put(route):
            route.continue_()
            return
        puts.append(route.request.method)
        if len(puts) == 1:
            route.fetch()
        if is_cut:
            route.abort()
        else:
            route.continue_()

    desk.page.route("**/mask", meet)
    paint(desk, 16, 4)
    desk.page.locator("#alarm").wait_for()
    paint(desk, 18, 8)
    is_cut = False
    desk.wait_saved()
    assert not desk.page.is_visible("#stale")
    assert [saved_at(out, 16, 4), saved_at(out, 18, 8)] == [1, 1]


def is_put(route: Route) -> bool:
    return route.request.method == "PUT"


def test_leaving_with_unsaved_work_is_asked_about(desk: Desk, start_url: str) -> None:
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    asked: list[str] = []
    desk.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    desk.page.route("**/mask", lambda route: route.abort())
    paint(desk, 16, 4)
    desk.page.locator("#alarm").wait_for()
    desk.page.close(run_before_unload=True)
    wait_until(lambda: desk.page.evaluate("1") == 1 and asked)
    assert asked == ["beforeunload"]
    desk.page.unroute("**/mask")
    desk.wait_saved()


def test_many_quick_strokes_are_saved_by_few_requests(
    desk: Desk, out: Path, start_url: str
) -> None:
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    puts: list[str] = []
    desk.page.on("request", lambda request: request.method == "PUT" and puts.append(request.url))
    desk.go_to(3)
    desk.use_brush(1)
    desk.ask(
        "for (let n = 0; n < 20; n++) reading.screen._click({ u: 4 + (n % 10), v: 3 + n % 2 });"
    )
    desk.wait_saved()
    assert 1 <= len(puts) <= 3
    assert draft_of(out, READ).sum() == infarct().sum() + 10


def test_the_idle_lock_covers_the_images_and_keeps_the_work(
    clock: Clock, desk: Desk, out: Path, start_url: str
) -> None:
    desk.page.clock.install()
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    paint(desk, 16, 4)
    desk.wait_saved()
    pass_by(desk, clock, IDLE_S)
    desk.page.locator("#lock").wait_for()
    assert not desk.page.is_visible("#panels")
    desk.page.fill("#unlock-passphrase", "not it")
    desk.press("Enter")
    desk.page.locator("#unlock-fault").wait_for()
    desk.page.fill("#unlock-passphrase", PASSPHRASE)
    desk.press("Enter")
    desk.page.locator("#lock").wait_for(state="hidden")
    assert desk.labels_at((16, 4, 3)) == [1]
    paint(desk, 17, 4)
    desk.wait_saved()
    assert saved_at(out, 17, 4) == 1


def test_who_only_looks_is_not_locked_out(clock: Clock, desk: Desk, start_url: str) -> None:
    desk.page.clock.install()
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    for _ in range(2 * round(IDLE_S) // 61):
        desk.press("ArrowUp", "ArrowDown")
        # The page says once a minute that somebody is there.
        with desk.page.expect_response(f"**/api/reads/{READ}"):
            pass_by(desk, clock, 61)
    assert not desk.page.is_visible("#lock")
    paint(desk, 16, 4)
    desk.wait_saved()


def pass_by(desk: Desk, clock: Clock, seconds: float) -> None:
    """Let time pass, for the server first and then for the page."""
    clock.now_s += seconds
    desk.page.clock.fast_forward(round(seconds * 1000) + 1)


def test_nothing_is_kept_in_the_browser(desk: Desk, start_url: str) -> None:
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    paint(desk, 16, 4)
    desk.wait_saved()
    kept = desk.page.evaluate(
        "async () => [localStorage.length, sessionStorage.length,"
        " (await indexedDB.databases()).length, (await caches.keys()).length]"
    )
    assert kept == [0, 0, 0, 0]


def test_title_and_address_hold_the_number_alone(desk: Desk, start_url: str) -> None:
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    assert desk.page.title() == "Read 1 · corelab"
    assert desk.page.url.split("/", 3)[3] == f"read/{READ}"
    assert [secret for secret in SECRETS if secret in desk.page.content()] == []


def test_a_stroke_whose_check_dies_is_told_as_not_saved_and_saved_by_itself(
    desk: Desk, out: Path, start_url: str
) -> None:
    desk.sign_in(start_url, "ada")
    desk.open(READ)
    paint(desk, 16, 4)
    desk.wait_saved()
    desk.overhear("#saving", "#alarm-text")
    child = child_of()
    stop(child)
    desk.click(18, 6)
    # Asked, and not heard of: one that dies before is replaced, and nobody sees it.
    wait_asked(child)
    child.kill()
    desk.wait_saved()
    assert "NOT SAVED" in desk.overheard
    assert "nothing was changed. Incident " in desk.overheard
    assert desk.labels_at((18, 6, 3)) == [1], "the stroke stays on the page"
    assert not desk.page.is_visible("#alarm")
    assert [saved_at(out, 16, 4), saved_at(out, 18, 6)] == [1, 1]
