"""The dashboard of a real run: who reaches it, and what it shows."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from corelab.errors import StoreError
from pipelines.dashboard import Dashboard
from pipelines.engine import open_engine
from pipelines.workers import Workers, at_work
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "sample_data"
RUN = ("--trial", REPOSITORY / "configs" / "demo.toml", "--out", "out", "--vault", "vault")
DELIVERED = "Delacourt_Rosamund 009809779"
NAMES = ("Delacourt", "Rosamund", "009809779", "from_site_7")
PAGES = ("/status", "/info/main/workers.html", "/info/main/logs.html")
LINK = re.compile(r"dashboard: (http://127\.0\.0\.1:\d+)/status\n")
ELSEWHERE = {
    "Origin": "http://elsewhere.example",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "SGVsbG8sIHdvcmxkIQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "bokeh, x",
}
_PATIENCE_S = 60


def command(*options: object) -> list[object]:
    subjects = ("--subjects", SAMPLE / "subjects.csv", "--workers", "1")
    return ["run", "from_site_7", *RUN, *subjects, *options]


def deliver(folder: Path) -> None:
    shutil.copytree(SAMPLE / "incoming" / DELIVERED, folder / "from_site_7" / DELIVERED)


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    family = [process, *process.children(recursive=True)]
    found = [place for one in family for place in one.net_connections("tcp")]
    return {(place.laddr.ip, place.laddr.port) for place in found if place.status == "LISTEN"}


PULL = """
import sys
from bokeh.client import pull_session
with pull_session(url=sys.argv[1]) as session:
    print(session.document.to_json())
"""


def shown(base: str) -> str:
    """Give everything that the dashboard tells a browser now, a page of every task with it."""
    pages = [httpx.get(base + page, timeout=_PATIENCE_S) for page in PAGES]
    assert {page.status_code for page in pages} == {200}
    text = "".join(page.text for page in pages)
    workers = set(re.findall(r'href="\.\./(worker/[^"]+)"', text))
    text += "".join(httpx.get(f"{base}/info/{page}", timeout=_PATIENCE_S).text for page in workers)
    tasks = set(re.findall(r"(task/[^\"]+)\"", text))
    text += "".join(httpx.get(f"{base}/info/{page}", timeout=_PATIENCE_S).text for page in tasks)
    # In a process of its own: the run may end meanwhile, and the connection with it.
    drawn = subprocess.run(
        [sys.executable, "-c", PULL, f"{base}/status"], capture_output=True, text=True, check=False
    )
    return text + drawn.stdout


def test_the_dashboard_is_on_loopback_alone_and_shows_neither_codes_nor_names(
    tmp_path: Path,
) -> None:
    deliver(tmp_path)
    with subprocess.Popen(
        [Path(sys.executable).parent / "corelab", *command("--dashboard")],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        match = LINK.fullmatch(process.stderr.readline())
        assert match
        base, seen = match.group(1), ""
        assert {ip for ip, _ in listening(psutil.Process(process.pid))} == {"127.0.0.1"}
        assert httpx.get(f"{base}/status/ws", headers=ELSEWHERE).status_code == 403
        while process.poll() is None:
            with suppress(httpx.TransportError, OSError):  # the run has just ended
                seen += shown(base)
    assert process.returncode == 0
    assert "'roots'" in seen
    assert re.search(r"run_timed_case-\d{6}-[0-9a-f]{8}", seen)
    with (SAMPLE / "subjects.csv").open(newline="") as stream:
        codes = [row["subject_code"] for row in csv.DictReader(stream)]
    assert [word for word in (*codes, *NAMES) if word in seen] == []


def test_without_bokeh_the_error_names_what_to_install(tmp_path: Path) -> None:
    deliver(tmp_path)
    code = "import sys; sys.modules['bokeh'] = None; from pipelines.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *command("--dashboard")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'pip install "corelab[dash]"' in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dashboard", Dashboard)
def test_of_a_running_scheduler_the_dashboard_is_named_where_it_serves_one(
    dashboard: Dashboard, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_engine(n_workers=1, dashboard=dashboard) as running:
        address = running._client.scheduler.address  # noqa: SLF001 - as `dask scheduler` prints it
        asked = Workers(count=None, scheduler=address, dashboard=Dashboard.ON_LOOPBACK)
        if dashboard is Dashboard.OFF:
            with pytest.raises(StoreError, match="serves no dashboard"), at_work(asked):
                pass
        else:
            with at_work(asked):
                pass
            assert f"dashboard: {running.dashboard_link}\n" in capsys.readouterr().err


def test_nothing_is_served_to_who_did_not_ask_for_it() -> None:
    with open_engine(n_workers=1) as engine:
        assert engine.dashboard_link == ""
        places = listening(psutil.Process())
        assert {ip for ip, _ in places} == {"127.0.0.1"}
        answers = []
        for _, port in places:
            with suppress(httpx.TransportError):  # it speaks Dask, not HTTP
                answers += [
                    httpx.get(f"http://127.0.0.1:{port}{page}", timeout=_PATIENCE_S).status_code
                    for page in (*PAGES, "/json/identity.json", "/metrics")
                ]
        assert set(answers) == {404}
