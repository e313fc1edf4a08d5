from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.types import Message, Scope

from corelab.errors import ConfigError, StoreError
from corelab.review.app import look_app
from corelab.review.serve import Place, serve
from corelab.store.layout import Layout
from corelab.store.qa_page import QaPage, QaRow, render_qa_page
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.browser.served import PATIENCE_S
from tests.review.browser import Browser

CASE = Case(SubjectCode("ACE-0417"), VisitLabel("fu24h"))


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 3)).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    layout = Layout(tmp_path / "out")
    row = QaRow(subject_code="ACE-0417", visit="fu24h", reason_code="missing_slice", message="gap")
    page = QaPage(trial_id="NCT00000000", rows=(row,), software_version="1", config_digest="ab")
    for path, content in (
        (layout.qa_page, render_qa_page(page).encode()),
        (layout.mosaic(CASE), png()),
        (layout.root / "secret.txt", b"secret"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return layout.root


@pytest.fixture
def app(out: Path) -> Starlette:
    return look_app(out, Place("127.0.0.1", 8765))


@pytest.fixture
def stranger(app: Starlette) -> Browser:
    return Browser(app)


@pytest.fixture
def reader(app: Starlette) -> Browser:
    browser = Browser(app)
    browser.get(app.state.start_url)
    return browser


def essence(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, dict(answer.headers)


def test_the_start_link_is_exchanged_for_a_strict_cookie_and_then_shows_the_page(
    app: Starlette, stranger: Browser
) -> None:
    answer = stranger.get(app.state.start_url)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert re.match(r"corelab_review_8765_[0-9a-f]{8}=", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "token" not in answer.text
    assert "QA of NCT00000000" in stranger.get("/").text


def test_the_start_link_works_once(app: Starlette, stranger: Browser) -> None:
    assert stranger.get(app.state.start_url).status_code == 200
    stranger.cookies.clear()
    assert stranger.get(app.state.start_url).status_code == 404


def test_looking_at_the_link_without_opening_it_does_not_spend_it(
    app: Starlette, stranger: Browser
) -> None:
    assert stranger.ask("HEAD", app.state.start_url).status_code == 404
    assert stranger.get(app.state.start_url).status_code == 200


def test_no_cookie_works_before_the_link_was_opened(app: Starlette, stranger: Browser) -> None:
    (name,) = (door.kwargs["cookie"] for door in app.user_middleware if "cookie" in door.kwargs)
    stranger.cookies.set(name, "")
    assert stranger.get("/").status_code == 404


def test_two_starts_do_not_share_a_token(out: Path) -> None:
    urls = {look_app(out, Place("127.0.0.1", 8765)).state.start_url for _ in range(2)}
    assert len(urls) == 2
    assert all(len(url.split("token=")[1]) >= 43 for url in urls)


def test_absent_and_forbidden_look_the_same(stranger: Browser, app: Starlette) -> None:
    forbidden = [essence(stranger.get(path)) for path in ("/", "/cases", "/mosaic/x", "/nothing")]
    wrong = essence(stranger.get("/?token=wrong"))
    stranger.get(app.state.start_url)
    absent = [essence(stranger.get(path)) for path in ("/nothing", "/mosaic/x", "/cases/")]
    refused = [essence(stranger.ask("POST", "/")), essence(stranger.ask("DELETE", "/cases"))]
    assert {str(each) for each in (*forbidden, wrong, *absent, *refused)} == {str(wrong)}
    assert wrong[0] == 404


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8766", "127.0.0.1.evil.example:8765", "localhost", ""],
)
def test_another_host_name_is_refused(reader: Browser, host: str) -> None:
    assert reader.get("/", Host=host).status_code == 404


def test_localhost_is_sent_on_to_the_one_name_with_its_token(
    stranger: Browser, app: Starlette
) -> None:
    """Under two names a browser would keep two jars of cookies, and could hold two roles."""
    path = app.state.start_url.removeprefix("http://127.0.0.1:8765")
    answer = stranger.get(path, Host="localhost:8765")
    assert (answer.status_code, answer.headers["location"]) == (307, app.state.start_url)
    assert stranger.get("/cases", Host="localhost:8765").status_code == 404
    assert stranger.get(app.state.start_url).status_code == 200, "the token is not spent"
    assert stranger.get("/cases", Host="localhost:8765").status_code == 404


def test_two_host_headers_are_refused(reader: Browser) -> None:
    hosts = [("Host", "127.0.0.1:8765"), ("Host", "evil.example")]
    assert reader.ask("GET", "/", hosts[:1]).status_code == 200
    assert reader.ask("GET", "/", hosts).status_code == 404


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_another_page_made_is_refused(reader: Browser, site: str) -> None:
    assert reader.get("/", Sec_Fetch_Site=site).status_code == 404
    assert reader.get("/", Sec_Fetch_Site="same-origin").status_code == 200


def test_mosaics_are_served_by_random_id_and_never_by_path(reader: Browser, app: Starlette) -> None:
    listing = reader.get("/cases").text
    assert "ACE-0417 fu24h" in listing
    (identifier,) = re.findall(r'href="/mosaic/([^"]+)"', listing)
    answer = reader.get(f"/mosaic/{identifier}")
    assert answer.content == png()
    assert answer.headers["content-type"] == "image/png"
    assert "ACE" not in answer.headers["content-disposition"]
    assert reader.get("/cases").text == listing, "ids keep while the server runs"
    for path in ("/mosaic/sub-ACE-0417", "/mosaic/..%2Fsecret.txt", "/secret.txt"):
        assert reader.get(path).status_code == 404
    assert Browser(app).get(f"/mosaic/{identifier}").status_code == 404


def test_a_link_that_leads_out_of_out_is_not_followed(
    reader: Browser, out: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(png())
    other = Case(SubjectCode("ACE-0999"), VisitLabel("fu24h"))
    path = Layout(out).mosaic(other)
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    assert "ACE-0999" not in reader.get("/cases").text


def test_names_of_folders_are_escaped(reader: Browser, out: Path) -> None:
    odd = Case(SubjectCode("<b>x"), VisitLabel("fu24h"))
    path = Layout(out).mosaic(odd)
    path.parent.mkdir(parents=True)
    path.write_bytes(png())
    assert "&lt;b&gt;x" in reader.get("/cases").text


def test_every_answer_forbids_caching_sniffing_framing_and_referrers(reader: Browser) -> None:
    identifier = reader.get("/cases").text.split("/mosaic/")[1].split('"')[0]
    for path in ("/", "/cases", f"/mosaic/{identifier}", "/nothing"):
        headers = reader.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert policy.endswith("frame-ancestors 'none'")
        assert "unsafe" not in policy


def test_the_page_may_run_its_own_script_and_a_changed_policy_runs_nothing(
    reader: Browser, out: Path
) -> None:
    assert "script-src 'sha256-" in reader.get("/").headers["content-security-policy"]
    page = Layout(out).qa_page
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("script-src ", "script-src https://evil.example "), "utf-8")
    assert "script-src" not in reader.get("/").headers["content-security-policy"]


def test_an_error_tells_the_browser_a_number_only(reader: Browser, out: Path) -> None:
    Layout(out).qa_page.write_bytes(b"\xff not UTF-8")
    answer = reader.get("/")
    assert answer.status_code == 500
    assert re.fullmatch(r"Something went wrong\. Incident [0-9a-f]{8}\n", answer.text)
    assert answer.headers["cache-control"] == "no-store"


def test_web_sockets_are_closed(app: Starlette) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", ""])  # noqa: S104 - must be refused
def test_other_addresses_than_this_machine_are_refused(out: Path, host: str) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1"):
        look_app(out, Place(host, 8765))


def test_the_six_byte_loopback_address_stands_in_brackets(out: Path) -> None:
    url = look_app(out, Place("::1", 8765)).state.start_url
    assert url.startswith("http://[::1]:8765/?token=")


def test_out_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no QA page"):
        look_app(tmp_path, Place("127.0.0.1", 8765))


def test_a_real_server_serves_until_interrupted_and_logs_no_token(out: Path) -> None:
    program = (
        "import sys; from functools import partial; from pathlib import Path; "
        "from corelab.review.app import look_app; from corelab.review.serve import serve; "
        "serve(partial(look_app, Path(sys.argv[1])), port=0)"
    )
    repository = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(
            trust_env=False, base_url=url.split("/?")[0], timeout=PATIENCE_S
        ) as client:
            assert client.get("/").status_code == 404
            assert client.get(url).status_code == 200
            page = client.get("/")
            assert "QA of NCT00000000" in page.text
            assert "server" not in page.headers
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)
        assert url.split("token=")[1] not in process.stderr.read()


def test_a_taken_port_is_a_fault_of_the_command(out: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigError, match="a free port"),
    ):
        serve(partial(look_app, out), port=taken.getsockname()[1])
