"""The sample delivery to blinded NIfTI without a trial, through the command line."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from corelab.blinding.audit import audit
from corelab.dicom.index import index

REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "sample_data"
CORELAB = Path(sys.executable).parent / "corelab"


def convert(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(CORELAB), "convert", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("convert")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    return convert(
        SAMPLE / "incoming",
        folder / "out",
        *("--subjects", SAMPLE / "subjects.csv", "--list", folder / "who.csv", "--equidistant"),
    )


def test_one_truncated_series_ends_with_status_1_and_the_books_close(
    done: subprocess.CompletedProcess[str],
) -> None:
    assert done.returncode == 1, done.stderr
    assert "464 files = 441 used + 2 not needed + 0 duplicate + 21 quarantined" in done.stdout
    assert "22 images written, 2 with a straightened copy" in done.stdout


def test_the_list_leads_from_each_patient_to_each_image(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    with (folder / "who.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with (SAMPLE / "subjects.csv").open(newline="", encoding="utf-8") as stream:
        codes = {row["patient_id"]: row["subject_code"] for row in csv.DictReader(stream)}
    images = [row for row in rows if row["image"]]
    for row in images:
        assert row["image"].startswith(f"sub-{codes[row['patient_id']]}/ses-"), done.stderr
        assert (folder / "out" / row["image"]).is_file()
    on_disk = [path for path in (folder / "out").rglob("*.nii.gz") if "_rec-" not in path.name]
    assert len(images) == len(on_disk) == 22
    refused = [row["reason_code"] for row in rows if row["outcome"] == "quarantined"]
    assert refused == ["pixels_truncated"]


def test_nothing_identifying_stands_below_out(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert done.returncode == 1
    identities = [series.identity for series in index(SAMPLE / "incoming").series]
    texts = {text for identity in identities for text in identity.texts}
    assert len(texts) > 100
    assert {identity.patient_id for identity in identities} <= {known.text for known in texts}
    assert audit(folder / "out", texts).is_clean


def test_every_image_has_its_sidecar_and_nothing_else_lies_there(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert done.returncode == 1
    found = [path for path in (folder / "out").rglob("*") if path.is_file()]
    stems = {path.name.removesuffix(".nii.gz") for path in found if path.suffix == ".gz"}
    assert {path.stem for path in found if path.suffix == ".json"} - stems == {
        "dataset_description"
    }
    assert len(found) == 2 * len(stems) + 1
    for path in found:
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))


def test_the_same_command_elsewhere_gives_the_same_bytes(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert done.returncode == 1
    options = ("--subjects", SAMPLE / "subjects.csv", "--equidistant", "--workers", 1)
    again = convert(SAMPLE / "incoming", folder / "again", *options)
    assert again.returncode == 1
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (folder / "out", folder / "again")
    )
    assert first == second


def test_a_wrong_subjects_file_ends_with_status_2_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "subjects.csv").write_text("patient,code\nA,B\n")
    wrong = convert(SAMPLE / "incoming", tmp_path / "out", "--subjects", tmp_path / "subjects.csv")
    assert wrong.returncode == 2
    assert "patient_id" in wrong.stderr
    assert not (tmp_path / "out").exists()
