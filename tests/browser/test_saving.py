from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from corelab.review.mask_parser import mask_parser
from tests.browser.desk import Desk
from tests.browser.heads import draft_of
from tests.browser.served import Process, served, wait_until
from tests.review.browser import PASSPHRASE
from tests.review.furnished import READS, SECRETS, SHAPE, infarct
from tests.review.test_mask_parser import child_of

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Route

READ = READS["ada", 1]
NI, NJ, _ = SHAPE


@pytest.fixture
def process(out: Path) -> Iterator[Process]:
    running = Process(out)
    yield running
    running.kill()


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
    wait_until(lambda: desk.text("#saving") == "NOT SAVED")
    assert "Keep this page open: 1 change is only here" in desk.text("#alarm")
    assert desk.page.is_visible("#alarm")
    assert saved_at(out, 16, 4) == 1

    process.start()
    other = Desk(desk.page.context)
    other.sign_in(process.start_url, "ada")
    wait_until(lambda: desk.text("#saving") == "✓ Saved")
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
    wait_until(lambda: second.page.is_visible("#stale"))
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
    fates = ["unheard", "refused", "refused"]

    def meet(route: Route) -> None:
        fate = fates.pop(0) if is_put(route) and fates else "heard"
        if fate == "unheard":
            route.fetch()
        if fate == "heard":
            route.continue_()
        else:
            route.abort()

    desk.page.route("**/mask", meet)
    paint(desk, 16, 4)
    wait_until(lambda: desk.text("#saving") == "NOT SAVED")
    paint(desk, 18, 8)
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
    wait_until(lambda: desk.text("#saving") == "NOT SAVED")
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


def test_the_idle_lock_covers_the_images_and_keeps_the_work(desk: Desk, out: Path) -> None:
    with served(out, idle_s=4.0) as start_url:
        desk.sign_in(start_url, "ada")
        desk.open(READ)
        paint(desk, 16, 4)
        desk.wait_saved()
        wait_until(lambda: desk.page.is_visible("#lock"))
        assert not desk.page.is_visible("#panels")
        desk.page.fill("#unlock-passphrase", "not it")
        desk.press("Enter")
        wait_until(lambda: desk.page.is_visible("#unlock-fault"))
        desk.page.fill("#unlock-passphrase", PASSPHRASE)
        desk.press("Enter")
        wait_until(lambda: not desk.page.is_visible("#lock"))
        assert desk.labels_at((16, 4, 3)) == [1]
        paint(desk, 17, 4)
        desk.wait_saved()
    assert saved_at(out, 17, 4) == 1


def test_who_only_looks_is_not_locked_out(desk: Desk, out: Path) -> None:
    with served(out, idle_s=8.0) as start_url:
        desk.sign_in(start_url, "ada")
        desk.open(READ)
        end = time.monotonic() + 16
        while time.monotonic() < end:
            desk.press("ArrowUp", "ArrowDown")
            time.sleep(0.5)
        assert not desk.page.is_visible("#lock")
        paint(desk, 16, 4)
        desk.wait_saved()


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
    child = child_of()
    child.suspend()
    desk.click(18, 6)
    # Asked, and not heard of: one that dies before is replaced, and nobody sees it.
    wait_until(mask_parser()._turn.locked)  # noqa: SLF001 - nothing else tells it
    child.kill()
    wait_until(lambda: desk.text("#saving") == "NOT SAVED")
    assert "nothing was changed. Incident " in desk.text("#alarm-text")
    assert desk.labels_at((18, 6, 3)) == [1], "the stroke stays on the page"
    desk.wait_saved()
    assert not desk.page.is_visible("#alarm")
    assert [saved_at(out, 16, 4), saved_at(out, 18, 6)] == [1, 1]
