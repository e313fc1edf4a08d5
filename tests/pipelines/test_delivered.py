"""Every file of a delivery with its SHA-256, and hours from the reference time, over whole runs."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

import pydicom
import pytest

from corelab.blinding.vault import open_vault
from corelab.dicom.digest import bytes_digest
from corelab.dicom.index import Here, index
from corelab.store.layout import Layout
from corelab.store.record import load_read
from pipelines import delivered
from pipelines.engine import Engine
from pipelines.followup import BatchRequest, BatchResult, run_batch
from pipelines.progress import Silent
from tests.dicom.archiving import pack

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
SUBJECT = "Delacourt_Rosamund 009809779"
COLUMNS = "patient_id,subject_code,reference_time\n"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """One subject, a copy of one image, a letter, a folder record."""
    folder = tmp_path / "incoming"
    shutil.copytree(SAMPLE / "incoming" / SUBJECT, folder / SUBJECT)
    first = min(path for path in (folder / SUBJECT).rglob("*") if path.is_file())
    shutil.copy(first, folder / "copy.dcm")
    (folder / "letter.txt").write_text("Dear colleague")
    (folder / "DICOMDIR").write_bytes(b"record")
    return folder


def run(incoming: Path, home: Path, engine: Engine, reference: str) -> BatchResult:
    subjects = home / "subjects.csv"
    subjects.write_text(f"{COLUMNS}009809779,GYC4D4,{reference}\n")
    request = BatchRequest(
        incoming=incoming,
        trial_file=REPOSITORY / "configs" / "demo.toml",
        out=home / "out",
        subjects_file=subjects,
        vault=home / "vault",
    )
    return run_batch(request, engine, Silent())


def fates(home: Path, number: int) -> dict[str, tuple[str, str]]:
    with open_vault(home / "vault") as vault:
        return {file.path: (file.sha256, file.fate) for file in vault.ledger.files_of(number)}


def test_a_run_keeps_every_file_with_its_digest_and_the_hours_of_its_scan(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    image = next(path for path in sorted((incoming / SUBJECT).rglob("*")) if path.is_file())
    assert pydicom.dcmread(image).StudyDate == "20241122"
    first = run(incoming, tmp_path, engine, "2024-11-21T07:54:26")
    (read,) = first.reads
    assert (read.visit, read.hours_from_reference) == ("fu24h", 24.0)
    assert dict(read.parameters)["hours_from_onset"] == 24.0
    assert load_read(Layout(tmp_path / "out").read(read.case)).hours_from_reference == 24.0
    with (tmp_path / "out" / "volumes.csv").open(encoding="utf-8") as stream:
        assert [row["hours_from_reference"] for row in csv.DictReader(stream)] == ["24.0"]

    kept = fates(tmp_path, 1)
    files = [path for path in incoming.rglob("*") if path.is_file()]
    assert {path: sha for path, (sha, _) in kept.items()} == {
        str(path): digest(path.read_bytes()) for path in files
    }
    told = [fate for _, fate in kept.values()]
    assert told.count("duplicate") == first.counts.n_duplicate == 1
    assert told.count("quarantined") == first.counts.n_quarantined == 1
    assert kept[str(incoming / "DICOMDIR")][1] == "not needed"
    assert told.count("used") == first.counts.n_used

    again = run(incoming, tmp_path, engine, "2024-11-21T07:54:26")
    assert again.new_keys == frozenset()
    (incoming / "letter.txt").write_text("Dear colleague, again")
    run(incoming, tmp_path, engine, "2024-11-21T07:54:26")
    second = fates(tmp_path, 2)
    assert second[str(incoming / "letter.txt")][0] == digest(b"Dear colleague, again")
    assert fates(tmp_path, 1) == kept
    with open_vault(tmp_path / "vault") as vault:
        assert [batch.delivery for batch in vault.ledger.batches()] == [1, 1, 2]

    moved = run(incoming, tmp_path, engine, "2024-11-01T07:54:26")
    assert moved.reads == ()
    (problem,) = moved.problems
    assert problem.reason_code == "visit_unknown"
    assert "504.0 h from the reference time" in problem.message
    assert not (tmp_path / "out" / "sub-GYC4D4" / "ses-fu24h").exists()


def test_members_of_archives_and_the_archives_have_digests(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "site").mkdir(parents=True)
    (folder / "site" / "a.txt").write_bytes(b"first")
    (folder / "site" / "b.txt").write_bytes(b"second")
    archive = pack(folder / "site", tmp_path / "site.zip")
    shutil.rmtree(folder / "site")
    shutil.move(archive, folder / "site.zip")
    delivery = index(folder, Here())
    with open_vault(tmp_path / "vault") as vault:
        reader = _Reader()
        intake = delivered.intake_of(delivery, (), vault)
        files = delivered.delivered_files(intake, (), reader)  # type: ignore[arg-type]
        vault.note_delivery(folder, files)
        asked = list(reader.asked)
        again = delivered.intake_of(delivery, (), vault)
        delivered.delivered_files(again, (), reader)  # type: ignore[arg-type]
    kept = {file.path.name: (file.sha256, file.fate.value) for file in files}
    assert kept == {
        "site.zip": (digest((folder / "site.zip").read_bytes()), "archive"),
        "a.txt": (digest(b"first"), "quarantined"),
        "b.txt": (digest(b"second"), "quarantined"),
    }
    assert len(asked) == 3
    assert reader.asked == asked


class _Reader:
    """Takes digests in this process, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Path] = []

    def bytes_digests(self, paths: list[Path]) -> dict[Path, str]:
        self.asked += paths
        return {path: bytes_digest(path) for path in paths}
