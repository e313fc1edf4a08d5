from __future__ import annotations

import os
from pathlib import Path

import pytest

from corelab.errors import ReasonCode, StoreError, UnfitDataError
from pipelines.cli import EXIT_INCIDENT
from pipelines.followup import BatchRequest
from pipelines.incident import IncidentError, incidents_kept
from pipelines.run_command import run_command
from pipelines.workers import Workers
from tests.conftest import REPOSITORY

SECRET = "/site/Doe^Jane/7113417.dcm"  # noqa: S105 - a path that names a patient


def test_a_bug_becomes_a_number_and_its_details_stay_in_the_vault(tmp_path: Path) -> None:
    for number in (1, 2):
        with (
            pytest.raises(IncidentError, match=f"incident {number}") as caught,
            incidents_kept(tmp_path),
        ):
            raise KeyError(SECRET)
        assert SECRET not in str(caught.value)
        assert caught.value.__suppress_context__
        kept = tmp_path / "log" / f"incident-{number}.txt"
        assert SECRET in kept.read_text()
        assert kept.stat().st_mode & 0o077 == 0
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0


def test_errors_that_a_user_can_mend_pass(tmp_path: Path) -> None:
    for error in (StoreError("locked"), UnfitDataError(ReasonCode.NOT_DICOM, "no")):
        with pytest.raises(type(error)), incidents_kept(tmp_path):
            raise error
    with pytest.raises(KeyboardInterrupt), incidents_kept(tmp_path):
        raise KeyboardInterrupt
    assert not (tmp_path / "log").exists()


def test_where_nothing_can_be_kept_nothing_is_shown_either(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("in the way")
    with (
        pytest.raises(IncidentError, match="no details were kept") as caught,
        incidents_kept(tmp_path / "vault"),
    ):
        raise KeyError(SECRET)
    assert SECRET not in str(caught.value)


def test_a_name_that_is_no_utf8_is_kept_spelled_out(tmp_path: Path) -> None:
    with pytest.raises(IncidentError), incidents_kept(tmp_path):
        raise KeyError(os.fsdecode(b"M\xfcller"))
    assert "udcfcller" in (tmp_path / "log" / "incident-1.txt").read_text()


def test_what_a_run_does_not_foresee_is_a_number_on_its_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Doe^Jane.txt").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "problems.csv").write_bytes(b"\xff\xfe")  # somebody's editor was here
    request = BatchRequest(
        incoming=tmp_path / "in",
        trial_file=REPOSITORY / "configs" / "demo.toml",
        out=tmp_path / "out",
        subjects_file=None,
        vault=tmp_path / "vault",
    )
    assert run_command(request, Workers(count=1, scheduler=None)) == EXIT_INCIDENT
    said = capsys.readouterr()
    assert "incident 1" in said.err
    assert "Traceback" not in said.err + said.out
    assert "Doe" not in said.err + said.out
    assert "UnicodeDecodeError" in (tmp_path / "vault" / "log" / "incident-1.txt").read_text()
