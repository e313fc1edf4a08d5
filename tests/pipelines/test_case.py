from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from corelab.series import CasePlan, Frame, PlannedImage, Series
from corelab.stages.measure import measure
from corelab.store.layout import Layout, sidecar_of
from corelab.store.record import load_read, save_read
from corelab.trial import Trial
from corelab.vocab import Contrast, QcFlag
from pipelines.case import WORK_FOLDER, CaseTask, case_key, run_case
from pipelines.sources import read_sources


@pytest.fixture
def task(dwi_plan: CasePlan, demo_trial: Trial, tmp_path: Path) -> CaseTask:
    return CaseTask(plan=dwi_plan, out=tmp_path, trial=demo_trial, software_version="1")


def without_pixels(series: Series, folder: Path) -> Series:
    """Copy a series whose files are cut after it was indexed."""
    copies = {}
    for path in series.files:
        copies[path] = folder / path.name
        content = path.read_bytes()
        copies[path].write_bytes(content[: len(content) * 3 // 4])
    frames = tuple(dataclasses.replace(f, path=copies[f.path]) for f in series.frames)
    return dataclasses.replace(series, frames=frames, files=tuple(copies.values()))


def cut_short(image: PlannedImage, folder: Path) -> PlannedImage:
    """Plan an image of sources that are cut after they were indexed."""
    sources = tuple(without_pixels(series, folder) for series in image.sources)
    return dataclasses.replace(image, sources=sources)


def test_a_case_is_put_in_place_whole_and_found_unchanged_again(task: CaseTask) -> None:
    first = run_case(task)
    assert first.is_new
    assert first.read is not None
    layout, case = Layout(task.out), task.plan.case
    assert load_read(layout.read(case)) == dataclasses.replace(first.read, case_key="")
    assert not (task.out / WORK_FOLDER / case.stem).exists()
    before = layout.mosaic(case).stat().st_ino
    second = run_case(dataclasses.replace(task, last_key=first.read.case_key))
    assert not second.is_new
    assert second.read == first.read
    assert layout.mosaic(case).stat().st_ino == before


def test_a_read_without_a_key_in_the_vault_is_made_anew(task: CaseTask) -> None:
    first = run_case(task)
    again = run_case(task)
    assert again.is_new
    assert again.read == first.read


def test_every_image_and_mask_is_bound_to_the_read_by_its_digest(task: CaseTask) -> None:
    read = run_case(task).read
    assert read is not None
    roles = [digest.role for digest in read.digests]
    masks = ["brain_mask", "infarct_mask", "range_mask"]
    assert roles == [image.contrast.value for image in task.plan.images] + masks
    assert all(len(digest.sha256) == 64 for digest in read.digests)


def test_the_method_knows_how_late_the_visit_is_unless_the_trial_says_otherwise(
    task: CaseTask, tmp_path: Path
) -> None:
    visit = task.trial.visit(task.plan.case.visit)
    assert visit is not None
    read = run_case(task).read
    assert read is not None
    assert dict(read.parameters)["hours_from_onset"] == visit.middle_h
    dwi = task.trial.methods.dwi._replace(hours_from_onset=100.0)
    methods = task.trial.methods.model_copy(update={"dwi": dwi})
    trial = task.trial.model_copy(update={"methods": methods})
    other = run_case(dataclasses.replace(task, trial=trial, out=tmp_path / "other")).read
    assert other is not None
    assert dict(other.parameters)["hours_from_onset"] == 100.0


def test_known_hours_are_nearer_than_the_middle_of_a_window(task: CaseTask) -> None:
    plan = dataclasses.replace(task.plan, hours_from_reference=19.5)
    read = run_case(dataclasses.replace(task, plan=plan)).read
    assert read is not None
    assert read.hours_from_reference == 19.5
    assert dict(read.parameters)["hours_from_onset"] == 19.5
    before = run_case(task)
    assert before.is_new
    assert before.read is not None
    assert before.read.hours_from_reference is None


def test_the_key_follows_files_settings_and_version(task: CaseTask, tmp_path: Path) -> None:
    reads = task.trial.reads.model_copy(update={"readers": 3})
    others = [
        dataclasses.replace(task, software_version="2"),
        dataclasses.replace(task, trial=task.trial.model_copy(update={"reads": reads})),
        dataclasses.replace(task, plan=dataclasses.replace(task.plan, choice="another")),
    ]
    (tmp_path / "cut").mkdir()
    images = (cut_short(task.plan.images[0], tmp_path / "cut"), *task.plan.images[1:])
    others.append(dataclasses.replace(task, plan=dataclasses.replace(task.plan, images=images)))
    keys = {case_key(t, read_sources(t.plan, ())) for t in (task, *others)}
    assert len(keys) == len(others) + 1


def test_a_case_that_fails_changes_nothing_in_out(task: CaseTask, tmp_path: Path) -> None:
    first = run_case(task).read
    assert first is not None
    (tmp_path / "cut").mkdir()
    images = (cut_short(task.plan.images[0], tmp_path / "cut"),)
    broken = dataclasses.replace(task, plan=dataclasses.replace(task.plan, images=images))
    outcome = run_case(broken)
    assert outcome.read is None
    assert outcome.problem is not None
    assert outcome.problem.reason_code in {"pixels_truncated", "pixels_undecodable", "header_cut"}
    assert load_read(Layout(task.out).read(task.plan.case)) == dataclasses.replace(
        first, case_key=""
    )


def test_a_frame_is_small_enough_to_travel(dwi_plan: CasePlan) -> None:
    frame = dwi_plan.images[0].sources[0].frames[0]
    assert isinstance(frame, Frame)
    assert not hasattr(frame, "pixels")


def test_a_mask_that_was_changed_by_hand_is_made_anew(task: CaseTask) -> None:
    first = run_case(task).read
    assert first is not None
    mask = Layout(task.out).infarct_mask(task.plan.case)
    mask.write_bytes(mask.read_bytes()[:-10])
    again = run_case(dataclasses.replace(task, last_key=first.case_key))
    assert again.is_new
    assert again.read == first


def lossy(task: CaseTask) -> CaseTask:
    """Plan the same case on the same pixels, taken for lossy."""
    images = tuple(
        dataclasses.replace(
            image,
            sources=tuple(dataclasses.replace(part, is_lossy=True) for part in image.sources),
        )
        for image in task.plan.images
    )
    plan = dataclasses.replace(task.plan, images=images, flags=(QcFlag.LOSSY_PIXELS,))
    return dataclasses.replace(task, plan=plan)


def test_a_volume_of_lossy_pixels_is_measured_and_not_eligible(task: CaseTask) -> None:
    outcome = run_case(lossy(task))
    read = outcome.read
    assert read is not None
    assert QcFlag.LOSSY_PIXELS in read.qc_flags
    assert not read.is_endpoint_eligible
    image = Layout(task.out).image(task.plan.case, Contrast.DWI)
    sidecar = json.loads(sidecar_of(image).read_text("utf-8"))
    assert sidecar["LossyImageCompression"] == "01"
    assert "Decoder" not in sidecar
    assert "agrees with SimpleITK" in dict(outcome.decoders)[Contrast.DWI]


def test_a_volume_of_lossy_pixels_is_eligible_where_the_trial_allows_it(task: CaseTask) -> None:
    limits = task.trial.limits.model_copy(update={"lossy_pixels_allowed": True})
    trial = task.trial.model_copy(update={"limits": limits})
    read = run_case(dataclasses.replace(lossy(task), trial=trial)).read
    assert read is not None
    assert QcFlag.LOSSY_PIXELS in read.qc_flags
    assert read.is_endpoint_eligible


def test_a_volume_of_exact_pixels_is_eligible(task: CaseTask) -> None:
    read = run_case(task).read
    assert read is not None
    assert read.is_endpoint_eligible


def test_the_masks_on_disk_are_measured_again_to_the_same_numbers(task: CaseTask) -> None:
    read = run_case(task).read
    assert read is not None
    assert read.measurement.swelling is not None
    again = measure(task.plan.case, read.modality, read.hemisphere, Layout(task.out))
    assert again == read.measurement


def test_a_read_of_a_version_without_secondary_values_is_made_anew(task: CaseTask) -> None:
    first = run_case(task).read
    assert first is not None
    old = dataclasses.replace(first.measurement, swelling=None)
    layout = Layout(task.out)
    save_read(layout.read(first.case), dataclasses.replace(first, measurement=old))
    again = run_case(dataclasses.replace(task, last_key=first.case_key))
    assert again.is_new
    assert again.read == first
