"""Standard error of real runs, as a program reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from pipelines.log import LogFormat, log_as, tell
from pipelines.telling import complain
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "sample_data"
CORELAB = Path(sys.executable).parent / "corelab"
MEASURED, BLANK = "Delacourt_Rosamund 009809779", "Soerbye_Ingeborg MRN-2225682"
IDENTIFYING = ("Delacourt", "Rosamund", "009809779", "Soerbye", "Ingeborg", "2225682", "2.25.")
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

Line = dict[str, object]


def run(folder: Path, *, trial: Path) -> tuple[subprocess.CompletedProcess[str], list[Line]]:
    command = [CORELAB, "run", "incoming", "--trial", trial, "--out", "out", "--vault", "vault"]
    done = subprocess.run(
        [*command, "--subjects", SAMPLE / "subjects.csv", "--workers", "2", "--log-format", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, [json.loads(line) for line in done.stderr.splitlines()]


def blank(folder: Path) -> None:
    """Leave no head in any image."""
    for path in folder.rglob("*"):
        if path.is_file() and pydicom.misc.is_dicom(path):
            image = pydicom.dcmread(path)
            if "PixelData" in image:
                image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
                image.PixelData = bytes(image.Rows * image.Columns * image.BitsAllocated // 8)
                image["PixelData"].is_undefined_length = False
                image.save_as(path)


def test_every_line_of_a_run_is_json_and_tells_each_case_by_its_code_alone(tmp_path: Path) -> None:
    for name in (MEASURED, BLANK):
        shutil.copytree(SAMPLE / "incoming" / name, tmp_path / "incoming" / name)
    blank(tmp_path / "incoming" / BLANK)
    done, lines = run(tmp_path, trial=REPOSITORY / "configs" / "demo.toml")
    assert done.returncode == 1
    assert "Infarct volumes" in done.stdout
    assert all(UTC.fullmatch(str(line["time"])) for line in lines)
    cases = {line["subject_code"]: line for line in lines if line["event"] == "case"}
    assert set(cases) == {"GYC4D4", "LDJGHF"}
    measured, failed = cases["GYC4D4"], cases["LDJGHF"]
    assert (measured["level"], measured["visit"]) == ("info", "fu24h")
    assert isinstance(measured["seconds"], float)
    assert (failed["level"], failed["reason_code"]) == ("warning", "head_not_found")
    ends = {line["stage"]: line for line in lines if line["event"] == "stage_done"}
    assert ends["measuring cases"]["failed"] == 1
    assert ends["reading headers"]["done"] == ends["reading headers"]["total"]
    assert not [text for text in IDENTIFYING if text in done.stderr]


def test_a_run_that_is_refused_says_so_in_one_json_line(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "trial.toml").write_text("[trial]\nid = 3\n")
    done, (line,) = run(tmp_path, trial=tmp_path / "trial.toml")
    assert done.returncode == 2
    assert (line["level"], line["event"]) == ("error", "error")
    assert "trial.id: found 3" in str(line["message"])


def test_text_is_what_is_written_before_and_after(capsys: pytest.CaptureFixture[str]) -> None:
    complain("first")
    with log_as(LogFormat.JSON):
        complain("second")
    tell("third", "third", {})
    first, second, third = capsys.readouterr().err.splitlines()
    assert (first, third) == ("first", "third")
    assert json.loads(second)["message"] == "second"
