"""``corelab ledger`` as an auditor starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from corelab.store.ledger import open_ledger
from corelab.store.ledger_check import verify
from tests.pipelines.reading_room import PEOPLE, SIGNERS, furnish
from tests.store.ledger_of_reads import ANNA, by_hand, mask, write, written

CORELAB = Path(sys.executable).parent / "corelab"


def ledger(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CORELAB, "ledger", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    written(tmp_path / "reads.sqlite")
    return tmp_path


def test_a_sound_ledger_passes_and_its_head_can_be_noted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    furnish(out)
    beside = {path.name for path in out.iterdir()}
    done = ledger("verify", out)
    assert done.returncode == 0, done.stderr
    assert f"{len(PEOPLE)} entries, none changed, gone or moved" in done.stdout
    assert "only with --expect" in done.stdout
    head = ledger("head", out).stdout.strip()
    assert head == str(verify(out / "reads.sqlite").head)
    expected = ledger("verify", out, "--expect", head)
    assert expected.returncode == 0
    assert "--expect" not in expected.stdout
    assert {path.name for path in out.iterdir()} == beside


def test_an_entry_that_its_author_may_not_write_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    furnish(out)
    with open_ledger(out / "reads.sqlite") as opened:
        sent = {"subject_code": "AAAA22", "visit": "fu24h", "reason": "I say so"}
        opened.append(SIGNERS["stan"], "case_excluded", sent, after=len(PEOPLE))
    assert verify(out / "reads.sqlite").is_sound
    done = ledger("verify", out)
    assert done.returncode == 1
    told = f"entry {len(PEOPLE) + 1}: wrong_role: found case_excluded by stan, who is statistician"
    assert told in done.stderr.replace("\n", " ")


def test_the_entry_at_fault_is_named_and_no_head_given(out: Path) -> None:
    by_hand(out / "reads.sqlite", "UPDATE entry SET author = 'ben' WHERE sequence = 7")
    done = ledger("verify", out)
    assert done.returncode == 1
    assert "THE LEDGER IS NOT AS IT WAS WRITTEN: entry 7 is not as it was written" in done.stdout
    head = ledger("head", out)
    assert (head.returncode, head.stdout) == (1, "")


def test_a_cut_end_shows_against_the_noted_head(out: Path) -> None:
    head = ledger("head", out).stdout.strip()
    by_hand(out / "reads.sqlite", "DELETE FROM entry WHERE sequence > 5")
    done = ledger("verify", out, "--expect", head)
    assert done.returncode == 1
    assert "entry 6 is gone" in done.stdout


def test_what_is_no_head_and_where_no_ledger_is_are_told(out: Path, tmp_path: Path) -> None:
    assert "expected SEQUENCE:DIGEST" in ledger("verify", out, "--expect", "abc").stderr
    (tmp_path / "empty").mkdir()
    for command in ("verify", "head", "show"):
        done = ledger(command, tmp_path / "empty")
        assert done.returncode == 2
        assert "there is no ledger" in done.stderr


def test_every_entry_is_a_line_of_plain_text_without_masks(out: Path) -> None:
    with open_ledger(out / "reads.sqlite") as opened:
        write(opened, ANNA, "read_opened", {"comment": "red \x1b[31m\nnext line"})
    done = ledger("show", out)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 9
    assert "anna  read signed: comment motion, größer als sonst; " in lines[6]
    assert "infarct_volume_ml 12.3456" in lines[6]
    assert r"red \x1b[31m\nnext line" in lines[8]
    assert len(ledger("show", out, "--after", "6").stdout.splitlines()) == 3


def test_programs_get_an_object_a_line(out: Path) -> None:
    done = ledger("show", out, "--format", "json")
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["sequence"] for entry in entries] == list(range(1, 9))
    assert entries[6]["payload"]["mask_sha256"] == mask(2).sha256
    assert entries[7]["previous"] == entries[6]["digest"]
    assert verify(out / "reads.sqlite").head.digest.hex() == entries[7]["digest"]


def test_a_backup_is_checked_and_never_written_over(out: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.sqlite"
    with open_ledger(out / "reads.sqlite") as opened:
        write(opened, ANNA, "read_opened", {"read_id": "r2"})
        done = ledger("backup", out, file)
    assert done.returncode == 0, done.stderr
    assert str(verify(file).head) in done.stdout
    assert verify(file).head.sequence == 9
    before = file.read_bytes()
    again = ledger("backup", out, file)
    assert (again.returncode, file.read_bytes()) == (2, before)
    assert "never written over" in again.stderr
