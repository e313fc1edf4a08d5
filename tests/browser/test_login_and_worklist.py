"""The way into the room and along the list of reads, by keyboard alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from corelab.reading.event import DataLocked
from corelab.reading.roles import Role
from corelab.review.session import IDLE_S
from corelab.store.layout import Layout
from tests.browser.desk import Desk
from tests.browser.served import served
from tests.browser.test_accessible import serious
from tests.review.browser import PASSPHRASE
from tests.review.clock import Clock, moved_by_hand
from tests.review.conftest import opened
from tests.review.furnished import READS


def type_in(desk: Desk, *texts: str) -> None:
    """Type texts into one field after the other, then press Enter."""
    for n, text in enumerate(texts):
        if n:
            desk.press("Tab")
        desk.page.keyboard.type(text)
    desk.press("Enter")


def focused(desk: Desk) -> str:
    """Id of what has the focus."""
    return str(desk.page.evaluate("document.activeElement.id"))


def wait_focused(desk: Desk, name: str) -> None:
    """Wait until the page gave the focus to one of its parts: from then on it listens."""
    desk.page.locator(f"#{name}:focus").wait_for()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return moved_by_hand(monkeypatch)


def test_a_reader_comes_to_the_next_read_by_keyboard_alone(desk: Desk, start_url: str) -> None:
    desk.page.goto(start_url)
    wait_focused(desk, "name")
    assert serious(desk) == []
    type_in(desk, "ada", PASSPHRASE)
    wait_focused(desk, "next")
    assert desk.text("#count") == "0 of 2 signed."
    assert desk.text("#read-list li:nth-child(2)").replace("\n", " ") == "Read 2 not begun"
    assert serious(desk) == []
    desk.press("Enter")
    desk.wait_ready()
    assert desk.page.url.endswith(f"/read/{READS['ada', 1]}")


def test_the_list_is_walked_with_arrows_and_waiting_reads_are_no_links(
    desk: Desk, start_url: str
) -> None:
    desk.sign_in(start_url, "ada")
    wait_focused(desk, "next")
    assert desk.page.locator("a.read").count() == 1
    desk.press("ArrowDown")
    assert desk.page.evaluate("document.activeElement.pathname") == f"/read/{READS['ada', 1]}"
    desk.press("n")
    desk.wait_ready()


def test_reads_that_come_late_leave_the_focus_where_somebody_went(
    desk: Desk, start_url: str
) -> None:
    reads = desk.hold("**/api/reads")
    desk.sign_in(start_url, "ada")
    reads.wait()
    desk.page.focus("#leave:enabled")
    reads.let_go()
    desk.page.wait_for_selector("#next")
    assert focused(desk) == "leave"


def test_a_wrong_passphrase_is_said_and_only_the_passphrase_is_asked_again(
    desk: Desk, start_url: str
) -> None:
    desk.page.goto(start_url)
    wait_focused(desk, "name")
    type_in(desk, "ada", "wrong")
    desk.wait_text("#message", "Name or passphrase is wrong.")
    wait_focused(desk, "passphrase")
    assert desk.page.input_value("#passphrase") == ""
    assert desk.page.input_value("#name") == "ada"
    assert serious(desk) == []
    type_in(desk, PASSPHRASE)
    desk.page.locator("#next").wait_for()


def test_an_empty_form_is_not_sent(desk: Desk, start_url: str) -> None:
    desk.page.goto(start_url)
    wait_focused(desk, "name")
    desk.press("Enter")
    assert desk.text("#message") == "Give your name."
    type_in(desk, "ada")
    assert desk.text("#message") == "Give your passphrase."
    assert focused(desk) == "passphrase"


def test_nothing_can_be_sent_before_the_page_listens(desk: Desk, start_url: str) -> None:
    script = desk.hold("**/login.js")
    # The script keeps the page from being loaded in full.
    desk.page.goto(start_url, wait_until="commit")
    desk.page.locator("#go").wait_for()
    script.wait()
    assert not desk.page.is_enabled("#go")
    script.let_go()
    desk.page.locator("#go:enabled").wait_for()


def test_the_idle_room_asks_for_the_passphrase_alone_or_lets_somebody_else_in(
    clock: Clock, desk: Desk, start_url: str
) -> None:
    desk.sign_in(start_url, "ada")
    clock.now_s += IDLE_S
    desk.page.reload()
    wait_focused(desk, "passphrase")
    assert "ada, the room was locked after 15 minutes without work" in desk.text("#lead")
    assert not desk.page.is_visible("#name")
    assert serious(desk) == []
    desk.page.click("#other")
    desk.page.locator("#name").wait_for()


def test_signing_out_leads_back_to_the_login(desk: Desk, start_url: str) -> None:
    desk.sign_in(start_url, "ada")
    desk.page.click("#leave")
    desk.page.locator("#name").wait_for()


def test_a_server_that_is_gone_is_said(desk: Desk, out: Path) -> None:
    with served(out) as start_url:
        desk.page.goto(start_url)
        wait_focused(desk, "name")
    type_in(desk, "ada", PASSPHRASE)
    desk.wait_text("#message", "The server does not answer. Is it still running?")


def test_a_statistician_finds_the_tables_of_the_lock_and_nothing_before_it(
    desk: Desk, out: Path
) -> None:
    (out / "volumes.csv").write_text("subject_code\n")
    with served(out, role=Role.STATISTICIAN) as start_url:
        desk.page.goto(start_url)
        wait_focused(desk, "name")
        type_in(desk, "stan", PASSPHRASE)
        desk.wait_text("main", "come with the lock")
        assert desk.page.locator("main a").count() == 0
        assert desk.page.request.get(f"{origin(desk)}/tables/volumes.csv").status == 404
        lock_with_one_table(out)
        desk.page.reload()
        desk.page.locator("table").wait_for()
        assert desk.page.locator("tbody tr").count() == 1
        assert "do not change" in desk.text("main")
        assert serious(desk) == []
        with desk.page.expect_download() as started:
            desk.page.click("text=volumes.csv")
        assert started.value.suggested_filename == "volumes.csv"
        assert Path(started.value.path()).read_text() == "locked\n"


def lock_with_one_table(out: Path) -> None:
    """What of a lock its statistician sees: the ledger's entry and the lock's own folder."""
    folder = Layout(out).locked_tables("ab" * 8)
    folder.mkdir(parents=True)
    (folder / "volumes.csv").write_text("locked\n")
    with opened(out) as room:
        room.write(DataLocked(lock_id="ab" * 8, manifest_sha256="cd" * 32, reason="end"))


def origin(desk: Desk) -> str:
    """Address of the server that the page is of."""
    return "/".join(desk.page.url.split("/")[:3])
