"""Real scans of eight vendors through inspect and run: used, or listed with the reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from corelab.series import Outcome
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.trial import load_trial
from corelab.vocab import Modality, QcFlag
from pipelines.cli import app
from pipelines.engine import Engine, open_engine
from pipelines.followup import BatchRequest, BatchResult, run_batch
from pipelines.progress import Silent
from pipelines.survey import GENERAL, survey

REPOSITORY = Path(__file__).parents[1]
ANY_HEAD = REPOSITORY / "configs" / "any-head.toml"
SETS = (
    "ct_ge_missing_slice",
    "ct_ge_tilt_variable",
    "ct_philips_head_study",
    "ct_siemens_notavolume",
    "ct_siemens_tilt",
    "ct_siemens_tilt_irregular",
    "mr_12bit",
    "mr_canon_dwi",
    "mr_compressed_volumes",
    "mr_ge_dwi",
    "mr_hitachi_hyperfine",
    "mr_mixed_orientation",
    "mr_nibabel_siemens",
    "mr_philips_classic_dwi",
    "mr_philips_dual_echo",
    "mr_philips_enhanced",
    "mr_siemens_mosaic_orient",
    "mr_siemens_xa30_dwi",
    "mr_slicecount",
    "mr_transfer_syntaxes",
    "mr_uih_dwi",
    "odd_pydicom",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(n_workers=2) as running:
        yield running


def batch(incoming: Path, folder: Path, engine: Engine) -> BatchResult:
    request = BatchRequest(
        incoming=incoming,
        trial_file=ANY_HEAD,
        out=folder / "out",
        subjects_file=None,
        vault=folder / "vault",
    )
    return run_batch(request, engine, Silent())


def test_the_list_of_sets_is_complete(shared_data: Path) -> None:
    found = sorted(path.name for path in (shared_data / "dicom").iterdir() if path.is_dir())
    assert found == sorted(SETS)


@pytest.mark.parametrize("name", SETS)
def test_every_series_is_used_or_listed_with_its_reason(
    shared_data: Path, tmp_path: Path, engine: Engine, name: str
) -> None:
    incoming = shared_data / "dicom" / name / "dicom"
    found = survey(incoming, None, engine)
    assert all(verdict.why for study in found.studies for verdict in study.verdicts)
    result = batch(incoming, tmp_path, engine)
    counts = result.counts
    n_files = sum(path.is_file() for path in incoming.rglob("*"))
    parts = counts.n_used + counts.n_not_needed + counts.n_duplicate + counts.n_quarantined
    assert (counts.n_files, parts) == (n_files, n_files)
    assert all(problem.message for problem in result.problems)
    codes = {problem.reason_code for problem in result.problems}
    assert codes.isdisjoint({"internal_error", "leak_found"})


def test_a_tilted_ct_of_uneven_slices_is_measured_on_its_own_slabs(
    shared_data: Path, tmp_path: Path, engine: Engine
) -> None:
    result = batch(shared_data / "dicom" / "ct_ge_tilt_variable" / "dicom", tmp_path, engine)
    (read,) = result.reads
    layout = Layout(tmp_path / "out")
    assert {QcFlag.GANTRY_TILT, QcFlag.UNEVEN_SLICES} <= set(read.qc_flags)
    assert 1000 < read.measurement.brain_volume_ml < 1700
    sidecar = json.loads((layout.case_folder(read.case) / f"{read.case.stem}_ct.json").read_text())
    assert sidecar["GantryTiltDegrees"] == pytest.approx(18.5, abs=0.05)
    steps = np.diff(sidecar["SlicePositionsMm"])
    np.testing.assert_allclose(steps[:13], 4.002, atol=0.05)
    np.testing.assert_allclose(steps[13], 1.081, atol=0.05)
    np.testing.assert_allclose(steps[14:], 6.999, atol=0.05)


def test_an_enhanced_dwi_with_adc_goes_to_the_table(
    shared_data: Path, tmp_path: Path, engine: Engine
) -> None:
    result = batch(shared_data / "dicom" / "mr_siemens_xa30_dwi" / "dicom", tmp_path, engine)
    (read,) = result.reads
    assert read.modality is Modality.DWI
    assert read.adc_scale_to_mm2_s == 1e-6
    assert QcFlag.B_VALUE_OUTSIDE_RANGE in read.qc_flags
    # What tells of the delivered files stays in the vault.
    assert load_read(Layout(tmp_path / "out").read(read.case)) == replace(read, case_key="")
    assert Layout(tmp_path / "out").mosaic(read.case).stat().st_size > 10_000


def test_inspect_names_what_a_study_holds(shared_data: Path, engine: Engine) -> None:
    found = survey(shared_data / "dicom" / "ct_philips_head_study" / "dicom", None, engine)
    (study,) = found.studies
    found_kinds = {(v.series.kind.value, v.outcome) for v in study.verdicts}
    assert ("CT", Outcome.USED) in found_kinds
    assert ("CT bone kernel", Outcome.NOT_NEEDED) in found_kinds
    assert ("scout", Outcome.NOT_NEEDED) in found_kinds
    assert Outcome.QUARANTINED not in {outcome for _, outcome in found_kinds}


def test_general_limits_are_those_of_the_any_head_config() -> None:
    assert load_trial(ANY_HEAD) == GENERAL


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_segment_finds_the_emboli_of_a_real_stroke(shared_data: Path, tmp_path: Path) -> None:
    case = shared_data / "lesion" / "isles22_case0009"
    command = ["segment", str(case / "dwi.nii.gz"), "--adc", str(case / "adc.nii.gz")]
    done = CliRunner().invoke(app, [*command, "--bvalue", "1000", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    made = nib.load(tmp_path / "dwi_desc-infarct_mask.nii.gz")
    expert = nib.load(case / "mask.nii.gz")
    np.testing.assert_allclose(made.affine, nib.load(case / "dwi.nii.gz").affine, atol=1e-4)
    # Fixed thresholds reach 0.41 here.
    assert dice(np.asarray(made.dataobj) > 0, np.asarray(expert.dataobj) > 0) > 0.55


@pytest.mark.parametrize(
    ("name", "b_value", "most_ml"),
    [
        ("healthy_siemens_mddw", 1000, 0.5),
        ("healthy_canon_dti", 1500, 0.5),
        ("healthy_philips_dti", 2000, 1.0),
    ],
)
def test_a_brain_without_infarct_has_next_to_none(
    shared_data: Path, tmp_path: Path, name: str, b_value: int, most_ml: float
) -> None:
    case = shared_data / "nolesion" / name
    command = ["segment", str(case / "dwi_trace_geomean.nii.gz"), "--bvalue", str(b_value)]
    command += ["--adc", str(case / "adc_computed_mm2s.nii.gz"), "--b0", str(case / "b0.nii.gz")]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    read = json.loads((tmp_path / "dwi_trace_geomean_desc-infarct_read.json").read_text())
    assert read["measurement"]["infarct_volume_ml"] <= most_ml
    assert ("b_value_outside_range" in read["qc_flags"]) == (b_value > 1500)


def test_problems_of_a_missing_slice_name_the_gap(
    shared_data: Path, tmp_path: Path, engine: Engine
) -> None:
    batch(shared_data / "dicom" / "ct_ge_missing_slice" / "dicom", tmp_path, engine)
    with (tmp_path / "out" / "problems.csv").open(newline="") as stream:
        (row,) = list(csv.DictReader(stream))
    assert row["reason_code"] == "missing_slice"
    assert "gap of 10.0 mm between slices 3 and 4" in row["message"]
