"""The doors of a role's room: who may ask at all, and what every answer carries."""

from __future__ import annotations

import pytest

from corelab.reading.roles import Role
from corelab.review.app import room_app
from corelab.review.serve import Place
from corelab.review.throttle import Throttle
from tests.review.browser import ADDRESS, PASSPHRASE, Browser
from tests.review.conftest import BrowserOf
from tests.review.furnished import READS, Furnished

LOGIN = {"name": "ada", "passphrase": PASSPHRASE}
READ = f"/api/reads/{READS['ada', 1]}"
POSTS = ["/api/login", "/api/logout", "/api/unlock", f"{READ}/sign", f"{READ}/amend"]


def changed(browser: Browser, **headers: str | None) -> list[tuple[str, str]]:
    """Headers of our own page, some of them changed or left out."""
    replaced = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    own = {name.lower(): value for name, value in browser.own_headers()}
    return [(name, value) for name, value in {**own, **replaced}.items() if value is not None]


@pytest.mark.parametrize("url", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8766"},
        {"Origin": "http://localhost:8765"},
        {"Origin": "https://127.0.0.1:8765"},
        {"Origin": f"{ADDRESS}.evil.example"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "none"},
        {"Host": "127.0.0.1.evil.example:8765"},
        {"Host": "evil.example"},
    ],
)
def test_what_another_page_asks_to_change_is_absent(
    browser_of: BrowserOf, url: str, headers: dict[str, str | None]
) -> None:
    ada = browser_of.reader("ada")
    answer = ada.ask("POST", url, changed(ada, **headers), json=dict(LOGIN))
    assert answer.status_code == 404
    assert answer.content == ada.get("/nothing").content


def test_a_change_needs_what_only_pages_of_this_login_know(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    for told in (None, "", "wrong", ada.csrf + "x"):
        headers = changed(ada, X_Corelab_Csrf=told)
        answer = ada.ask("POST", f"{READ}/sign", headers, json={})
        assert (answer.status_code, answer.json()["error"]) == (403, "earlier_page")
    assert ada.post(f"{READ}/sign", {}).json()["error"] == "fault"


def test_an_older_browser_without_fetch_headers_is_let_in_by_its_origin(
    browser_of: BrowserOf,
) -> None:
    browser = browser_of.role(Role.READER)
    headers = changed(browser, Sec_Fetch_Site=None)
    assert browser.ask("POST", "/api/login", headers, json=dict(LOGIN)).status_code == 200


def test_nothing_is_there_without_the_cookie(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    stranger = Browser(ada.app)
    stranger.csrf = ada.csrf
    absent = ada.get("/nothing")
    for method, url in [
        *(("GET", url) for url in ("/", "/api/me", "/api/reads", READ, "/static/room.css")),
        *(("POST", url) for url in POSTS),
        ("PUT", f"{READ}/mask"),
    ]:
        answer = stranger.ask(method, url, stranger.own_headers())
        assert answer.status_code == 404
        assert (answer.content, answer.headers) == (absent.content, absent.headers)


def test_each_role_and_port_has_a_cookie_of_its_own(room: Furnished) -> None:
    names = set()
    for role in (Role.READER, Role.STATISTICIAN):
        for port in (8765, 8766):
            place = Place("127.0.0.1", port)
            app = room_app(room.layout.root, role, room.ledger, place)
            browser = Browser(app)
            host = [("Host", f"127.0.0.1:{port}")]
            answer = browser.ask("GET", app.state.start_url.split(str(port))[1], host)
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            names.add(cookie.split("=")[0])
    assert len(names) == 4


def test_every_answer_forbids_caching_framing_and_foreign_code(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    answers = [
        ada.get(url)
        for url in (
            *("/", "/nothing", "/api/me", "/api/reads", "/static/room.css", "/static/talk.js"),
            *(READ, f"{READ}/mask", f"{READ}/image/ct", f"/read/{READS['ada', 1]}"),
        )
    ]
    answers += [ada.post(url, {}) for url in POSTS if url != "/api/logout"]
    answers += [ada.put(f"{READ}/mask", b"", 0)]
    for answer in answers:
        headers = answer.headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_pages_run_files_of_ours_and_nothing_else(browser_of: BrowserOf) -> None:
    policy = browser_of.reader("ada").get("/").headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize(
    "name",
    ["../app.py", "..%2Fapp.py", "%2e%2e/app.py", "/etc/passwd", "home.html", "", "room.css/", "."],
)
def test_static_files_come_from_a_table_and_never_from_a_path(
    browser_of: BrowserOf, name: str
) -> None:
    ada = browser_of.reader("ada")
    assert ada.get(f"/static/{name}").content == b"Not found\n"
    assert ada.get("/static/room.css").headers["content-type"].startswith("text/css")
    assert ada.get("/static/home.js").headers["content-type"].startswith("text/javascript")


def test_wrong_start_tokens_cost_time_and_the_right_one_is_never_kept_waiting(
    room: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs: list[float] = []

    async def sleep(seconds: float) -> None:
        costs.append(seconds)

    monkeypatch.setattr("corelab.review.guard.asyncio.sleep", sleep)
    app = room_app(room.layout.root, Role.READER, room.ledger, Place("127.0.0.1", 8765))
    browser = Browser(app)
    for _ in range(9):
        assert browser.get("/?token=wrong").status_code == 404
    assert costs == [0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert browser.get(app.state.start_url).status_code == 200
    assert len(costs) == 9


def test_the_wait_grows_to_half_a_minute_and_success_ends_it() -> None:
    now = [100.0]
    throttle = Throttle(clock=lambda: now[0])
    waits = []
    for _ in range(200):
        throttle.failed()
        waits.append(throttle.wait_s())
    assert waits[:8] == [0, 0, 1, 2, 4, 8, 16, 30]
    assert max(waits) == 30
    now[0] += 30
    assert throttle.wait_s() == 0
    throttle.succeeded()
    throttle.failed()
    assert throttle.wait_s() == 0


def test_an_error_of_ours_reaches_neither_browser_nor_log_in_words(
    room: Furnished, browser_of: BrowserOf, caplog: pytest.LogCaptureFixture
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    read = next(room.layout.root.glob("sub-*/ses-*/*_read.json"))
    for path in room.layout.root.glob("sub-*/ses-*/*_read.json"):
        path.write_text("{")
    form = {"edition": 0, "result": "infarct", "reasons": [], "comment": ""}
    answer = ada.post(f"{READ}/sign", {**form, "passphrase": PASSPHRASE, "meaning_accepted": True})
    assert answer.status_code == 500
    assert answer.json()["error"] == "incident"
    number = answer.json()["message"].rsplit(" ", 1)[1]
    assert answer.json()["message"] == f"Something went wrong. Incident {number}"
    assert f"incident {number}: StoreError at" in caplog.text
    assert read.parent.parent.name not in caplog.text + answer.text
    assert "sub-" not in caplog.text
    assert "Traceback" not in caplog.text
