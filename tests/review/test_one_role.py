"""One role at a time in a browser: real servers, each a process, and one real jar of cookies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from corelab.review.stay import STAY_COOKIE, stay_of
from tests.browser.served import PATIENCE_S
from tests.review.browser import PASSPHRASE
from tests.review.furnished import READS
from tests.review.test_reads import blob, screen_mask
from tests.review.test_real_room import Started, started

FIRST = f"/api/reads/{READS['ada', 1]}"


class Window:
    """A window of a browser on one server; windows of a browser share its cookies."""

    def __init__(self, browser: httpx.Client, server: Started) -> None:
        self._browser = browser
        self._address = server.address
        assert browser.get(server.link).status_code == 200

    def ask(self, method: str, url: str, **content: object) -> httpx.Response:
        headers = {"Origin": self._address, "Sec-Fetch-Site": "same-origin"}
        headers |= {"X-Corelab-Csrf": self.csrf, "If-Match": "0"}
        return self._browser.request(method, self._address + url, headers=headers, **content)

    def sign_in(self, name: str) -> None:
        self.csrf = self.me()["csrf"]
        content = {"name": name, "passphrase": PASSPHRASE}
        answer = self.ask("POST", "/api/login", json=content)
        assert answer.status_code == 200, answer.text
        self.csrf = answer.json()["csrf"]

    def me(self) -> dict[str, str]:
        return dict(self._browser.get(f"{self._address}/api/me").json())

    def get(self, url: str) -> httpx.Response:
        return self._browser.get(self._address + url)


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """A jar of cookies, which like every browser's knows hosts and no ports."""
    with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def test_a_sign_in_under_another_role_ends_the_first_and_its_page_goes_on_later(
    out: Path, browser: httpx.Client
) -> None:
    with started(out, "reader") as readers, started(out, "qa") as reviewers:
        ada, quin = Window(browser, readers), Window(browser, reviewers)
        ada.sign_in("ada")
        assert ada.get(FIRST).status_code == 200
        quin.sign_in("quin")
        refused = ada.ask("PUT", f"{FIRST}/mask", content=screen_mask(blob(4)))
        assert (refused.status_code, refused.json()["error"]) == (401, "sign_in")
        assert "signed in under another role" in refused.json()["message"]
        assert ada.get("/api/reads").status_code == 401
        assert ada.get(f"{FIRST}/image/ct").status_code == 401
        assert 'id="passphrase"' in ada.get("/").text
        assert quin.get("/api/qa").status_code == 200
        ada.sign_in("ada")
        assert ada.ask("PUT", f"{FIRST}/mask", content=screen_mask(blob(4))).status_code == 200
        assert quin.me()["presence"] == "signed_out"
        assert quin.get("/api/qa").status_code == 401


def test_what_was_ended_stays_so_when_the_other_role_has_signed_out(
    out: Path, browser: httpx.Client
) -> None:
    with started(out, "reader") as readers, started(out, "statistician") as others:
        ada, stan = Window(browser, readers), Window(browser, others)
        ada.sign_in("ada")
        stan.sign_in("stan")
        assert stan.ask("POST", "/api/logout", json={}).status_code == 200
        assert ada.get("/api/reads").status_code == 401
        ada.csrf = ada.me()["csrf"]
        unlocked = ada.ask("POST", "/api/unlock", json={"passphrase": PASSPHRASE})
        assert unlocked.json()["error"] == "sign_in", "the idle lock is no way back"


def test_two_servers_of_one_role_do_not_end_each_other(
    out: Path, tmp_path: Path, browser: httpx.Client
) -> None:
    other = Path(shutil.copytree(out, tmp_path / "other"))
    with started(out) as first, started(other) as second:
        here, there = Window(browser, first), Window(browser, second)
        here.sign_in("ada")
        there.sign_in("ada")
        assert here.get("/api/reads").status_code == 200
        assert there.get("/api/reads").status_code == 200


def test_other_browsers_are_left_alone(out: Path, browser: httpx.Client) -> None:
    with (
        started(out, "reader") as readers,
        started(out, "qa") as reviewers,
        httpx.Client(trust_env=False, timeout=PATIENCE_S) as elsewhere,
    ):
        ada, quin = Window(browser, readers), Window(elsewhere, reviewers)
        ada.sign_in("ada")
        quin.sign_in("quin")
        assert ada.get("/api/reads").status_code == 200


@pytest.mark.parametrize(
    "told", ["", "reader", "reader.", "reader.short", f"qa.{'a' * 43}", f"reader.{'a' * 42};"]
)
def test_a_stay_of_another_role_or_of_no_known_form_is_drawn_anew(told: str) -> None:
    drawn = stay_of("reader", told)
    assert drawn.startswith("reader.")
    assert drawn != told
    assert stay_of("reader", drawn) == drawn


def test_the_cookie_of_the_stay_is_out_of_reach_of_scripts_and_of_other_sites(
    out: Path, browser: httpx.Client
) -> None:
    with started(out) as readers:
        ada = Window(browser, readers)
        ada.csrf = ada.me()["csrf"]
        content = {"name": "ada", "passphrase": PASSPHRASE}
        cookie = ada.ask("POST", "/api/login", json=content).headers["set-cookie"]
    assert cookie.startswith(f"{STAY_COOKIE}=reader.")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
