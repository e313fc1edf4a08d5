from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from corelab.store.layout import Layout
from corelab.store.table import write_tables
from corelab.vocab import Problem
from pipelines.cli import app
from tests.dicom.archiving import pack, zip_of
from tests.dicom.tiny import write_stack
from tests.pipelines.reading_room import know_a_patient

VOLUMES = "subject_code,visit,infarct_volume_ml\nA,v,10\nB,v,20\nC,v,30\nD,v,\n"
REFERENCE = "subject_code,visit,infarct_volume_ml\nA,v,11\nB,v,19\nC,v,33\nE,v,5\n"


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_agreement_prints_every_case_and_writes_a_plot(tmp_path: Path) -> None:
    (tmp_path / "volumes.csv").write_text(VOLUMES)
    (tmp_path / "reference.csv").write_text(REFERENCE)
    plot = tmp_path / "plot.png"
    done = call("agreement", tmp_path, "--reference", tmp_path / "reference.csv", "--plot", plot)
    assert done.exit_code == 0, done.output
    assert "3 cases: bias -1.00 mL" in done.output
    assert plot.read_bytes().startswith(b"\x89PNG")
    first = plot.read_bytes()
    call("agreement", tmp_path, "--reference", tmp_path / "reference.csv", "--plot", plot)
    assert plot.read_bytes() == first


@pytest.mark.parametrize("text", ["n/a", "nan", "inf", "-3"])
def test_a_reference_that_is_no_volume_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "volumes.csv").write_text(VOLUMES)
    (tmp_path / "reference.csv").write_text(REFERENCE.replace("33", text))
    done = call("agreement", tmp_path, "--reference", tmp_path / "reference.csv")
    assert done.exit_code == 2
    assert f"line 4: '{text}' is no volume" in done.stderr


def test_two_reference_volumes_of_one_case_are_refused(tmp_path: Path) -> None:
    (tmp_path / "volumes.csv").write_text(VOLUMES)
    (tmp_path / "reference.csv").write_text(REFERENCE + "A,v,12\n")
    done = call("agreement", tmp_path, "--reference", tmp_path / "reference.csv")
    assert done.exit_code == 2
    assert "line 6: a second row of A v" in done.stderr


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A locked OUT without a case."""
    out, vault = tmp_path / "out", tmp_path / "vault"
    write_tables(Layout(out), [], "NCT0")
    know_a_patient(vault)
    done = call("lock", out, "--reason", "database lock", "--vault", vault)
    assert done.exit_code == 0, done.output
    return out


def test_lock_verify_and_a_changed_table(locked: Path) -> None:
    assert call("verify", locked).exit_code == 0
    (locked / "volumes.csv").write_text("changed")
    done = call("verify", locked)
    assert done.exit_code == 1
    assert "changed: volumes.csv" in done.output


def test_lock_with_open_problems_is_refused(tmp_path: Path) -> None:
    problem = Problem(subject_code="A", visit="v", reason_code="missing_slice", message="gap")
    write_tables(Layout(tmp_path), [problem], "NCT0")
    done = call("lock", tmp_path, "--reason", "database lock")
    assert done.exit_code == 2
    assert "1 open problems" in done.stderr


def test_tables_rebuilds_and_says_that_problems_are_open(tmp_path: Path) -> None:
    problem = Problem(subject_code="A", visit="v", reason_code="missing_slice", message="gap")
    write_tables(Layout(tmp_path), [problem], "NCT0")
    done = call("tables", tmp_path)
    assert done.exit_code == 1
    assert "missing_slice" in (tmp_path / "qa" / "index.html").read_text("utf-8")
    assert json.loads((tmp_path / "dataset_description.json").read_text())["DatasetType"]


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("csv", {"volumes.csv"}),
        ("parquet", {"volumes.parquet"}),
        ("xpt", {"volumes.xpt"}),
        ("dataset-json", {"volumes.json"}),
        ("sqlite", {"tables.sqlite"}),
        (
            "all",
            {"volumes.csv", "volumes.parquet", "volumes.xpt", "volumes.json", "tables.sqlite"},
        ),
    ],
)
def test_tables_are_written_in_the_form_that_is_asked_for(
    form: str, written: set[str], tmp_path: Path
) -> None:
    pytest.importorskip("pyreadstat", reason="pyreadstat is not installed (extra xpt)")
    write_tables(Layout(tmp_path), [], "NCT0")
    (tmp_path / "batch.json").write_text('{"trial_id": "NCT0", "visits": ["fu24h"]}')
    assert call("tables", tmp_path, "--format", form).exit_code == 0
    found = {path.name for path in (tmp_path / "tables").iterdir()}
    assert {name for name in found if name.startswith(("volumes", "tables"))} == written
    assert "define.xml" in found


def test_tables_in_further_forms_are_of_a_known_trial(tmp_path: Path) -> None:
    write_tables(Layout(tmp_path), [], "NCT0")
    refused = call("tables", tmp_path, "--format", "csv")
    assert refused.exit_code == 2
    assert "batch.json names no trial" in refused.stderr
    (tmp_path / "batch.json").write_text('{"trial_id": "NCT0", "visits": ["fu24h"]}')
    assert call("tables", tmp_path, "--format", "csv").exit_code == 0
    assert "NCT0.define" in (tmp_path / "tables" / "define.xml").read_text("utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "no-such-folder", "--trial", "x.toml", "--out", "o"),
        ("segment", "no-such-file.nii.gz", "--out", "o"),
        ("nonsense",),
    ],
)
def test_wrong_usage_ends_with_status_2(words: tuple[str, ...]) -> None:
    assert call(*words).exit_code == 2


def test_a_file_that_is_no_image_is_named_and_measured_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.nii").write_bytes(b"no image")
    done = call("segment", tmp_path / "x.nii", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "x.nii was not measured: image_invalid" in done.stderr
    assert not list(tmp_path.glob("out/*"))


def test_an_adc_without_a_b_value_is_wrong_usage(tmp_path: Path) -> None:
    for name in ("dwi.nii", "adc.nii"):
        (tmp_path / name).write_bytes(b"x")
    done = call("segment", tmp_path / "dwi.nii", "--adc", tmp_path / "adc.nii", "--out", tmp_path)
    assert done.exit_code == 2
    assert "--bvalue" in done.stderr


@pytest.mark.parametrize("option", ["--flair", "--hours"])
def test_what_goes_with_a_dwi_is_wrong_usage_without_a_b_value(option: str, tmp_path: Path) -> None:
    image = tmp_path / "dwi.nii"
    image.write_bytes(b"x")
    value = "24" if option == "--hours" else image
    done = call("segment", image, option, value, "--out", tmp_path)
    assert done.exit_code == 2
    assert "--bvalue" in done.stderr


def test_an_audit_without_a_vault_proves_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = call("audit", tmp_path, "--vault", tmp_path / "folder")
    assert done.exit_code == 2
    assert "holds no vault" in done.stderr.replace("\n", "")


def test_inspect_names_everything_that_is_no_dicom_in_signs_that_any_terminal_shows(
    tmp_path: Path,
) -> None:
    write_stack(tmp_path / "in" / "series")
    pack(tmp_path / "in" / "series", tmp_path / "in" / "again.zip")
    zip_of(tmp_path / "in" / os.fsdecode(b"M\xfcller\x1b.zip"), [("../x", b"x")])
    (tmp_path / "in" / "link").symlink_to("/etc")
    done = call("inspect", tmp_path / "in")
    assert done.exit_code == 0, done.output
    unsafe = next(line for line in done.output.splitlines() if "archive_unsafe" in line)
    assert unsafe.startswith("1 file archive_unsafe: ")
    assert unsafe.endswith(": M\\xfcller\\x1b.zip")
    assert "1 file not_a_file: a link, which is not followed: link" in done.output
    assert "11 files = " in done.output
    assert "5 duplicate + 1 quarantined; 1 skipped" in done.output


def test_many_files_of_one_fault_are_one_line_with_their_count_and_examples(
    tmp_path: Path,
) -> None:
    write_stack(tmp_path / "in" / "series")
    for number in range(50):
        (tmp_path / "in" / f"note{number:02}.txt").write_text("a note of the site")
    done = call("inspect", tmp_path / "in")
    lines = [line for line in done.output.splitlines() if "not_dicom" in line]
    [line] = lines
    assert line.startswith("50 files not_dicom: ")
    assert line.endswith(": note00.txt, note01.txt, note02.txt and 47 more")


def test_an_archive_alone_can_be_inspected(tmp_path: Path) -> None:
    write_stack(tmp_path / "series")
    archive = pack(tmp_path / "series", tmp_path / "site.tar.gz")
    done = call("inspect", archive)
    assert done.exit_code == 0, done.output
    assert "5 files = " in done.output


def test_tables_of_a_locked_out_stay_as_they_are(locked: Path) -> None:
    assert call("tables", locked).exit_code == 2
