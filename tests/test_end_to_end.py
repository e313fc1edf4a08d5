"""The sample delivery from DICOM to tables, through the command line as a user starts it."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from corelab.blinding.allowlist import AllowedNumber, AllowedSoftware, AllowedWord, allow_list
from corelab.blinding.audit import audit
from corelab.blinding.audit.fold import fold
from corelab.blinding.vault import open_vault
from corelab.series import IdentifierKind
from corelab.store.times import SETTLED_AT
from pipelines.withdrawal import own_words

REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "sample_data"
CORELAB = Path(sys.executable).parent / "corelab"


@dataclass(frozen=True)
class Run:
    status: int
    output: str
    out: Path
    vault: Path


def run(out: Path, vault: Path, *options: str) -> Run:
    done = subprocess.run(
        [
            CORELAB,
            "run",
            SAMPLE / "incoming",
            "--trial",
            REPOSITORY / "configs" / "demo.toml",
            "--subjects",
            SAMPLE / "subjects.csv",
            "--out",
            out,
            "--vault",
            vault,
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(status=done.returncode, output=done.stdout + done.stderr, out=out, vault=vault)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "batch.json"
    }


TRUTH = {(row["subject_code"], row["visit"]): row for row in rows(SAMPLE / "truth.csv")}
MEASURABLE = sorted(key for key, row in TRUTH.items() if row["status"] == "measurable")
TRUNCATED = sorted(key for key, row in TRUTH.items() if row["status"] == "truncated")


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("batch")
    return run(folder / "out", folder / "vault", "--workers", "2")


@pytest.fixture(scope="module")
def volumes(batch: Run) -> dict[tuple[str, str], dict[str, str]]:
    found = rows(batch.out / "volumes.csv")
    return {(row["subject_code"], row["visit"]): row for row in found}


def test_the_batch_finishes_with_status_1_and_says_why(batch: Run) -> None:
    assert batch.status == 1, batch.output
    assert "pixels_truncated" in batch.output


def test_exactly_the_truncated_series_is_a_problem(batch: Run) -> None:
    problems = rows(batch.out / "problems.csv")
    assert [(row["subject_code"], row["visit"]) for row in problems] == TRUNCATED
    assert [row["reason_code"] for row in problems] == ["pixels_truncated"]


def test_every_case_has_a_row_and_the_truncated_one_an_empty_cell(
    volumes: dict[tuple[str, str], dict[str, str]],
) -> None:
    assert sorted(volumes) == sorted(TRUTH)
    for key in TRUNCATED:
        assert volumes[key]["infarct_volume_ml"] == ""


@pytest.mark.parametrize("key", MEASURABLE, ids="-".join)
def test_the_volume_is_near_the_truth(
    key: tuple[str, str], volumes: dict[tuple[str, str], dict[str, str]]
) -> None:
    row = volumes[key]
    true_ml = float(TRUTH[key]["infarct_volume_ml"])
    assert row["modality"] == TRUTH[key]["modality"]
    least_ml, share = (5.0, 0.20) if row["modality"] == "NCCT" else (2.0, 0.12)
    assert float(row["infarct_volume_ml"]) == pytest.approx(
        true_ml, abs=max(least_ml, share * true_ml)
    )
    low, high = float(row["infarct_volume_low_ml"]), float(row["infarct_volume_high_ml"])
    assert low <= float(row["infarct_volume_ml"]) <= high


def test_growth_of_each_subject_is_told_or_the_reason_why_not(
    batch: Run, volumes: dict[tuple[str, str], dict[str, str]]
) -> None:
    found = rows(batch.out / "growth.csv")
    subjects = {code for code, _ in TRUTH}
    assert {(row["subject_code"], row["visit"]) for row in found} == {
        (code, visit) for code in subjects for visit in ("fu24h", "fu_late")
    }
    for row in found:
        pair = [volumes.get((row["subject_code"], row[v])) for v in ("baseline_visit", "visit")]
        before, after = (known["infarct_volume_ml"] if known else "" for known in pair)
        if before and after:
            assert float(row["growth_ml"]) == pytest.approx(float(after) - float(before), abs=1e-3)
            assert row["missing_reason"] == ""
        else:
            assert row["growth_ml"] == ""
            assert row["missing_reason"]
    assert any(row["growth_ml"] for row in found)


def test_every_secondary_value_is_a_number_or_has_its_reason(batch: Run) -> None:
    columns = json.loads((batch.out / "volumes.json").read_text())["columns"]
    names = [column["name"] for column in columns if "Secondary" in column["definition"]]
    for row in rows(batch.out / "reads.csv"):
        absent = [pair.split(":")[0] for pair in row["secondary_missing"].split(";") if pair]
        assert absent == sorted(name for name in names if not row[name])


def test_every_file_is_accounted_for(batch: Run) -> None:
    counts = json.loads((batch.out / "batch.json").read_text())["files"]
    n_files = sum(path.is_file() for path in (SAMPLE / "incoming").rglob("*"))
    assert counts["n_files"] == n_files
    assert n_files == sum(value for name, value in counts.items() if name != "n_files")
    assert f"{n_files} files = " in batch.output


def test_each_case_has_what_the_contract_names(batch: Run) -> None:
    for code, visit in MEASURABLE:
        folder = batch.out / f"sub-{code}" / f"ses-{visit}"
        stem = f"sub-{code}_ses-{visit}"
        names = {path.name for path in folder.iterdir()}
        assert {
            f"{stem}_desc-brain_mask.nii.gz",
            f"{stem}_desc-infarct_mask.nii.gz",
            f"{stem}_desc-infarct_read.json",
            f"{stem}_desc-infarct_qa.png",
        } <= names
        image = "dwi" if TRUTH[code, visit]["modality"] == "DWI" else "ct"
        assert {f"{stem}_{image}.nii.gz", f"{stem}_{image}.json"} <= names


def test_nothing_else_lies_in_out(batch: Run) -> None:
    names = {path.name for path in batch.out.iterdir()}
    folders = {f"sub-{code}" for code, _ in MEASURABLE}
    assert names - folders == {
        "dataset_description.json",
        "volumes.csv",
        "volumes.parquet",
        "volumes.json",
        "growth.csv",
        "growth.json",
        "reads.csv",
        "problems.csv",
        "batch.json",
        "qa",
    }


def test_no_identifying_text_is_found_by_the_audit(batch: Run) -> None:
    done = subprocess.run(
        [CORELAB, "audit", batch.out, "--vault", batch.vault],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    looked_for = int(done.stdout.split()[0])
    assert looked_for > 100


def test_every_word_of_the_batch_record_is_our_own(batch: Run) -> None:
    own = own_words("DEMO-0001", ("baseline", "fu24h", "fu_late"), ())
    record = json.loads((batch.out / "batch.json").read_text())
    names = [*record, *record["files"]]
    assert [name for name in names if not own.holds(fold(name))] == []


def plant(path: Path, text: str) -> None:
    if path.name.endswith(".nii.gz"):
        image = nib.load(path)
        image.header["descrip"] = text[:79].encode()
        nib.save(image, path)
    elif path.suffix == ".png":
        note = PngInfo()
        note.add_text("Comment", text, zip=True)
        Image.open(path).save(path, pnginfo=note)
    elif path.suffix == ".parquet":
        table = pq.read_table(path).slice(0, 1)
        pq.write_table(table.set_column(2, "visit", pa.array([text])), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps({**json.loads(path.read_text()), "note": text}))
    elif path.suffix == ".csv":
        path.write_text(path.read_text() + f'"{text}"\n')
    else:
        path.write_text(path.read_text().replace("</h1>", f" {text}</h1>", 1))


ARTEFACTS = (
    "dataset_description.json",
    "volumes.csv",
    "volumes.parquet",
    "volumes.json",
    "growth.csv",
    "growth.json",
    "reads.csv",
    "problems.csv",
    "batch.json",
    "qa/index.html",
    "sub-*/ses-*/*_ct.nii.gz",
    "sub-*/ses-*/*_ct.json",
    "sub-*/ses-*/*_dwi.nii.gz",
    "sub-*/ses-*/*_desc-brain_mask.nii.gz",
    "sub-*/ses-*/*_desc-infarct_mask.nii.gz",
    "sub-*/ses-*/*_desc-range_mask.nii.gz",
    "sub-*/ses-*/*_desc-infarct_read.json",
    "sub-*/ses-*/*_desc-infarct_qa.png",
)


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_a_leak_planted_in_any_artefact_is_found(batch: Run, tmp_path: Path, artefact: str) -> None:
    source = min(batch.out.glob(artefact))
    shutil.copy(source, tmp_path)
    with open_vault(batch.vault) as vault:
        known = vault.identifiers()
        own = own_words("DEMO-0001", ("baseline", "fu24h", "fu_late"), vault.codes())
    assert audit(tmp_path, known, own=own).is_clean
    by_kind = {identifier.kind: identifier.text for identifier in known}
    names = [known.text for known in known if known.kind is IdentifierKind.NAME]
    for text in (names[0], by_kind[IdentifierKind.UID], "24h post EVT"):
        shutil.copy(source, tmp_path)
        plant(tmp_path / source.name, text)
        assert audit(tmp_path, known, own=own).leaks, text


def test_no_patient_id_or_name_of_the_crosswalk_is_printed(batch: Run) -> None:
    for row in rows(SAMPLE / "subjects.csv"):
        assert row["patient_id"] not in batch.output
        assert row["study_instance_uid"] not in batch.output


ENTRIES = allow_list().entries
NIFTI_TEXTS = ("descrip", "aux_file", "intent_name", "db_name", "data_type")
NIFTI_CONSTANTS = {
    "sizeof_hdr": 348,
    "vox_offset": 352.0,
    "scl_slope": 1.0,
    "scl_inter": 0.0,
    "xyzt_units": 2,
    "sform_code": 1,
    "magic": b"n+1",
}


def images_of(batch: Run) -> list[Path]:
    return sorted(batch.out.rglob("*.nii.gz"))


def sidecars_of(batch: Run) -> list[dict[str, object]]:
    paths = sorted(batch.out.glob("sub-*/ses-*/*.json"))
    return [json.loads(p.read_text()) for p in paths if not p.name.endswith("_read.json")]


def test_every_key_and_value_of_every_sidecar_is_on_the_allow_list(batch: Run) -> None:
    on_list = {entry.sidecar: (name, entry) for name, entry in ENTRIES.items() if entry.sidecar}
    sidecars = sidecars_of(batch)
    assert len(sidecars) >= len(MEASURABLE)
    for sidecar in sidecars:
        for key, value in sidecar.items():
            name, entry = on_list[key]
            if isinstance(entry, AllowedNumber):
                entry.admit_all(name, np.array(value, dtype=np.float64))
            elif isinstance(entry, AllowedWord | AllowedSoftware):
                assert entry.admit(name, str(value)) == value
            else:
                assert value in {True, "01"}


def test_a_nifti_header_holds_what_the_list_names_constants_and_nothing_else(batch: Run) -> None:
    on_list = {field for entry in ENTRIES.values() for field in entry.nifti}
    for path in images_of(batch):
        header = nib.Nifti1Header(gzip.decompress(path.read_bytes())[:348])
        for field in header.keys():  # noqa: SIM118 - a header is no dictionary
            value = header[field]
            if field in NIFTI_CONSTANTS:
                assert value.item() == NIFTI_CONSTANTS[field], (path.name, field)
            elif field not in on_list:
                assert not value.tobytes().strip(b"\0"), (path.name, field)
        assert [bytes(header[text].tobytes()).strip(b"\0") for text in NIFTI_TEXTS] == [b""] * 5


def test_no_nifti_file_has_an_extension_or_more_bytes_than_its_voxels(batch: Run) -> None:
    for path in images_of(batch):
        content = gzip.decompress(path.read_bytes())
        header = nib.Nifti1Header(content[:348])
        assert content[348:352] == bytes(4)
        voxels = int(np.prod(header.get_data_shape())) * header.get_data_dtype().itemsize
        assert len(content) == 352 + voxels


def test_a_gzip_wrapper_names_no_file_and_no_time(batch: Run) -> None:
    """RFC 1952, 2.3: flags (byte 3) and time (bytes 4 to 7) are 0; nothing stands behind."""
    for path in images_of(batch):
        raw = path.read_bytes()
        assert raw[:4] == b"\x1f\x8b\x08\x00"
        assert raw[4:8] == bytes(4)
        unpacker = zlib.decompressobj(31)
        unpacker.decompress(raw)
        assert unpacker.eof
        assert unpacker.unused_data == b""


def test_a_picture_holds_pixels_and_no_text_or_time(batch: Run) -> None:
    for path in batch.out.rglob("*.png"):
        raw, place, kinds = path.read_bytes(), 8, set()
        while place < len(raw):
            length, kind = struct.unpack_from(">I4s", raw, place)
            kinds.add(kind)
            place += 12 + length
        assert kinds <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def test_everything_under_out_shows_one_time(batch: Run) -> None:
    paths = [batch.out, *batch.out.rglob("*")]
    assert {path.stat().st_mtime for path in paths} == {SETTLED_AT.timestamp()}


def test_out_holds_no_date_and_no_clock_time(batch: Run) -> None:
    written = re.compile(
        r"(19|20)\d\d-(0[1-9]|1[0-2])-[0-3]\d"
        r"|\b(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])\b"
        r"|\b[0-2]?\d:[0-5]\d(:[0-5]\d)?\b"
    )
    image = re.compile(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+")
    for path in batch.out.rglob("*"):
        if path.suffix in {".json", ".csv", ".html"}:
            text = image.sub("", path.read_text("utf-8"))
            assert not written.search(text), path.name


def test_nothing_hidden_or_half_done_is_left_in_out(batch: Run) -> None:
    assert [path for path in batch.out.rglob("*") if path.name.startswith(".")] == []


def test_each_study_has_a_report_of_its_attributes_in_the_vault(batch: Run) -> None:
    names = {path.name for path in (batch.vault / "deidentification").iterdir()}
    cases = {name.partition("_study-")[0] for name in names}
    assert cases == {f"sub-{code}_ses-{visit}" for code, visit in TRUTH}


def test_no_path_below_the_delivery_is_printed(batch: Run) -> None:
    for path in (SAMPLE / "incoming").rglob("*"):
        assert path.relative_to(SAMPLE / "incoming").parts[0] not in batch.output


def test_the_qa_page_shows_every_case_and_asks_for_nothing_outside(batch: Run) -> None:
    page = (batch.out / "qa" / "index.html").read_text("utf-8")
    for code, visit in TRUTH:
        assert code in page
        assert visit in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


def test_a_second_run_elsewhere_gives_the_same_bytes(batch: Run, tmp_path: Path) -> None:
    again = run(tmp_path / "out", tmp_path / "vault", "--workers", "1")
    first, second = content(batch.out), content(again.out)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []


def test_the_same_command_again_measures_nothing_anew(batch: Run) -> None:
    before = content(batch.out)
    again = run(batch.out, batch.vault, "--workers", "2")
    assert again.status == 1
    assert f"{len(MEASURABLE)} unchanged since the last run" in again.output
    assert content(batch.out) == before


def test_a_dry_run_says_what_would_happen_and_writes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path / "out", tmp_path / "vault", "--dry-run")
    assert done.status == 1
    assert f"{len(MEASURABLE)} cases would be measured" in done.output
    for row in rows(SAMPLE / "subjects.csv"):
        assert row["patient_id"] not in done.output
        assert row["study_instance_uid"] not in done.output
    for path in (SAMPLE / "incoming").iterdir():
        assert path.name not in done.output
    assert not (tmp_path / "out").exists()


def test_a_wrong_trial_file_ends_with_status_2_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "trial.toml").write_text("[trial]\nid = 3\n")
    done = subprocess.run(
        [
            CORELAB,
            "run",
            SAMPLE / "incoming",
            "--trial",
            tmp_path / "trial.toml",
            "--out",
            tmp_path / "out",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "trial.id: found 3" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_interrupt_ends_with_130_in_plain_words_and_the_same_command_resumes(
    batch: Run, tmp_path: Path
) -> None:
    command = [CORELAB, "run", SAMPLE / "incoming", "--trial", REPOSITORY / "configs" / "demo.toml"]
    command += ["--subjects", SAMPLE / "subjects.csv"]
    command += ["--out", tmp_path / "out", "--vault", tmp_path / "vault"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        assert "reading headers" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command resumes" in errors
    assert "Traceback" not in errors
    resumed = run(tmp_path / "out", tmp_path / "vault")
    assert resumed.status == 1
    assert content(resumed.out) == content(batch.out)
