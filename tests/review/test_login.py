from __future__ import annotations

import asyncio
import json

import pytest
from starlette.applications import Starlette

from corelab.reading.roles import Role
from corelab.review.app import room_app
from corelab.review.serve import Place
from corelab.review.session import Presence, Session, watching
from corelab.store.signing import Signer
from corelab.store.users import disable_user
from tests.review.browser import PASSPHRASE, Browser
from tests.review.clock import Clock, moved_by_hand
from tests.review.conftest import BrowserOf
from tests.review.furnished import READS, Furnished
from tests.review.test_reads import form

READ = f"/api/reads/{READS['ada', 1]}"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return moved_by_hand(monkeypatch)


def test_the_login_stands_in_place_of_every_page_until_somebody_signs_in(
    browser_of: BrowserOf,
) -> None:
    browser = browser_of.role(Role.READER)
    for url in ("/", f"/read/{READS['ada', 1]}"):
        assert 'id="passphrase"' in browser.get(url).text
    assert browser.get("/api/me").json()["presence"] == "signed_out"
    assert browser.get("/api/reads").json()["error"] == "sign_in"
    assert browser.get(READ).status_code == 401
    assert browser.sign_in("ada").json()["name"] == "ada"
    assert "Your reads" in browser.get("/").text
    assert len(browser.get("/api/reads").json()["reads"]) == 2


@pytest.mark.parametrize(
    ("name", "passphrase"),
    [
        ("ada", "four random plain word"),
        ("nobody", PASSPHRASE),
        ("quin", PASSPHRASE),
        ("mara", PASSPHRASE),
        ("ADA", PASSPHRASE),
        ("ada' --", PASSPHRASE),
    ],
)
def test_a_wrong_name_passphrase_or_role_is_one_and_the_same_answer(
    browser_of: BrowserOf, name: str, passphrase: str
) -> None:
    browser = browser_of.role(Role.READER)
    answer = browser.sign_in(name, passphrase)
    assert answer.status_code == 403
    assert answer.json() == {
        "error": "wrong_passphrase",
        "message": "Name or passphrase is wrong.",
        "field": "passphrase",
    }
    assert browser.get("/api/me").json()["name"] is None


def test_a_disabled_user_is_not_let_in_and_is_put_out(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    disable_user(room.ledger, "ada", "left the lab", by=room.manager)
    assert ada.get(READ).json()["error"] == "sign_in"
    assert browser_of.role(Role.READER).sign_in("ada").status_code == 403


def test_a_user_who_is_disabled_while_signed_in_sees_nothing_more(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    urls = ("/api/reads", READ, f"{READ}/mask", f"{READ}/image/ct")
    ada.get(READ)
    assert {ada.get(url).status_code for url in urls} == {200}
    disable_user(room.ledger, "ada", "left the lab", by=room.manager)
    assert {ada.get(url).json()["error"] for url in urls} == {"sign_in"}
    assert ada.get("/api/me").json()["presence"] == "signed_out"


def test_failed_attempts_cost_time_for_every_name_and_never_for_good(
    browser_of: BrowserOf, clock: Clock
) -> None:
    browser = browser_of.role(Role.READER)
    for name in ("ada", "ben", "cleo"):
        assert browser.sign_in(name, "wrong").status_code == 403
    answer = browser.sign_in("ada")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["message"] == "Too many attempts failed. Try again in 1 s."
    clock.now_s += 1
    assert browser.sign_in("ada").status_code == 200


def test_the_idle_lock_asks_for_the_passphrase_and_nothing_is_lost(
    browser_of: BrowserOf, clock: Clock
) -> None:
    ada = browser_of.reader("ada")
    mask = ada.get(READ) and ada.get(f"{READ}/mask").content
    assert ada.put(f"{READ}/mask", mask, 0).status_code == 200
    clock.now_s += 14 * 60
    assert ada.get("/api/reads").status_code == 200, "work keeps the room open"
    clock.now_s += 14 * 60
    assert ada.get("/api/me").json()["presence"] == "signed_in", "asking is no work"
    clock.now_s += 60
    assert ada.get("/api/me").json()["presence"] == "idle"
    refused = ada.put(f"{READ}/mask", mask, 1)
    assert (refused.status_code, refused.json()["error"]) == (401, "idle")
    assert 'id="passphrase"' in ada.get("/").text
    assert ada.post("/api/unlock", {"passphrase": "wrong"}).status_code == 403
    assert ada.post("/api/unlock", {"passphrase": PASSPHRASE}).json()["presence"] == "signed_in"
    assert ada.put(f"{READ}/mask", mask, 1).json()["edition"] == 1, "the page goes on as it was"


def test_the_key_is_dropped_when_nothing_is_asked_any_more() -> None:
    session = Session(idle_s=0.2)
    session.enter(Signer("ada", bytes(32)), "reader.1")

    async def serve() -> None:
        async with watching(session)(Starlette()):
            await asyncio.sleep(1.0)

    asyncio.run(serve())
    assert not any(isinstance(value, Signer) for value in vars(session).values())
    assert session.presence is Presence.IDLE


def test_signing_out_drops_the_key_and_ends_open_pages(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    before = ada.csrf
    assert ada.post("/api/logout", {}).json()["presence"] == "signed_out"
    assert ada.get("/api/reads").status_code == 401
    assert ada.post("/api/unlock", {"passphrase": PASSPHRASE}).json()["error"] == "earlier_page"
    ada.csrf = ada.get("/api/me").json()["csrf"]
    assert ada.csrf != before
    assert ada.post("/api/unlock", {"passphrase": PASSPHRASE}).json()["error"] == "sign_in"


def test_pages_of_one_person_end_when_another_signs_in(browser_of: BrowserOf) -> None:
    browser = browser_of.reader("ada")
    of_ada = browser.csrf
    browser.sign_in("ben")
    assert browser.csrf != of_ada
    browser.csrf = of_ada
    assert browser.post(f"{READ}/sign", {}).json()["error"] == "earlier_page"


def test_forms_that_are_no_forms_are_refused_in_words(browser_of: BrowserOf) -> None:
    browser = browser_of.role(Role.READER)
    own = browser.own_headers()
    for content in (b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 30_000, b'{"name": 3}'):
        answer = browser.ask("POST", "/api/login", own, content=content)
        assert (answer.status_code, answer.json()["error"]) == (422, "fault")
    answer = browser.ask("POST", "/api/login", own, content=b" " * 70_000)
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize("odd", ["\x0b", "\r", "\x00", "\x7f", "\ud800"])
def test_a_text_that_the_ledger_does_not_take_is_refused_by_its_field(
    browser_of: BrowserOf, odd: str
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    own = ada.own_headers()
    for field, url in (
        ("comment", f"{READ}/sign"),
        ("reason", f"{READ}/amend"),
        ("name", "/api/login"),
    ):
        sent = {**form(0), "reason": "missed a part", "name": "ada"}
        content = json.dumps({**sent, field: f"pasted{odd}text"}).encode()
        answer = ada.ask("POST", url, own, content=content)
        assert (answer.status_code, answer.json().get("field")) == (422, field), url


def test_a_role_sees_its_own_routes_only(room: Furnished) -> None:
    place = Place("127.0.0.1", 8765)
    stan = Browser(room_app(room.layout.root, Role.STATISTICIAN, room.ledger, place))
    stan.enter()
    assert stan.sign_in("ada").status_code == 403
    assert stan.sign_in("stan").status_code == 200
    for url in ("/api/reads", READ, f"/read/{READS['ada', 1]}", f"{READ}/image/ct", "/qa"):
        assert stan.get(url).content == b"Not found\n"
