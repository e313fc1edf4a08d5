from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

from corelab.blinding.code import fault_of_code
from corelab.blinding.subjects import load_subjects
from corelab.errors import StoreError
from corelab.phantom.anatomy import Head
from corelab.phantom.exam import BASELINE, FU24H, FU_LATE, Exam, FileForm, Picture, Role
from corelab.phantom.sampling import axial_grid
from corelab.phantom.tissue import Tissue
from corelab.phantom.warp import draw_build
from corelab.vocab import Modality
from pipelines import sample
from pipelines.sample import write_sample

REPOSITORY = Path(__file__).parents[2]
SEED = 7294391


def tiny_exams(index: int, rng: np.random.Generator) -> Iterator[Exam]:
    """One CT, then one diffusion exam, with a head of one voxel."""
    fields = {Tissue.INFARCT: np.full((1, 1, 1), 1234.5, dtype=np.float32)}
    head = Head(
        fractions=fields if index % 2 == 0 else {},
        atlas_mm=np.zeros((3, 1, 1, 1), dtype=np.float32),
        depth_mm=np.zeros((1, 1, 1), dtype=np.float32),
        build=draw_build(np.random.default_rng(0)),
    )
    grid = axial_grid(
        matrix=64,
        pixel_mm=3.0,
        positions_mm=np.arange(0, 20, 5.0),
        thickness_mm=np.full(4, 5.0),
    )
    forms = (FileForm.WITH_DOSE_REPORT, FileForm.MULTI_FRAME, FileForm.ONE_FILE_CUT)
    plans = (
        (FU24H, Modality.NCCT, (Role.CT,), forms[0]),
        (FU_LATE, Modality.NCCT, (Role.CT,), forms[2]),
        (FU24H, Modality.DWI, (Role.B0, Role.TRACE, Role.ADC), forms[1]),
        (BASELINE, Modality.DWI, (Role.B0, Role.TRACE, Role.ADC), FileForm.SINGLE_FRAME),
    )
    for visit, modality, roles, form in plans[:2] if index % 2 == 0 else plans[2:]:
        images = [grid.volume(rng.integers(0, 900, grid.shape).astype(np.int16)) for _ in roles]
        yield Exam(
            visit=visit,
            hours=24.0,
            modality=modality,
            head=head,
            grid=grid,
            pictures=tuple(
                Picture(role=role, image=image, thickness_mm=(5.0,) * 4)
                for role, image in zip(roles, images, strict=True)
            ),
            form=form,
        )


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sample, "draw_exams", tiny_exams)
    write_sample(tmp_path / "tiny", n_subjects=4, seed=3)
    return tmp_path / "tiny"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def files_of(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def digest_of(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files_of(directory)
    }


def test_truth_has_one_row_a_study_with_four_decimals(tiny: Path) -> None:
    rows = rows_of(tiny / "truth.csv")
    assert tuple(rows[0]) == sample.TRUTH_COLUMNS
    assert len(rows) == 8
    assert [row["infarct_volume_ml"] for row in rows[:4]] == ["1.2345"] * 2 + ["0.0000"] * 2
    assert [row["status"] for row in rows[:3]] == ["measurable", "truncated", "measurable"]
    assert {row["modality"] for row in rows} == {"NCCT", "DWI"}


def test_subjects_name_every_study(tiny: Path) -> None:
    crosswalk = load_subjects(tiny / "subjects.csv")
    written = set()
    for path in files_of(tiny / "incoming"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        written.add((header.PatientID, header.StudyInstanceUID))
        code = crosswalk.code_of(header.PatientID)
        assert code is not None
        assert fault_of_code(code, header.PatientID) is None
    assert {(row.patient_id, row.study_uid) for row in crosswalk.rows} == written
    assert len({row.subject_code for row in crosswalk.rows}) == 4


def test_same_seed_gives_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "again", n_subjects=4, seed=3)
    assert digest_of(tmp_path / "again") == digest_of(tiny)


def test_a_subject_is_the_same_in_a_larger_sample(tiny: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "smaller", n_subjects=2, seed=3)
    smaller, larger = digest_of(tmp_path / "smaller" / "incoming"), digest_of(tiny / "incoming")
    assert smaller.items() <= larger.items()
    assert rows_of(tmp_path / "smaller" / "truth.csv") == rows_of(tiny / "truth.csv")[:4]


def test_an_earlier_sample_is_replaced(tiny: Path) -> None:
    write_sample(tiny, n_subjects=1, seed=4)
    assert len(rows_of(tiny / "truth.csv")) == 2
    patients = {
        pydicom.dcmread(p, stop_before_pixels=True, force=True).PatientID
        for p in files_of(tiny / "incoming")
    }
    assert len(patients) == 1


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "incoming" / "scan"
    foreign.parent.mkdir()
    foreign.write_text("not ours", "utf-8")
    with pytest.raises(StoreError, match="holds files"):
        write_sample(tmp_path, n_subjects=1, seed=1)
    assert foreign.read_text("utf-8") == "not ours"


def test_identifiers_are_everywhere(tiny: Path) -> None:
    path = next(p for p in files_of(tiny / "incoming") if pydicom.dcmread(p).Modality == "CT")
    header = pydicom.dcmread(path, stop_before_pixels=True)
    family = str(header.PatientName).split("^")[0]
    assert family in header.ImageComments
    assert family in header.RequestAttributesSequence[0].RequestedProcedureDescription
    assert family in header[0x0009, 0x1001].value
    for keyword in ("PatientAddress", "InstitutionName", "ReferringPhysicianName", "StationName"):
        assert header.get(keyword)


@pytest.mark.filterwarnings("ignore:End of file reached")
def test_one_file_of_a_cut_study_cannot_be_decoded(tiny: Path) -> None:
    late = {r["subject_code"] for r in rows_of(tiny / "truth.csv") if r["status"] == "truncated"}
    studies = {
        row["study_instance_uid"]
        for row in rows_of(tiny / "subjects.csv")
        if row["subject_code"] in late and row["visit"] == FU_LATE
    }
    broken = []
    for path in files_of(tiny / "incoming"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        if header.StudyInstanceUID in studies:
            try:
                _ = pydicom.dcmread(path).pixel_array
            except (AttributeError, ValueError, RuntimeError, EOFError):
                broken.append(path)
    assert len(broken) == len(studies) == 2


def test_b0_and_trace_share_a_series_and_adc_has_its_own(tiny: Path) -> None:
    found: dict[str, set[str]] = {}
    for path in files_of(tiny / "incoming"):
        file = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        if file.Modality == "MR" and "NumberOfFrames" not in file:
            found.setdefault(file.SeriesInstanceUID, set()).add(file.ImageType[3])
    assert sorted(map(sorted, found.values())) == [["ADC"]] * 2 + [["NONE", "TRACEW"]] * 2


def test_the_committed_truth_is_what_the_generator_makes(tmp_path: Path) -> None:
    pytest.importorskip("nilearn", reason="the atlas ships in the nilearn package")
    write_sample(tmp_path, n_subjects=1, seed=SEED)
    committed = REPOSITORY / "sample_data"
    assert rows_of(tmp_path / "truth.csv") == rows_of(committed / "truth.csv")[:1]
    assert rows_of(tmp_path / "subjects.csv") == rows_of(committed / "subjects.csv")[:1]


def test_the_committed_sample_shows_every_scenario_and_stays_small() -> None:
    committed = REPOSITORY / "sample_data"
    rows = rows_of(committed / "truth.csv")
    assert len({row["subject_code"] for row in rows}) == 8
    assert [row["status"] for row in rows].count("truncated") == 1
    assert sum(path.stat().st_size for path in files_of(committed)) < 14_000_000
