"""``corelab reads`` as a data manager starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from corelab.store.layout import Layout
from corelab.store.ledger import create_ledger
from corelab.store.users import add_user, unlock
from tests.pipelines.reading_room import furnish, room_of, trial_file

CORELAB = Path(sys.executable).parent / "corelab"
SECRET = "correct horse battery"  # noqa: S105 - of a test


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two cases, and people with passphrases."""
    folder = tmp_path / "out"
    furnish(folder, "AA11", "BB22")
    path = Layout(folder).ledger
    path.unlink()
    with create_ledger(path) as ledger:
        add_user(ledger, "mia", "data_manager", SECRET, by=None)
        mia = unlock(ledger, "mia", SECRET)
        for name in ("ada", "ben", "cleo"):
            add_user(ledger, name, "reader", SECRET, by=mia)
    return folder


def reads(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CORELAB, "reads", *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def by_mia(out: Path, secret: str = SECRET) -> list[str | Path]:
    path = out.with_name("mia.txt")
    path.write_text(secret + "\n", "utf-8")
    path.chmod(0o600)
    return ["--by", "mia", "--by-passphrase-file", path]


def test_a_plan_is_made_once_and_listed_without_volumes(out: Path) -> None:
    trial = trial_file(out.parent)
    done = reads("plan", out, "--trial", trial, *by_mia(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 cases offered" in done.stdout
    assert "4 reads assigned" in done.stdout
    again = reads("plan", out, "--trial", trial, *by_mia(out))
    assert again.stdout == "nothing new: every case has its readers\n"
    listed = reads("list", out).stdout
    assert [line.split() for line in listed.splitlines() if "reads" in line] == [
        ["ada", "reads", "2", "0", "0", "0"],
        ["ben", "reads", "2", "0", "0", "0"],
    ]
    assert "AA11" not in listed
    assert "12.5" not in listed


def test_a_trial_without_people_is_told_what_is_missing(out: Path) -> None:
    trial = trial_file(out.parent, "repeat_share = 0.0")
    done = reads("plan", out, "--trial", trial, *by_mia(out))
    assert done.returncode == 2
    assert "reads.names: found none, expected at least 2 names of readers" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_passphrase_plans_nothing(out: Path) -> None:
    done = reads("plan", out, "--trial", trial_file(out.parent), *by_mia(out, "another passphrase"))
    assert done.returncode == 2
    assert room_of(out).rules is None
    assert not Layout(out).order_seed.exists()


def test_a_locked_out_keeps_its_plan(out: Path) -> None:
    Layout(out).lock.write_text("{}")
    done = reads("plan", out, "--trial", trial_file(out.parent), *by_mia(out))
    assert done.returncode == 2
    assert "OUT is locked" in done.stderr


def test_a_case_is_excluded_with_a_reason(out: Path) -> None:
    reads("plan", out, "--trial", trial_file(out.parent), *by_mia(out))
    words = ["AA11", "fu24h", "--reason", "consent withdrawn"]
    done = reads("exclude", out, *words, *by_mia(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert list(room_of(out).exclusions.values()) == ["consent withdrawn"]
    wrong = reads("release", out, "ZZ99", "fu24h", *by_mia(out))
    assert wrong.returncode == 2
    assert "ZZ99 fu24h was not offered" in wrong.stderr
