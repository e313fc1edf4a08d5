"""``corelab export-dicom`` over the sample: what was measured comes back, where it was measured."""

from __future__ import annotations

import csv
import hashlib
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from typer.testing import CliRunner, Result

from corelab.choosing.directions import direction_sets, images_of
from corelab.dicom.index import index
from corelab.series import CasePlan, PlannedImage
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.vocab import Case, Derivation, Modality, SubjectCode, VisitLabel
from pipelines.cli import app
from pipelines.sources import is_of_version, read_sources
from tests.dicom.seg_reading import masks_of, measured_in

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
MEASURED = (
    ("LDJGHF", "fu24h"),  # CT, gantry tilt
    ("W23926", "fu24h"),  # CT, uneven slices
    ("W8US6M", "fu24h"),  # CT, with blood
    ("6A9E5P", "fu24h"),  # CT, no infarct
    ("KAL9ND", "baseline"),
    ("KAL9ND", "fu24h"),
    ("GYC4D4", "fu24h"),
    ("TPGCGY", "fu24h"),
    ("G2KYYH", "fu24h"),  # DWI, no infarct
)
CODES = sorted({code for code, _ in MEASURED})
INFARCT, BLOOD = 1, 2


@dataclass(frozen=True)
class Batch:
    """The sample, measured."""

    incoming: Path
    out: Path
    vault: Path


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def export(batch: Batch, to: Path, *words: object) -> Result:
    return call("export-dicom", *words, "--out", batch.out, "--vault", batch.vault, "--to", to)


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def file_of(folder: Path, code: str, visit: str, kind: str) -> Path:
    return folder / f"sub-{code}_ses-{visit}_desc-infarct_{kind}.dcm"


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    return measured_sample(tmp_path_factory.mktemp("batch"))


def measured_sample(folder: Path) -> Batch:
    """The sample as a batch leaves it."""
    made = Batch(folder / "incoming", folder / "out", folder / "vault")
    shutil.copytree(SAMPLE / "incoming", made.incoming)
    words = ["run", made.incoming, "--trial", REPOSITORY / "configs" / "demo.toml"]
    words += ["--subjects", SAMPLE / "subjects.csv", "--out", made.out, "--vault", made.vault]
    done = call(*words, "--workers", 2)
    assert done.exit_code == 1, done.output
    return made


@pytest.fixture(scope="module")
def dicom(batch: Batch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given") / "dicom"
    done = export(batch, folder, *CODES)
    assert done.exit_code == 0, done.output
    return folder


def labels_of(out: Path, code: str, visit: str) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Labels on disk, and where each of their slices begins, LPS mm."""
    layout = Layout(out)
    case = Case(SubjectCode(code), VisitLabel(visit))
    contrast = next(m.contrast for m in Modality if layout.image(case, m.contrast).exists())
    image = load_image(layout.image(case, contrast))
    origins = np.array([image.slice_origin_mm(k) for k in range(image.shape[2])])
    labels = np.asarray(nibabel.load(layout.infarct_mask(case)).dataobj, dtype=np.uint8)
    return labels, origins * (-1, -1, 1)


def assert_mask_back(out: Path, dicom: Path, code: str, visit: str) -> None:
    labels, origins = labels_of(out, code, visit)
    segmentation = pydicom.dcmread(file_of(dicom, code, visit, "seg"))
    i, j, k = labels.shape
    masks = masks_of(segmentation, origins, (i, j, k))
    np.testing.assert_array_equal(masks[INFARCT], labels != 0)
    assert (BLOOD in masks) is bool((labels == BLOOD).any())
    if BLOOD in masks:
        np.testing.assert_array_equal(masks[BLOOD], labels == BLOOD)


def assert_volume_back(out: Path, dicom: Path, code: str, visit: str) -> None:
    """Compare the table's mL with the report's, and with those of the mask that was read back."""
    with (out / "volumes.csv").open(newline="") as stream:
        rows = {(row["subject_code"], row["visit"]): row for row in csv.DictReader(stream)}
    row = rows[code, visit]
    measured = measured_in(pydicom.dcmread(file_of(dicom, code, visit, "report")))
    assert {m.unit for m in measured} == {"mL UCUM"}
    assert measured[0].volume == float(row["infarct_volume_ml"])
    assert sum(m.volume for m in measured[1:]) == float(row["haemorrhage_in_infarct_ml"])

    labels, origins = labels_of(out, code, visit)
    segmentation = pydicom.dcmread(file_of(dicom, code, visit, "seg"))
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    gaps = np.diff(origins @ np.cross(cosines[:3], cosines[3:]))
    heights = np.abs(np.concatenate([gaps[:1], (gaps[:-1] + gaps[1:]) / 2, gaps[-1:]]))
    area = float(np.prod(shared.PixelMeasuresSequence[0].PixelSpacing))
    i, j, k = labels.shape
    mask = masks_of(segmentation, origins, (i, j, k))[INFARCT]
    volume_ml = float(mask.sum(axis=(0, 1)) @ heights) * area / 1000
    assert volume_ml == pytest.approx(float(row["infarct_volume_ml"]), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("code", "visit"), MEASURED)
def test_the_mask_comes_back_voxel_by_voxel(
    batch: Batch, dicom: Path, code: str, visit: str
) -> None:
    assert_mask_back(batch.out, dicom, code, visit)


@pytest.mark.parametrize(("code", "visit"), MEASURED)
def test_ml_of_report_and_of_read_back_mask_are_the_measured_volume(
    batch: Batch, dicom: Path, code: str, visit: str
) -> None:
    assert_volume_back(batch.out, dicom, code, visit)


@pytest.mark.parametrize("name", ["ct_ge_tilt_variable", "mr_siemens_xa30_dwi"])
def test_real_scans_come_back_voxel_by_voxel_and_in_ml(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    real = Batch(shared_data / "dicom" / name / "dicom", tmp_path / "out", tmp_path / "vault")
    words = ["run", real.incoming, "--trial", REPOSITORY / "configs" / "any-head.toml"]
    call(*words, "--out", real.out, "--vault", real.vault, "--workers", 1)
    (read,) = map(load_read, Layout(real.out).reads())
    done = export(real, tmp_path / "dicom", read.subject_code)
    assert done.exit_code == 0, done.output
    assert_mask_back(real.out, tmp_path / "dicom", read.subject_code, read.visit)
    assert_volume_back(real.out, tmp_path / "dicom", read.subject_code, read.visit)


def test_every_referenced_object_is_one_that_the_site_sent(batch: Batch, dicom: Path) -> None:
    sent = {header.SOPInstanceUID: header.SeriesInstanceUID for _, header in sent_in(batch)}
    for code, visit in MEASURED:
        segmentation = pydicom.dcmread(file_of(dicom, code, visit, "seg"))
        (series,) = segmentation.ReferencedSeriesSequence
        named = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
        assert {sent[uid] for uid in named} == {series.SeriesInstanceUID}


def test_a_second_export_gives_the_same_bytes(batch: Batch, dicom: Path, tmp_path: Path) -> None:
    assert export(batch, tmp_path / "again", *CODES).exit_code == 0
    assert content(tmp_path / "again") == content(dicom)


def test_no_uid_is_given_twice(dicom: Path) -> None:
    uids = [
        uid
        for path in sorted(dicom.iterdir())
        for found in [pydicom.dcmread(path)]
        for uid in (found.SOPInstanceUID, found.SeriesInstanceUID)
    ]
    assert len(uids) == len(set(uids)) == 4 * len(MEASURED)


def test_the_files_are_their_owners_alone_and_say_no_subject_code(dicom: Path) -> None:
    assert stat.S_IMODE(dicom.stat().st_mode) == 0o700
    for path in dicom.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        bytes_in = path.read_bytes()
        assert not [code for code in CODES if code.encode() in bytes_in]


def test_out_stays_as_it_was_and_its_audit_clean(batch: Batch, tmp_path: Path) -> None:
    before = content(batch.out)
    assert export(batch, tmp_path / "dicom", "TPGCGY").exit_code == 0
    assert content(batch.out) == before
    assert call("audit", batch.out, "--vault", batch.vault).exit_code == 0


def test_the_vaults_log_names_each_case_that_was_written(batch: Batch, tmp_path: Path) -> None:
    export(batch, tmp_path / "dicom", "KAL9ND", "--visit", "baseline")
    log = call("vault", "show", batch.vault, "--log").output
    last = [line for line in log.splitlines() if "export-dicom" in line][-1]
    assert last.split("export-dicom")[1].strip() == "KAL9ND baseline"
    assert [p.name for p in (tmp_path / "dicom").iterdir() if "fu24h" in p.name] == []


def test_a_code_without_a_read_is_refused_before_anything_is_written(
    batch: Batch, tmp_path: Path
) -> None:
    done = export(batch, tmp_path / "dicom", "TPGCGY", "ZZZZZZ")
    assert done.exit_code == 2
    assert "holds no read of ZZZZZZ" in done.output
    assert not (tmp_path / "dicom").exists()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("out/dicom", "DIR must not lie inside OUT"),
        (".", "OUT must not lie inside DIR"),
        ("vault/dicom", "inside VAULT"),
        ("incoming/dicom", "inside INCOMING"),
    ],
)
def test_places_where_others_look_are_refused(batch: Batch, place: str, words: str) -> None:
    folder = batch.out.parent / place
    mode = stat.S_IMODE(batch.out.parent.stat().st_mode)
    done = export(batch, folder, "TPGCGY")
    assert done.exit_code == 2
    assert words in done.output
    assert place == "." or not folder.exists()
    assert stat.S_IMODE(batch.out.parent.stat().st_mode) == mode


def test_a_folder_that_is_open_to_others_is_refused_and_not_closed(
    batch: Batch, tmp_path: Path
) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    done = export(batch, folder, "TPGCGY")
    assert done.exit_code == 2
    assert "is open to others (0755)" in done.output
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.fixture
def changed(batch: Batch, tmp_path: Path) -> Batch:
    """A copy of OUT, to be changed by a test."""
    shutil.copytree(batch.out, tmp_path / "out")
    return Batch(batch.incoming, tmp_path / "out", batch.vault)


@pytest.mark.parametrize("name", ["desc-infarct_mask.nii.gz", "dwi.nii.gz"])
def test_a_file_of_out_that_was_changed_is_refused(
    changed: Batch, tmp_path: Path, name: str
) -> None:
    path = changed.out / "sub-TPGCGY" / "ses-fu24h" / f"sub-TPGCGY_ses-fu24h_{name}"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    done = export(changed, tmp_path / "dicom", "TPGCGY", "GYC4D4")
    assert done.exit_code == 1
    assert f"TPGCGY fu24h  not written: {path.name} is not the file" in done.output
    assert "1 of 2 cases written" in done.output
    assert [p.name for p in (tmp_path / "dicom").iterdir() if "TPGCGY" in p.name] == []


def sent_in(batch: Batch) -> Iterator[tuple[Path, Dataset]]:
    for path in sorted(batch.incoming.rglob("*")):
        if path.is_file() and path.read_bytes()[128:132] == b"DICM":
            yield path, pydicom.dcmread(path, stop_before_pixels=True)


def source_file_of(batch: Batch, dicom: Path, code: str) -> Path:
    """One file that a case's mask refers to."""
    segmentation = pydicom.dcmread(file_of(dicom, code, "fu24h", "seg"))
    wanted = segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence[-1]
    uid = wanted.ReferencedSOPInstanceUID
    return next(path for path, header in sent_in(batch) if header.SOPInstanceUID == uid)


def test_a_delivered_file_whose_pixels_changed_is_refused(
    batch: Batch, dicom: Path, tmp_path: Path
) -> None:
    path = source_file_of(batch, dicom, "TPGCGY")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1, whole[-1]]))
        done = export(batch, tmp_path / "dicom", "TPGCGY")
    finally:
        path.write_bytes(whole)
    assert done.exit_code == 1
    assert "not those that the case was measured on: their pixels differ" in done.output
    assert list((tmp_path / "dicom").iterdir()) == []


def test_slices_that_a_header_puts_elsewhere_now_are_refused(
    batch: Batch, dicom: Path, tmp_path: Path
) -> None:
    path = source_file_of(batch, dicom, "GYC4D4")  # one multi-frame object
    whole = path.read_bytes()
    moved = pydicom.dcmread(path)
    for frame in moved.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSequence[0].ImagePositionPatient[2] += 3
    try:
        moved.save_as(path)
        done = export(batch, tmp_path / "dicom", "GYC4D4")
    finally:
        path.write_bytes(whole)
    assert done.exit_code == 1
    assert "does not lie where" in done.output


def test_a_delivered_file_that_is_gone_is_named(batch: Batch, dicom: Path, tmp_path: Path) -> None:
    path = source_file_of(batch, dicom, "GYC4D4")
    away = path.rename(tmp_path / "away")
    try:
        done = export(batch, tmp_path / "dicom", "GYC4D4")
    finally:
        away.rename(path)
    assert done.exit_code == 1
    assert "delivered files cannot be read where the vault saw them last" in done.output
    assert path.name in done.output


def test_the_vault_of_another_out_is_refused(batch: Batch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "note.txt").write_text("no image")
    words = ["run", tmp_path / "empty", "--trial", REPOSITORY / "configs" / "demo.toml"]
    call(*words, "--out", tmp_path / "out", "--vault", tmp_path / "vault", "--workers", 1)
    other = Batch(batch.incoming, batch.out, tmp_path / "vault")
    done = export(other, tmp_path / "dicom", "TPGCGY")
    assert done.exit_code == 1
    assert "is it the vault of this OUT?" in done.output


def test_without_highdicom_the_extra_is_named(batch: Batch, tmp_path: Path) -> None:
    code = "import sys; sys.modules['highdicom'] = None; from pipelines.cli import app; app()"
    words = ["export-dicom", "TPGCGY", "--out", batch.out, "--vault", batch.vault]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--to", tmp_path / "dicom"],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert done.returncode == 2
    assert 'pip install "corelab[dicom-out]"' in done.stderr
    assert not (tmp_path / "dicom").exists()


@pytest.mark.parametrize("tool", ["dciodvfy", "dsrdump"])
def test_other_programs_find_no_error(dicom: Path, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    kinds = {"dciodvfy": ("seg", "report"), "dsrdump": ("report",)}[tool]
    for code, visit in MEASURED:
        for kind in kinds:
            path = file_of(dicom, code, visit, kind)
            done = subprocess.run([tool, path], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert "Error" not in done.stdout + done.stderr


def test_a_trace_joined_from_directions_is_known_by_all_of_their_pixels(
    shared_data: Path, dwi_plan: CasePlan, tmp_path: Path
) -> None:
    incoming = shutil.copytree(shared_data / "dicom" / "mr_canon_dwi" / "dicom", tmp_path / "sent")
    joined = joined_of(incoming)
    plan = CasePlan(
        case=dwi_plan.case,
        modality=Modality.DWI,
        images=(joined,),
        choice="",
        flags=(),
    )
    (version,) = read_sources(plan, ()).versions
    assert is_of_version(joined, version)
    path = joined.sources[-1].frames[0].path
    path.write_bytes(path.read_bytes()[:-2] + b"\x07\x07")
    assert not is_of_version(joined_of(incoming), version)


def joined_of(incoming: Path) -> PlannedImage:
    parts = [part for part in index(incoming).series if part.refusal is None]
    images = images_of(parts, direction_sets(parts))
    return next(i for i in images if i.derivation is Derivation.GEOMETRIC_MEAN_OF_DIRECTIONS)
