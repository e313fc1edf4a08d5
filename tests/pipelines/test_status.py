"""``corelab status``: after whole runs, during one, and after one that was killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner, Result

from corelab.blinding.vault_hold import hold_for_a_run
from corelab.store.layout import Layout
from corelab.store.table import write_tables
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.cli import app
from pipelines.engine import Engine
from pipelines.followup import BatchRequest, run_batch
from pipelines.locking import LockRequest, lock
from pipelines.pending import load_pending, note_measured, write_pending
from pipelines.pick import pick_of
from pipelines.progress import Silent
from pipelines.status_show import size_text

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
DEMO = REPOSITORY / "configs" / "demo.toml"
CORELAB = Path(sys.executable).parent / "corelab"
DWI = Case(SubjectCode("GYC4D4"), VisitLabel("fu24h"))
CT = Case(SubjectCode("W23926"), VisitLabel("fu24h"))


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One DWI, one CT, one CT that is cut, a file that is no DICOM, one that is empty."""
    folder = tmp_path_factory.mktemp("delivery") / "incoming"
    for name in (
        "Delacourt_Rosamund 009809779",
        "Wintergreen_Leopold_01-04-1956_004500108",
        "Pellegrew_Leopold_17-04-1954_MRN-1441951",
    ):
        shutil.copytree(SAMPLE / "incoming" / name, folder / name)
    for path in (folder / "Pellegrew_Leopold_17-04-1954_MRN-1441951").iterdir():
        if not pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID.endswith("133540"):
            path.unlink()
    (folder / "letter.txt").write_text("Dear colleague")
    return folder


def request(incoming: Path, home: Path) -> BatchRequest:
    return BatchRequest(
        incoming=incoming,
        trial_file=DEMO,
        out=home / "out",
        subjects_file=SAMPLE / "subjects.csv",
        vault=home / "vault",
        pick=pick_of("GYC4D4,W8US6M", None),
    )


@pytest.fixture(scope="module")
def home(incoming: Path, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of a run that was to leave one case for later."""
    folder = tmp_path_factory.mktemp("home")
    run_batch(request(incoming, folder), engine, Silent())
    return folder


def call(*words: object, columns: str = "80") -> Result:
    return CliRunner(env={"COLUMNS": columns}).invoke(app, [str(word) for word in words])


def told(home: Path, *words: object) -> dict[str, object]:
    done = call("status", home / "out", "--format", "json", *words)
    assert done.exit_code in {0, 1}, done.output
    found = json.loads(done.output)
    assert (done.exit_code == 0) is found["is_all_done"]
    assert isinstance(found, dict)
    return found


def cases(found: object) -> list[tuple[str, str]]:
    assert isinstance(found, list)
    return [(case["subject_code"], case["visit"]) for case in found]


def test_without_the_vault_it_says_what_out_says(home: Path) -> None:
    found = told(home)
    assert cases(found["done"]) == [("GYC4D4", "fu24h")]
    assert cases(found["failed"]) == [("W8US6M", "fu_late")]
    assert found["pending"] is None
    assert found["quarantined"] is None
    assert found["run"] == "no_trace"
    done = call("status", home / "out")
    assert "--vault shows them" in done.output
    assert "pixels_truncated" in done.output


def test_with_the_vault_it_knows_what_waits_and_what_is_held_back(home: Path) -> None:
    found = told(home, "--vault", home / "vault")
    assert found["pending"] == [
        {"subject_code": "W23926", "visit": "fu24h", "has_read": False},
    ]
    assert found["quarantined"] == {"pixels_truncated": 1}
    assert found["run"] == "none"
    batch, disk = found["last_batch"], found["disk"]
    assert isinstance(batch, dict)
    assert isinstance(disk, dict)
    assert batch["finished_utc"] >= batch["started_utc"]
    assert (batch["cases_measured"], batch["trial_id"]) == (1, "DEMO-0001")
    sizes = {
        path: path.lstat().st_blocks * 512 for path in (home / "out").rglob("*") if path.is_file()
    }
    masks = sum(size for path, size in sizes.items() if path.name.endswith("_mask.nii.gz"))
    images = sum(size for path, size in sizes.items() if path.name.endswith(".nii.gz")) - masks
    assert (disk["masks_bytes"], disk["images_bytes"]) == (masks, images)
    assert disk["rest_bytes"] == sum(sizes.values()) - masks - images
    assert disk["free_bytes"] > 0


def test_each_line_fits_80_columns_and_names_nobody(incoming: Path, home: Path) -> None:
    done = call("status", home / "out", "--vault", home / "vault")
    assert done.exit_code == 1
    where = [line for line in done.output.splitlines() if not line.startswith(("OUT ", " " * 12))]
    assert max(map(len, where)) <= 80
    for path in incoming.iterdir():
        assert path.name not in done.output
    assert "fu24h         1        1       0" in done.output
    assert "fu_late       0        0       1" in done.output


def test_a_run_at_work_a_lock_and_a_vault_of_another_out_are_seen(
    home: Path, tmp_path: Path
) -> None:
    with hold_for_a_run(home / "vault"):
        assert told(home, "--vault", home / "vault")["run"] == "at_work"
    moved = tmp_path / "moved"
    shutil.copytree(home / "out", moved / "out")
    done = call("status", moved / "out", "--vault", home / "vault")
    assert "no batch of this vault wrote to this OUT" in " ".join(done.output.split())
    assert "not locked" in done.output
    Layout(moved / "out").lock.write_text("{}")
    assert told(moved)["is_locked"]


def test_status_0_when_nothing_is_left(tmp_path: Path, engine: Engine, incoming: Path) -> None:
    (tmp_path / "in").mkdir()
    name = "Delacourt_Rosamund 009809779"
    shutil.copytree(incoming / name, tmp_path / "in" / name)
    asked = BatchRequest(
        incoming=tmp_path / "in",
        trial_file=DEMO,
        out=tmp_path / "out",
        subjects_file=SAMPLE / "subjects.csv",
        vault=tmp_path / "vault",
    )
    run_batch(asked, engine, Silent())
    found = told(tmp_path, "--vault", tmp_path / "vault")
    assert found["is_all_done"]
    assert found["pending"] == []
    lock(LockRequest(out=tmp_path / "out", reason="database lock", vault=tmp_path / "vault"))
    assert told(tmp_path, "--vault", tmp_path / "vault")["is_locked"]


def test_pending_is_right_after_a_run_was_killed(incoming: Path, tmp_path: Path) -> None:
    command = [CORELAB, "run", incoming, "--trial", DEMO, "--subjects", SAMPLE / "subjects.csv"]
    command += ["--out", tmp_path / "out", "--vault", tmp_path / "vault", "--workers", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 240
        while '"measured"' not in text_of(tmp_path / "vault" / "pending.jsonl"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    found = told(tmp_path, "--vault", tmp_path / "vault")
    assert found["run"] == "unfinished"
    assert cases(found["done"]) == [("GYC4D4", "fu24h")]
    assert cases(found["pending"]) == [("W23926", "fu24h"), ("W8US6M", "fu_late")]
    assert found["failed"] == []
    assert found["last_batch"]["finished_utc"] is None  # type: ignore[index]
    assert not any(path.name.startswith("pending") for path in (tmp_path / "out").rglob("*"))
    screen = call("status", tmp_path / "out", "--vault", tmp_path / "vault")
    assert "did not finish: the same command resumes" in " ".join(screen.output.split())


def text_of(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def test_a_line_that_a_kill_cut_short_takes_no_case_away(tmp_path: Path) -> None:
    assert load_pending(tmp_path) == frozenset()
    write_pending(tmp_path, (CT, DWI))
    note_measured(tmp_path, CT)
    assert load_pending(tmp_path) == {DWI}
    path = tmp_path / "pending.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text() + '["measured", "GYC4D4"')
    assert load_pending(tmp_path) == {DWI}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("no-such-folder",), "is no folder"),
        ((".",), "holds no results of a run"),
        ((".", "--vault", "."), "holds no vault"),
    ],
)
def test_what_is_no_out_or_no_vault_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("status", *words)
    assert done.exit_code == 2
    assert why in done.stderr


def test_an_out_without_problems_and_without_a_vault_is_done(tmp_path: Path) -> None:
    write_tables(Layout(tmp_path / "out"), [], "NCT0")
    Layout(tmp_path / "out").batch.write_text("{}")
    assert told(tmp_path)["is_all_done"]


def test_sizes_have_two_or_three_digits() -> None:
    assert [size_text(n) for n in (0, 999, 1500, 25_400, 3 * 10**9, 4 * 10**13)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "25 kB",
        "3.0 GB",
        "40 TB",
    ]
