"""Released without the face, through the command line as a user starts it."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from corelab.stages.deface import Attempt, deface
from corelab.stages.measure import measure
from corelab.stages.segment import segment
from corelab.store.files import sha256_of
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask
from corelab.store.record import load_read
from corelab.store.table import load_problems
from corelab.trial import Trial
from corelab.vocab import Case, Contrast, Modality, SubjectCode, VisitLabel
from pipelines.case import WORK_FOLDER, CaseTask, Face, case_key, run_case
from pipelines.sources import read_sources
from tests.pipelines.dim_head import write_dim_head

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
FOLDERS = ("Wintergreen_Leopold_01-04-1956_004500108", "Delacourt_Rosamund 009809779")
CT_CASE = Case(SubjectCode("W23926"), VisitLabel("fu24h"))
DWI_CASE = Case(SubjectCode("GYC4D4"), VisitLabel("fu24h"))
CASES = {
    CT_CASE: (Modality.NCCT, (Contrast.CT,)),
    DWI_CASE: (Modality.DWI, (Contrast.DWI, Contrast.ADC, Contrast.B0)),
}


def run_corelab(incoming: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(Path(sys.executable).parent / "corelab", "run", incoming),
            *("--trial", REPOSITORY / "configs" / "demo.toml"),
            *("--out", folder / "out", "--vault", folder / "vault", "--workers", "1"),
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def run(incoming: Path, folder: Path, *options: str) -> tuple[Layout, str]:
    subjects = str(SAMPLE / "subjects.csv")
    done = run_corelab(incoming, folder, "--subjects", subjects, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return Layout(folder / "out"), done.stdout


@dataclasses.dataclass(frozen=True)
class Runs:
    whole: Layout
    released: Layout
    screen: str
    again: str


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("deface")
    for name in FOLDERS:
        shutil.copytree(SAMPLE / "incoming" / name, folder / "incoming" / name)
    whole, _ = run(folder / "incoming", folder / "whole")
    released, screen = run(folder / "incoming", folder / "released", "--deface")
    _, again = run(folder / "incoming", folder / "released", "--deface")
    return Runs(whole=whole, released=released, screen=screen, again=again)


@pytest.mark.parametrize("case", CASES)
def test_the_infarct_is_the_same_voxel_for_voxel(runs: Runs, case: Case) -> None:
    modality, _ = CASES[case]
    image = load_image(runs.whole.image(case, modality.contrast))
    before, after = (load_mask(r.infarct_mask(case), image) for r in (runs.whole, runs.released))
    assert before.any()
    assert np.array_equal(before, after)
    reads = [load_read(r.read(case)) for r in (runs.whole, runs.released)]
    volumes = [read.measurement.infarct_volume_ml for read in reads]
    assert volumes[0] == volumes[1] > 0
    assert reads[0].deface is None
    proof = reads[1].deface
    assert proof is not None
    assert proof.is_identical
    assert proof.infarct_volume_ml_before == proof.infarct_volume_ml_after == volumes[1]
    assert proof.removed_ml > 0
    assert proof.min_distance_mm is not None
    assert proof.min_distance_mm >= 17.0


@pytest.mark.parametrize("case", CASES)
def test_every_image_is_cut_and_only_in_air_or_0(runs: Runs, case: Case) -> None:
    modality, contrasts = CASES[case]
    nothing = -1024 if modality is Modality.NCCT else 0
    for contrast in contrasts:
        before, after = (load_image(r.image(case, contrast)) for r in (runs.whole, runs.released))
        changed = np.asarray(before.data) != np.asarray(after.data)
        assert changed.any()
        assert (np.asarray(after.data)[changed] == nothing).all()
        assert after.same_grid(before)
        assert after.acquisition == before.acquisition


@pytest.mark.parametrize("case", CASES)
def test_what_is_released_gives_every_number_of_its_read(
    runs: Runs, case: Case, demo_trial: Trial, tmp_path: Path
) -> None:
    """A stranger with OUT alone, segmenting and measuring again."""
    modality, _ = CASES[case]
    copy = Layout(tmp_path)
    shutil.copytree(runs.released.case_folder(case), copy.case_folder(case))
    read = load_read(runs.released.read(case))
    for mask in (copy.brain_mask(case), copy.infarct_mask(case), copy.range_mask(case)):
        mask.unlink()
    parameters = demo_trial.methods.ncct
    if modality is Modality.DWI:
        visit = demo_trial.visit(case.visit)
        assert visit is not None
        parameters = demo_trial.methods.dwi._replace(hours_from_onset=visit.middle_h)
    record = segment(case, modality, copy, parameters)
    assert measure(case, modality, record.hemisphere, copy) == read.measurement


@pytest.mark.parametrize("case", CASES)
def test_digests_are_of_the_files_that_are_released(runs: Runs, case: Case) -> None:
    modality, contrasts = CASES[case]
    digests = {d.role: d.sha256 for d in load_read(runs.released.read(case)).digests}
    for contrast in contrasts:
        assert digests[contrast.value] == sha256_of(runs.released.image(case, contrast))
    assert digests["brain_mask"] == sha256_of(runs.released.brain_mask(case))
    whole = {d.role: d.sha256 for d in load_read(runs.whole.read(case)).digests}
    assert digests[modality.contrast.value] != whole[modality.contrast.value]
    assert digests["infarct_mask"] == whole["infarct_mask"]


def test_no_whole_image_stays_behind(runs: Runs) -> None:
    assert not (runs.released.root / WORK_FOLDER).exists()
    for case, (_, contrasts) in CASES.items():
        names = {path.name for path in runs.released.case_folder(case).glob("*.nii.gz")}
        images = {runs.released.image(case, contrast).name for contrast in contrasts}
        assert images <= names
        assert len(names) == len(images) + 3


def test_the_screen_says_so_and_the_same_command_resumes(runs: Runs) -> None:
    assert "released without the face: 2 cases, each infarct the same" in runs.screen
    assert "(2 unchanged since the last run)" in runs.again


@pytest.fixture
def task(dwi_task: CaseTask) -> CaseTask:
    return dataclasses.replace(dwi_task, face=Face.REMOVED)


def test_the_key_of_a_case_knows_whether_the_face_was_kept(task: CaseTask) -> None:
    sources = read_sources(task.plan, ())
    kept = dataclasses.replace(task, face=Face.KEPT)
    assert case_key(task, sources) != case_key(kept, sources)


def test_a_case_that_was_released_whole_is_replaced(task: CaseTask) -> None:
    whole = run_case(dataclasses.replace(task, face=Face.KEPT)).read
    released = run_case(task)
    assert whole is not None
    assert released.read is not None
    assert released.is_new
    assert released.read.deface is not None


def test_more_is_kept_where_the_brain_would_not_be_found_the_same(tmp_path: Path) -> None:
    write_dim_head(tmp_path / "incoming", (84.0, 100.0, 70.0))
    done = run_corelab(tmp_path / "incoming", tmp_path, "--deface")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = Layout(tmp_path / "out").reads()
    proof = load_read(path).deface
    assert proof is not None
    assert proof.kept_mm == 25.0
    assert proof.min_distance_mm is not None
    assert proof.min_distance_mm >= 27.0


def test_a_fault_that_no_kept_distance_mends_is_told_at_once(
    task: CaseTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image of the work folder is spoilt before the face is first looked for."""
    tried_mm: list[float] = []

    def on_a_spoilt_image(attempt: Attempt) -> None:
        tried_mm.append(attempt.kept_mm)
        image = attempt.source.image(attempt.case, Contrast.DWI)
        image.write_bytes(image.read_bytes()[:1000])
        deface(attempt)

    monkeypatch.setattr("pipelines.making.deface", on_a_spoilt_image)
    problem = run_case(task).problem
    assert problem is not None
    assert problem.reason_code == "image_invalid"
    assert tried_mm == [15.0]


def test_a_case_that_is_not_proved_is_held_back_and_no_older_one_stays(tmp_path: Path) -> None:
    write_dim_head(tmp_path / "incoming", (82.0, 98.0, 68.0))
    assert run_corelab(tmp_path / "incoming", tmp_path).returncode == 0
    layout = Layout(tmp_path / "out")
    assert len(layout.reads()) == 1
    done = run_corelab(tmp_path / "incoming", tmp_path, "--deface")
    assert done.returncode == 1, done.stdout + done.stderr
    (problem,) = load_problems(layout)
    assert problem.reason_code == "deface_not_proved"
    assert "voxels differ, 30 mm kept around the brain" in problem.message
    assert not list(layout.root.rglob("*.nii.gz"))
    assert not (layout.root / WORK_FOLDER).exists()
