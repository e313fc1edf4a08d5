from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from corelab.series import CasePlan, Frame, PlannedImage, Series
from corelab.settings import settings_of
from corelab.stages.measure import measure
from corelab.store.layout import Layout, sidecar_of
from corelab.store.record import load_read, save_read
from corelab.trial import Trial
from corelab.vocab import Contrast, QcFlag
from pipelines.case import WORK_FOLDER, CaseTask, Redo, case_key, foresee, run_case
from pipelines.case_key import Change, change_between
from pipelines.sources import read_sources


@pytest.fixture
def task(dwi_task: CaseTask) -> CaseTask:
    return dwi_task


def with_trial(task: CaseTask, trial: Trial, **changes: object) -> CaseTask:
    """Plan the same case under another trial file."""
    task = dataclasses.replace(task, **changes)  # type: ignore[arg-type] - a test's own fields
    settings = settings_of(trial, task.plan)
    return dataclasses.replace(task, settings=settings, config_digest=trial.digest)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


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
    assert first.change is Change.NEW
    second = run_case(dataclasses.replace(task, last_key=first.key))
    assert not second.is_new
    assert second.change is Change.UNCHANGED
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
    task: CaseTask, demo_trial: Trial, tmp_path: Path
) -> None:
    visit = demo_trial.visit(task.plan.case.visit)
    assert visit is not None
    read = run_case(task).read
    assert read is not None
    assert dict(read.parameters)["hours_from_onset"] == visit.middle_h
    dwi = demo_trial.methods.dwi._replace(hours_from_onset=100.0)
    methods = demo_trial.methods.model_copy(update={"dwi": dwi})
    trial = demo_trial.model_copy(update={"methods": methods})
    other = run_case(with_trial(task, trial, out=tmp_path / "other")).read
    assert other is not None
    assert dict(other.parameters)["hours_from_onset"] == 100.0


def test_known_hours_are_nearer_than_the_middle_of_a_window(
    task: CaseTask, demo_trial: Trial
) -> None:
    plan = dataclasses.replace(task.plan, hours_from_reference=19.5)
    read = run_case(with_trial(task, demo_trial, plan=plan)).read
    assert read is not None
    assert read.hours_from_reference == 19.5
    assert dict(read.parameters)["hours_from_onset"] == 19.5
    before = run_case(task)
    assert before.is_new
    assert before.read is not None
    assert before.read.hours_from_reference is None


def test_the_key_follows_files_settings_and_version(task: CaseTask, tmp_path: Path) -> None:
    settings = dataclasses.replace(task.settings, trial_id="NCT0")
    others = {
        Change.VERSION: dataclasses.replace(task, software_version="2"),
        Change.SETTINGS: dataclasses.replace(task, settings=settings),
    }
    (tmp_path / "cut").mkdir()
    images = (cut_short(task.plan.images[0], tmp_path / "cut"), *task.plan.images[1:])
    plan = dataclasses.replace(task.plan, images=images)
    others[Change.FILES] = dataclasses.replace(task, plan=plan)
    last = case_key(task, read_sources(task.plan, ()))
    for change, other in others.items():
        now = case_key(other, read_sources(other.plan, ()))
        assert now.text != last.text
        assert change_between(last, now) is change
        assert foresee(dataclasses.replace(other, last_key=last)) is change
    assert foresee(task) is Change.NEW


def test_what_is_planned_otherwise_is_made_anew(task: CaseTask) -> None:
    sources = read_sources(task.plan, ())
    plans = [
        dataclasses.replace(task.plan, choice="another"),
        dataclasses.replace(task.plan, flags=(QcFlag.REFORMATTED,)),
        dataclasses.replace(task.plan, hours_from_reference=24.0),
    ]
    keys = {case_key(dataclasses.replace(task, plan=plan), sources) for plan in plans}
    assert len(keys | {case_key(task, sources)}) == 4


def test_a_change_of_the_trial_file_that_does_not_touch_a_case_is_only_written_down(
    task: CaseTask, demo_trial: Trial, tmp_path: Path
) -> None:
    first = run_case(task)
    mask = Layout(task.out).infarct_mask(task.plan.case)
    before = mask.stat().st_ino
    reads = demo_trial.reads.model_copy(update={"readers": 3})
    trial = demo_trial.model_copy(update={"reads": reads})
    again = run_case(with_trial(task, trial, last_key=first.key))
    assert again.is_restamped
    assert not again.is_new
    assert mask.stat().st_ino == before
    fresh = run_case(with_trial(task, trial, out=tmp_path / "fresh"))
    here, there = (
        Layout(folder).case_folder(task.plan.case) for folder in (task.out, tmp_path / "fresh")
    )
    assert contents(here) == contents(there)
    assert again.read == fresh.read


def test_a_case_is_redone_as_asked_with_the_same_bytes(task: CaseTask) -> None:
    first = run_case(task)
    folder = Layout(task.out).case_folder(task.plan.case)
    before, inode = contents(folder), folder.stat().st_ino
    asked = dataclasses.replace(task, last_key=first.key, redo=Redo.ALL)
    assert foresee(asked) is Change.ASKED
    again = run_case(asked)
    assert (again.is_new, again.change) == (True, Change.ASKED)
    assert folder.stat().st_ino != inode
    assert contents(folder) == before


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
    first = run_case(task)
    mask = Layout(task.out).infarct_mask(task.plan.case)
    mask.write_bytes(mask.read_bytes()[:-10])
    changed = dataclasses.replace(task, last_key=first.key)
    assert foresee(changed) is Change.RESULTS
    again = run_case(changed)
    assert again.is_new
    assert again.change is Change.RESULTS
    assert again.read == first.read


def lossy(task: CaseTask, trial: Trial) -> CaseTask:
    """Plan the same case on the same pixels, taken for lossy."""
    images = tuple(
        dataclasses.replace(
            image,
            sources=tuple(dataclasses.replace(part, is_lossy=True) for part in image.sources),
        )
        for image in task.plan.images
    )
    plan = dataclasses.replace(task.plan, images=images, flags=(QcFlag.LOSSY_PIXELS,))
    return with_trial(task, trial, plan=plan)


def test_a_volume_of_lossy_pixels_is_measured_and_not_eligible(
    task: CaseTask, demo_trial: Trial
) -> None:
    outcome = run_case(lossy(task, demo_trial))
    read = outcome.read
    assert read is not None
    assert QcFlag.LOSSY_PIXELS in read.qc_flags
    assert not read.is_endpoint_eligible
    image = Layout(task.out).image(task.plan.case, Contrast.DWI)
    sidecar = json.loads(sidecar_of(image).read_text("utf-8"))
    assert sidecar["LossyImageCompression"] == "01"
    assert "Decoder" not in sidecar
    assert "agrees with SimpleITK" in dict(outcome.decoders)[Contrast.DWI]


def test_a_volume_of_lossy_pixels_is_eligible_where_the_trial_allows_it(
    task: CaseTask, demo_trial: Trial
) -> None:
    limits = demo_trial.limits.model_copy(update={"lossy_pixels_allowed": True})
    trial = demo_trial.model_copy(update={"limits": limits})
    read = run_case(lossy(task, trial)).read
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
    first = run_case(task)
    assert first.read is not None
    old = dataclasses.replace(first.read.measurement, swelling=None)
    layout = Layout(task.out)
    save_read(layout.read(first.case), dataclasses.replace(first.read, measurement=old))
    again = run_case(dataclasses.replace(task, last_key=first.key))
    assert again.is_new
    assert again.read == first.read
