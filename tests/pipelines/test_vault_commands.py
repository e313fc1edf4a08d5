"""``corelab vault`` as a data manager starts it."""

from __future__ import annotations

import csv
import os
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corelab.blinding.vault import open_vault
from corelab.blinding.vault_delivery import DeliveredFile, FileFate
from corelab.errors import ReasonCode
from corelab.series import LooseFile, Outcome, Refusal, SeriesVerdict
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.factories import make_series

CORELAB = Path(sys.executable).parent / "corelab"
CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
GAP = Refusal(reason=ReasonCode.MISSING_SLICE, message="a gap of 10.0 mm", evidence="after Doe/IM7")


def corelab(*words: str | Path, key: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "CORELAB_VAULT_KEY"}
    if key is not None:
        environment["CORELAB_VAULT_KEY"] = key
    return subprocess.run(
        [CORELAB, *words], capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


@pytest.fixture
def vault(tmp_path: Path, incoming: Path) -> Path:
    """One person, a used and a held series, and a few loose files with names of ill will."""
    series = make_series()
    identity = replace(series.identity, acquired_at=datetime(2026, 1, 14, 9, 30, tzinfo=UTC))
    used = replace(series, identity=identity, files=(incoming / "IM1",), frames=())
    held = replace(used, identity=replace(identity, series_uid="1.2.3.2"), refusal=GAP)
    held = replace(held, files=(incoming / "IM2", incoming / "IM3"))
    stranger = replace(make_series("=cmd|' /C calc'!A0", "1.2.9"), files=(incoming / "IM4",))
    unknown = Refusal(reason=ReasonCode.SUBJECT_UNKNOWN, message="a study's patient is unknown")
    cut = Refusal(reason=ReasonCode.HEADER_CUT, message="the header ends early")
    letter = Refusal(reason=ReasonCode.NOT_DICOM, message="no DICOM")
    evil = incoming / "x\u202egnp.[red]\x1b[31m\u200bexe"
    with open_vault(tmp_path / "vault", command="run") as opened:
        opened.bind("PAT-0077", CASE.subject_code)
        opened.start_batch(("0.1", "NCT0", "abc"), tmp_path / "results")
        opened.note_series(
            [
                SeriesVerdict(series=used, case=CASE, outcome=Outcome.USED, why="as ct"),
                SeriesVerdict(
                    series=held,
                    case=CASE,
                    outcome=Outcome.QUARANTINED,
                    why=GAP.message,
                    refusal=GAP,
                ),
                SeriesVerdict(
                    series=replace(stranger, frames=()),
                    case=None,
                    outcome=Outcome.QUARANTINED,
                    why=unknown.message,
                    refusal=unknown,
                ),
            ]
        )
        opened.note_loose(
            incoming,
            [LooseFile(path=evil, refusal=cut), LooseFile(path=incoming / "l", refusal=letter)],
        )
        names = ("IM1", "IM2", "IM3", "IM4", evil.name, "l")
        opened.note_delivery(
            incoming,
            [
                DeliveredFile(path=incoming / name, sha256="ab" * 32, stamp="1", fate=FileFate.USED)
                for name in names
            ],
        )
    return tmp_path / "vault"


def test_show_lists_deliveries(vault: Path, incoming: Path) -> None:
    done = corelab("vault", "show", vault)
    assert done.returncode == 0, done.stderr
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("1 "))
    assert row[3:] == ["6", "6", "0", "0", "0", "0", str(incoming)]
    assert "1 person, 2 studies of which 1 are visits; 4 held back" in done.stdout


def test_show_lists_people_cases_batches_and_files(vault: Path) -> None:
    done = corelab("vault", "show", vault, "--people", "--cases", "--batches", "--delivery", "1")
    assert done.returncode == 0, done.stderr
    for text in ("PAT-0077", "KX4M7P", "fu24h", "2026-01-14T09:30:00", "not finished", "ab" * 32):
        assert text in done.stdout


def test_show_refuses_a_delivery_that_is_not_there(vault: Path) -> None:
    done = corelab("vault", "show", vault, "--delivery", "7")
    assert (done.returncode, done.stderr.strip()) == (2, "the vault holds no delivery 7")


def test_every_command_leaves_a_line_in_the_log(vault: Path, tmp_path: Path) -> None:
    corelab("vault", "show", vault)
    corelab("vault", "query", vault)
    corelab("vault", "export", vault, tmp_path / "who.csv")
    (tmp_path / "results").mkdir()
    corelab("audit", tmp_path / "results", "--vault", vault)
    done = corelab("vault", "show", vault, "--log")
    assert done.returncode == 0
    told = [line.split()[3] for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert told[:6] == ["run", "show", "query", "export", "audit", "show"]
    assert "none changed or gone" in done.stdout


def test_a_log_that_was_changed_behind_corelab_is_a_problem(vault: Path) -> None:
    connection = sqlite3.connect(vault / "vault.sqlite")
    connection.executescript("DROP TRIGGER log_is_not_changed; UPDATE log SET command = 'show';")
    connection.close()
    done = corelab("vault", "show", vault, "--log")
    assert done.returncode == 1
    assert "THE LOG IS NOT AS IT WAS WRITTEN: line 1" in done.stdout


def test_query_says_whom_to_ask_what(vault: Path, incoming: Path) -> None:
    done = corelab("vault", "query", vault)
    assert done.returncode == 1
    text = done.stdout
    assert "missing_slice, KX4M7P fu24h, patient PAT-0077, study 1.2.3, series 1.2.3.2" in text
    assert "found     a gap of 10.0 mm" in text
    assert "evidence  after Doe/IM7" in text
    assert f"2 files in {incoming}: IM2, IM3" in text
    assert "ask the site: At least one slice is missing in this series." in text
    assert "ask the data manager: The study carries no patient identifier" in text
    assert "not_dicom" not in text
    assert "3 held back" in text
    assert "not_dicom" in corelab("vault", "query", vault, "--all").stdout


def test_signs_that_steer_a_terminal_are_spelled_out(vault: Path) -> None:
    for command in ("query", "show"):
        options = ("--delivery", "1") if command == "show" else ()
        text = corelab("vault", command, vault, *options).stdout
        assert r"x\u202egnp.[red]\x1b[31m\u200bexe" in text
        assert not {"\u202e", "\x1b", "\u200b"} & set(text)


def test_a_query_file_is_for_its_owner_and_runs_no_formula(vault: Path, tmp_path: Path) -> None:
    target = tmp_path / "queries.csv"
    assert corelab("vault", "query", vault, "--csv", target).returncode == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["reason_code"] for row in rows} == {
        "missing_slice",
        "subject_unknown",
        "header_cut",
    }
    assert {row["patient_id"] for row in rows} == {"PAT-0077", "'=cmd|' /C calc'!A0", ""}


def test_the_crosswalk_is_exported_for_its_owner_alone(vault: Path, tmp_path: Path) -> None:
    target = tmp_path / "who.csv"
    done = corelab("vault", "export", vault, target)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with target.open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["patient_id"], row["subject_code"]) == ("PAT-0077", "KX4M7P")
    assert "PAT-0077" not in done.stdout


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ("results/sub/who.csv", "inside OUT"),
        ("elsewhere/who.csv", "inside OUT"),
        ("vault/who.csv", "inside VAULT"),
        ("incoming/who.csv", "inside INCOMING"),
    ],
)
def test_an_export_where_others_look_is_refused(
    vault: Path, tmp_path: Path, place: str, word: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dataset_description.json").write_text("{}")
    for command in (
        ("export", vault, tmp_path / place),
        ("query", vault, "--csv", tmp_path / place),
    ):
        done = corelab("vault", *command)
        assert done.returncode == 2
        assert word in done.stderr
        assert not (tmp_path / place).exists()


def test_a_folder_without_a_vault_stays_as_it_is(tmp_path: Path) -> None:
    done = corelab("vault", "show", tmp_path)
    assert done.returncode == 2
    assert "holds no vault" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["show", "query"])
def test_a_wrong_or_missing_key_is_said_in_plain_words(vault: Path, command: str) -> None:
    wrong = corelab("vault", command, vault, key="ab" * 32)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "the variable CORELAB_VAULT_KEY is not the key of the vault" in wrong.stderr
    vault.with_name("vault.key").rename(vault.with_name("moved.key"))
    missing = corelab("vault", command, vault)
    assert missing.returncode == 2
    assert "its key is not" in missing.stderr
    found = corelab("vault", command, vault, "--vault-key", vault.with_name("moved.key"))
    assert found.returncode in {0, 1}
    assert "Traceback" not in wrong.stderr + missing.stderr + found.stderr
