"""``corelab run --watch`` as a real process: deliveries that arrive, wait, fail and resume."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corelab.blinding.vault import open_vault
from corelab.store.layout import Layout
from corelab.vocab import SubjectCode
from pipelines.cli import app
from pipelines.watch_record import Ended, load_record

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
DEMO = REPOSITORY / "configs" / "demo.toml"
CORELAB = Path(sys.executable).parent / "corelab"
DWI = "Delacourt_Rosamund 009809779"
CT = "Wintergreen_Leopold_01-04-1956_004500108"
FAR_S = 120


@dataclass(frozen=True)
class Watching:
    process: subprocess.Popen[str]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + FAR_S
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def watch(home: Path, name: str) -> Iterator[Watching]:
    command = [CORELAB, "run", "--watch", home / "in", "--settle-minutes", "0.005"]
    command += ["--trial", DEMO, "--subjects", SAMPLE / "subjects.csv", "--workers", "1"]
    command += ["--out", home / "out", "--vault", home / "vault"]
    log = home / f"{name}.log"
    with (
        log.open("w", encoding="utf-8") as stream,
        subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, text=True) as process,
    ):
        try:
            yield Watching(process, log)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=60)


def deliver(home: Path, name: str) -> None:
    """Copy a delivery beside the folder and move it in whole."""
    shutil.copytree(SAMPLE / "incoming" / name, home / "coming")
    (home / "coming").rename(home / "in" / name)


def numbers(home: Path) -> dict[str, int]:
    """Number of each delivery, by what only the vault says."""
    lines = (home / "vault" / "log" / "watch.txt").read_text("utf-8").splitlines()
    pairs = (line.removeprefix("delivery ").split(": ", 1) for line in lines)
    return {Path(path).name: int(number) for number, path in pairs}


def test_deliveries_are_run_as_they_arrive_and_never_twice(tmp_path: Path) -> None:
    incoming = tmp_path / "in"
    incoming.mkdir()
    with open_vault(tmp_path / "vault") as vault:
        vault.bind("004500108", SubjectCode("AB2CD3"))  # the subjects file says another code
    layout = Layout(tmp_path / "out")
    with watch(tmp_path, "first") as watching:
        shutil.copytree(SAMPLE / "incoming" / DWI, tmp_path / "coming")
        last = max(path for path in (tmp_path / "coming").rglob("*") if path.is_file())
        part = last.with_name(f"{last.name}.part")
        last.rename(part)
        (tmp_path / "coming").rename(incoming / DWI)
        watching.wait_for("delivery 1 waits: 1 name in it")
        assert "has arrived" not in watching.said
        part = incoming / DWI / part.relative_to(tmp_path / "coming")
        part.rename(part.with_suffix(""))
        watching.wait_for("delivery 1 every case measured")
        assert [path.name for path in layout.reads()] == [
            "sub-GYC4D4_ses-fu24h_desc-infarct_read.json"
        ]

        deliver(tmp_path, CT)
        watching.wait_for("delivery 2 failed with exit status 2")
        (incoming / "note.txt").write_text("Dear colleague")
        watching.wait_for("delivery 3 every case measured")
        assert watching.end(signal.SIGTERM) == 130
        said = watching.said
    assert "subject code" in said
    assert said.count("delivery 2 has arrived") == said.count("has arrived") // 3 == 1
    assert numbers(tmp_path) == {DWI: 1, CT: 2, "note.txt": 3}
    assert "Delacourt" not in said
    assert "Wintergreen" not in said
    assert "Traceback" not in said

    with watch(tmp_path, "second") as watching:
        (incoming / "other.txt").write_text("Dear colleague, again")
        watching.wait_for("delivery 4 every case measured")
        assert watching.end(signal.SIGINT) == 130
        assert watching.said.count("has arrived") == 1
        assert "the same command resumes" in watching.said


def test_an_interrupted_delivery_resumes_when_the_watch_begins_again(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    deliver(tmp_path, DWI)
    with watch(tmp_path, "first") as watching:
        watching.wait_for("delivery 1 has arrived")
        watching.wait_for("reading headers")
        assert watching.end(signal.SIGINT) == 130
        assert "Traceback" not in watching.said
    assert not json.loads((tmp_path / "vault" / "watch.json").read_text())["ended"]
    with watch(tmp_path, "second") as watching:
        watching.wait_for("delivery 1 every case measured")
    assert len(Layout(tmp_path / "out").reads()) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "found neither, expected one of them"),
        (("INCOMING", "--watch", "DIR"), "found both, expected one of them"),
        (("--watch", "DIR", "--only", "GYC4D4"), "go with INCOMING, not with --watch"),
        (("--watch", "DIR", "--dry-run"), "go with INCOMING, not with --watch"),
        (("--watch", "nowhere"), "does not exist"),
        (("--watch", "DIR", "--out", "DIR/out"), "OUT must not lie inside INCOMING"),
        (("--watch", "DIR", "--trial", "wrong.toml"), "wrong.toml has 1 fault: file: found none"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("INCOMING", "DIR"):
        (tmp_path / name).mkdir()
    done = CliRunner().invoke(app, ["run", "--trial", str(DEMO), "--out", "out", *words])
    assert done.exit_code == 2
    assert why in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out-vault").exists()


def test_what_failed_is_due_again_with_other_inputs_alone(tmp_path: Path) -> None:
    record = load_record(tmp_path / "vault")
    assert record.is_due("a", "trial 1")
    for digest, status in (("a", 0), ("b", 1), ("c", 2), ("d", -9)):
        record.note_end(digest, Ended(status=status, inputs="trial 1"))
    assert record.number_of(tmp_path / "x") == 1
    again = load_record(tmp_path / "vault")
    assert [digest for digest in "abcd" if again.is_due(digest, "trial 1")] == []
    assert [digest for digest in "abcd" if again.is_due(digest, "trial 2")] == ["c", "d"]
    assert (again.number_of(tmp_path / "x"), again.number_of(tmp_path / "y")) == (1, 2)
    content = (tmp_path / "vault" / "watch.json").read_text()
    assert str(tmp_path) not in content
