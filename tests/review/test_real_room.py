"""The reading room as a real process: killed, short of disk, used by two at once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from corelab.reading.fold import fold
from corelab.reading.lifecycle import ReadState
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger
from corelab.store.ledger_check import verify
from tests.browser.served import PATIENCE_S, wait_until
from tests.pipelines.test_failures import small_disk
from tests.review.browser import PASSPHRASE
from tests.review.furnished import READS
from tests.review.test_reads import blob, form, labels_of, screen_mask

REPOSITORY = Path(__file__).parents[2]
FIRST = f"/api/reads/{READS['ada', 1]}"


@dataclass
class Server:
    """A server process, and a browser that opened its start link."""

    process: subprocess.Popen[str]
    client: httpx.Client
    token: str
    log: Path

    def sign_in(self, name: str) -> None:
        """Sign in, and send what a page of this login sends."""
        answer = self.client.post("/api/login", json={"name": name, "passphrase": PASSPHRASE})
        assert answer.status_code == 200, answer.text
        self.client.headers["X-Corelab-Csrf"] = answer.json()["csrf"]

    def save(self, url: str, n_voxels: int, edition: int) -> httpx.Response:
        """Save so many voxels."""
        content, headers = screen_mask(blob(n_voxels)), {"If-Match": f'"{edition}"'}
        return self.client.put(f"{url}/mask", content=content, headers=headers)


@dataclass
class Started:
    """A server process that nobody has asked yet."""

    process: subprocess.Popen[str]
    link: str
    log: Path

    @property
    def address(self) -> str:
        return self.link.split("/?")[0]


@contextmanager
def started(out: Path, role: str = "reader", *python: str) -> Iterator[Started]:
    """Start ``corelab review OUT --role ROLE``, as a user does."""
    program = "from pipelines.cli import main; main()"
    log = out.parent / f"log-{len(list(out.parent.iterdir()))}"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, *python, "-c", program, "review", str(out), "--role", role],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield Started(process=process, link=process.stdout.readline().strip(), log=log)
        finally:
            process.kill()


@contextmanager
def serving(out: Path, role: str = "reader", *python: str) -> Iterator[Server]:
    """Start a server, and open its link in a browser of its own."""
    with started(out, role, *python) as begun:
        headers = {"Origin": begun.address, "Sec-Fetch-Site": "same-origin"}
        with httpx.Client(
            trust_env=False, base_url=begun.address, headers=headers, timeout=PATIENCE_S
        ) as client:
            assert client.get(begun.link).status_code == 200
            client.headers["X-Corelab-Csrf"] = client.get("/api/me").json()["csrf"]
            token = begun.link.split("token=")[1]
            yield Server(process=begun.process, client=client, token=token, log=begun.log)


def test_a_readers_process_never_loads_the_vault_and_logs_no_token(out: Path) -> None:
    with serving(out, "reader", "-X", "importtime") as server:
        server.sign_in("ada")
        assert server.client.get(FIRST).status_code == 200
        assert server.client.get(f"{FIRST}/mask").status_code == 200
        mask = server.save(FIRST, 4, 0)
        assert mask.status_code == 200
        assert server.client.post(f"{FIRST}/sign", json=form(1)).status_code == 200
        server.process.send_signal(signal.SIGINT)
        server.process.wait(timeout=PATIENCE_S)
        said = server.log.read_text()
    loaded = {line.split("|")[-1].strip() for line in said.splitlines() if "import time:" in line}
    assert "corelab.review.reader" in loaded
    assert not any(name.startswith("corelab.blinding") for name in loaded)
    assert server.token not in said
    assert PASSPHRASE not in said


def test_a_killed_server_keeps_every_draft_that_it_acknowledged(out: Path) -> None:
    acknowledged = [0]
    with serving(out) as server:
        server.sign_in("ada")
        server.client.get(FIRST)

        def draw() -> None:
            with suppress(httpx.TransportError):
                for edition in range(500):
                    answer = server.save(FIRST, edition + 1, edition)
                    acknowledged.append(answer.json()["edition"])

        thread = threading.Thread(target=draw)
        thread.start()
        wait_until(lambda: len(acknowledged) >= 6)
        server.process.send_signal(signal.SIGKILL)
        thread.join()
    with serving(out) as server:
        assert server.client.get(FIRST).status_code == 401
        server.sign_in("ada")
        told = server.client.get(FIRST).json()
        # The last one may have been written, and its answer lost.
        assert told["edition"] in {acknowledged[-1], acknowledged[-1] + 1}
        mask = server.client.get(f"{FIRST}/mask")
        assert labels_of(mask.content).sum() == told["edition"]
        assert server.save(FIRST, 3, told["edition"]).json()["edition"] == told["edition"] + 1
    assert verify(Layout(out).ledger).is_sound


def test_two_readers_at_once_lose_nothing(out: Path) -> None:
    def read(name: str) -> None:
        with serving(out) as server:
            server.sign_in(name)
            for number in (1, 2):
                url = f"/api/reads/{READS[name, number]}"
                assert server.client.get(url).status_code == 200
                for edition in range(8):
                    answer = server.save(url, 100 + edition, edition)
                    assert answer.json().get("edition") == edition + 1, answer.text
                assert server.client.post(f"{url}/sign", json=form(8)).status_code == 200

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read, ("ada", "ben")))
    with open_ledger(Layout(out).ledger) as ledger:
        room = fold(ledger.entries())
    assert {room.read(read_id).state for read_id in READS.values()} == {ReadState.SIGNED}
    assert {room.read(read_id).edition for read_id in READS.values()} == {8}
    assert len(room.overlaps) == 0, "equal masks need no comparison"
    assert verify(Layout(out).ledger).is_sound


def test_a_stale_form_of_another_window_is_refused_and_the_newer_draft_stays(out: Path) -> None:
    with serving(out) as server:
        server.sign_in("ada")
        server.client.get(FIRST)
        assert server.save(FIRST, 10, 0).json()["edition"] == 1
        assert server.save(FIRST, 20, 0).status_code == 409
        assert server.client.post(f"{FIRST}/sign", json=form(0)).status_code == 409
        assert labels_of(server.client.get(f"{FIRST}/mask").content).sum() == 10


def test_a_full_disk_is_said_in_words_and_more_room_lets_the_page_go_on(
    master: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 3000) as disk:
        out = Path(shutil.copytree(master, disk / "out"))
        with serving(out) as server:
            server.sign_in("ada")
            server.client.get(FIRST)
            assert server.save(FIRST, 4, 0).json()["edition"] == 1
            filler = disk / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as stream:
                while True:
                    stream.write(bytes(1 << 12))
            refused = [server.save(FIRST, 1000 + n, 1) for n in range(3)]
            assert {(answer.status_code, answer.json()["error"]) for answer in refused} == {
                (507, "disk")
            }
            assert "nothing was changed" in refused[0].json()["message"]
            assert not re.search(r"sub-|/", refused[0].json()["message"])
            assert server.client.post(f"{FIRST}/sign", json=form(1)).status_code == 507
            assert labels_of(server.client.get(f"{FIRST}/mask").content).sum() == 4
            filler.unlink()
            assert server.save(FIRST, 1000, 1).json()["edition"] == 2
            assert server.client.post(f"{FIRST}/sign", json=form(2)).status_code == 200
        assert verify(Layout(out).ledger).is_sound


def test_an_upload_that_breaks_off_changes_nothing(out: Path) -> None:
    with serving(out) as server:
        server.sign_in("ada")
        server.client.get(FIRST)
        content = screen_mask(blob(4))

        def half() -> Iterator[bytes]:
            yield content[: len(content) // 2]
            raise ConnectionAbortedError

        with pytest.raises(ConnectionAbortedError):
            server.client.put(f"{FIRST}/mask", content=half(), headers={"If-Match": "0"})
        assert server.client.get(FIRST).json()["edition"] == 0
        assert server.save(FIRST, 4, 0).json()["edition"] == 1


def test_a_room_without_a_ledger_is_refused_in_words(tmp_path: Path) -> None:
    program = "from pipelines.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "review", str(tmp_path), "--role", "reader"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 2
    assert "there is no ledger" in done.stderr
    assert "Traceback" not in done.stderr
