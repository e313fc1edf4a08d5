"""One small delivery run again: packed otherwise, and with other pixels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from corelab.blinding.vault import open_vault
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.vocab import QcFlag
from pipelines.engine import Engine
from pipelines.followup import BatchRequest, BatchResult, run_batch
from pipelines.progress import Silent
from tests.dicom.archiving import pack

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
SUBJECT = "Delacourt_Rosamund 009809779"
READ = "sub-GYC4D4_ses-fu24h_desc-infarct_read.json"


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE / "incoming" / SUBJECT, tmp_path / "incoming" / SUBJECT)
    return tmp_path / "incoming"


def run(incoming: Path, home: Path, engine: Engine) -> BatchResult:
    request = BatchRequest(
        incoming=incoming,
        trial_file=REPOSITORY / "configs" / "demo.toml",
        out=home / "out",
        subjects_file=SAMPLE / "subjects.csv",
        vault=home / "vault",
    )
    return run_batch(request, engine, Silent())


def content(home: Path) -> dict[str, bytes]:
    out = home / "out"
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "batch.json"
    }


def change_pixels(incoming: Path) -> None:
    """Change one pixel of one diffusion slice, under its old identifiers."""
    files = sorted(path for path in incoming.rglob("*") if path.is_file())
    path = next(path for path in files if pydicom.dcmread(path).SeriesNumber == 1)
    slice_ = pydicom.dcmread(path)
    slice_.decompress(generate_instance_uid=False)
    values = np.array(slice_.pixel_array)
    values[0, 0] += 1
    slice_.PixelData = values.tobytes()
    slice_.save_as(path)


def numbers(home: Path) -> set[int]:
    """Newest version numbers of all sources that the vault holds."""
    studies = {line.split(",")[3] for line in (SAMPLE / "subjects.csv").read_text().split()}
    with open_vault(home / "vault") as vault:
        return {source.number for source in vault.source_versions(studies)}


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.zst"])
def test_a_packed_delivery_gives_the_same_bytes(
    delivery: Path, tmp_path: Path, engine: Engine, kind: str
) -> None:
    plain = run(delivery, tmp_path / "plain", engine)
    (tmp_path / "packed").mkdir()
    pack(delivery, tmp_path / "packed" / f"site.{kind}")
    packed = run(tmp_path / "packed", tmp_path / "other", engine)
    assert len(packed.reads) == 1
    assert packed.counts == plain.counts
    assert packed.reads == plain.reads
    assert content(tmp_path / "other") == content(tmp_path / "plain")


def test_the_same_pixels_packed_otherwise_are_no_new_version(
    delivery: Path, tmp_path: Path, engine: Engine
) -> None:
    run(delivery, tmp_path, engine)
    before = content(tmp_path)
    (tmp_path / "packed").mkdir()
    pack(delivery, tmp_path / "packed" / "site.zip")
    again = run(tmp_path / "packed", tmp_path, engine)
    assert (again.changed, again.new_keys) == ((), frozenset())
    assert content(tmp_path) == before
    assert numbers(tmp_path) == {1}


def test_other_pixels_are_a_new_version_and_flag_the_case_for_good(
    delivery: Path, tmp_path: Path, engine: Engine
) -> None:
    first = run(delivery, tmp_path, engine)
    (before,) = first.reads
    assert first.changed == ()
    shutil.copytree(delivery, tmp_path / "as first sent")
    assert QcFlag.SOURCE_CHANGED not in before.qc_flags
    change_pixels(delivery)
    second = run(delivery, tmp_path, engine)
    (changed,) = second.reads
    assert second.changed == (changed.case,)
    assert set(changed.qc_flags) - set(before.qc_flags) == {QcFlag.SOURCE_CHANGED}
    assert "source_changed" in (tmp_path / "out" / "volumes.csv").read_text()
    assert load_read(Layout(tmp_path / "out").version_folder(before.case, 1) / READ).version == 1
    assert second.notes[0].startswith("new version  ")
    assert numbers(tmp_path) == {1, 2}
    tables = content(tmp_path)
    third = run(delivery, tmp_path, engine)
    assert (third.changed, third.new_keys) == ((), frozenset())
    assert content(tmp_path) == tables
    older = run(tmp_path / "as first sent", tmp_path, engine)
    assert (older.changed, older.new_keys, older.reads[0].version) == ((), frozenset(), 2)
    assert "version 1 was measured on; version 2 stands" in older.notes[0]
    assert content(tmp_path) == tables
    assert numbers(tmp_path) == {1, 2}


def test_a_damaged_member_is_a_problem_and_no_crash(
    delivery: Path, tmp_path: Path, engine: Engine
) -> None:
    archive = pack(delivery, tmp_path / "incoming" / "site.zip")
    shutil.rmtree(delivery / SUBJECT)
    data = bytearray(archive.read_bytes())
    half = len(data) // 2
    data[half : half + 64] = bytes(64)
    archive.write_bytes(data)
    result = run(delivery, tmp_path, engine)
    assert result.reads == ()
    assert {problem.reason_code for problem in result.problems} <= {
        "archive_broken",
        "missing_slice",
        "header_cut",
        "pixels_truncated",
    }
    assert result.counts.n_files == first_count()


def first_count() -> int:
    return sum(path.is_file() for path in (SAMPLE / "incoming" / SUBJECT).rglob("*"))
