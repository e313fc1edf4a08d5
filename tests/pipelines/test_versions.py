"""Deliveries that bring a case more than one set of images: no read is ever overwritten."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from corelab.store.layout import Layout
from corelab.store.manifest import differences, load_manifest
from corelab.store.record import load_read
from corelab.vocab import Case, QcFlag, SubjectCode, VisitLabel
from pipelines.closing import BatchResult
from pipelines.engine import Engine
from pipelines.locking import LockRequest, lock
from pipelines.tables_command import tables_command
from tests.pipelines.second_study import (
    CODE,
    OTHER_CT,
    OTHER_DWI,
    PATIENT,
    Trial,
    as_study_of,
    copy_files,
    files_of,
    study_of,
)

CASE = Case(SubjectCode(CODE), VisitLabel("fu24h"))
READ = f"{CASE.stem}_desc-infarct_read.json"


@dataclass(frozen=True)
class Story:
    """One case that got a second study, with OUT as it was after each delivery."""

    deliveries: Path
    first_study: str
    second_study: str
    after_first: Trial
    after_second: Trial
    second: BatchResult


def kept(trial: Trial, home: Path) -> Trial:
    """Copy a trial as it is now."""
    shutil.copytree(trial.home, home)
    return dataclasses.replace(trial, home=home)


@pytest.fixture(scope="module")
def story(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("versions")
    images = files_of(PATIENT)
    copy_files(images, folder / "first")
    second = as_study_of(files_of(OTHER_DWI), images[0], folder / "second", "second study")
    first = study_of(images[0])
    trial = Trial(folder / "trial", engine, ((first, "fu24h"), (second, "fu24h")))
    trial.run(folder / "first")
    after_first = kept(trial, folder / "after_first")
    result = trial.run(folder / "second")
    return Story(
        deliveries=folder,
        first_study=first,
        second_study=second,
        after_first=after_first,
        after_second=trial,
        second=result,
    )


def test_a_second_study_is_a_new_version_and_the_first_is_kept_byte_for_byte(story: Story) -> None:
    before, now = story.after_first.case_folder, story.after_second.case_folder
    kept_files = {path.name: path.read_bytes() for path in (now / "versions" / "v1").iterdir()}
    assert kept_files == {path.name: path.read_bytes() for path in before.iterdir()}
    read = load_read(now / READ)
    assert (read.version, load_read(before / READ).version) == (2, 1)
    assert QcFlag.SECOND_STUDY in read.qc_flags
    assert story.second.problems == ()


def test_tables_hold_the_newest_version_and_every_read(story: Story) -> None:
    trial = story.after_second
    (volume,) = trial.rows("volumes.csv")
    assert volume["version"] == "2"
    assert "second_study" in volume["qc_flags"].split(";")
    reads = trial.rows("reads.csv")
    assert [(row["version"], row["stands"]) for row in reads] == [("1", "no"), ("2", "yes")]
    (first,) = story.after_first.rows("volumes.csv")
    assert reads[0]["infarct_volume_ml"] == first["infarct_volume_ml"]
    growth = {row["infarct_volume_ml"] for row in trial.rows("growth.csv")}
    assert growth == {volume["infarct_volume_ml"], ""}


def test_the_screen_and_the_qa_page_tell_what_the_first_version_said(story: Story) -> None:
    said = float(story.after_first.rows("volumes.csv")[0]["infarct_volume_ml"])
    (note,) = story.second.notes
    assert note.startswith(f"second study  {CODE} fu24h: ")
    assert f"version 1 said {said:.2f} mL" in note
    page = (story.after_second.out / "qa" / "index.html").read_text("utf-8")
    assert f"version 1 said {said:.1f} mL" in page
    assert "second_study" in page


def test_either_delivery_again_changes_nothing(story: Story, tmp_path: Path) -> None:
    trial = kept(story.after_second, tmp_path / "trial")
    before = trial.content()
    older = trial.run(story.deliveries / "first")
    assert (older.new_keys, older.problems) == (frozenset(), ())
    assert older.reads[0].version == 2
    (note,) = older.notes
    assert "holds what version 1 was measured on; version 2 stands" in note
    newer = trial.run(story.deliveries / "second")
    assert (newer.new_keys, newer.notes) == (frozenset(), ())
    assert trial.content() == before


def test_tables_and_lock_cover_every_version(story: Story, tmp_path: Path) -> None:
    trial = kept(story.after_second, tmp_path / "trial")
    before = trial.content()
    assert tables_command(trial.out) == 0
    assert trial.content() == before
    layout = Layout(trial.out)
    vault = trial.home / "vault"
    lock(LockRequest(out=layout.root, reason="database lock", vault=vault))
    assert differences(layout, load_manifest(layout)) == ()
    (layout.version_folder(CASE, 1) / READ).unlink()
    assert [difference.found for difference in differences(layout, load_manifest(layout))] == [
        "removed"
    ]


def test_a_run_that_ended_before_the_vault_knew_its_version_is_resumed(
    story: Story, tmp_path: Path
) -> None:
    """The new files are in OUT, and the vault is as it was before them."""
    trial = kept(story.after_first, tmp_path / "trial")
    shutil.rmtree(trial.out)
    shutil.copytree(story.after_second.out, trial.out)
    resumed = trial.run(story.deliveries / "second")
    assert resumed.reads[0].version == 2
    assert trial.content() == story.after_second.content()


def test_in_another_out_each_study_is_the_version_that_it_was(story: Story, tmp_path: Path) -> None:
    trial = kept(story.after_second, tmp_path / "trial")
    shutil.rmtree(trial.out)
    trial.run(story.deliveries / "first")
    assert trial.content() == story.after_first.content()


def test_a_second_study_that_is_no_visit_gives_its_place_back(story: Story, tmp_path: Path) -> None:
    trial = kept(story.after_second, tmp_path / "trial")
    named = trial.naming((story.first_study, "fu24h"), (story.second_study, "none"))
    assert named.run(story.deliveries / "second").problems == ()
    assert trial.content() == story.after_first.content()
    withdrawn = trial.home / "vault" / "withdrawn" / f"sub-{CODE}" / "ses-fu24h.1" / READ
    assert load_read(withdrawn).version == 2


def test_a_first_study_that_is_no_visit_leaves_out_with_its_version(
    story: Story, tmp_path: Path
) -> None:
    trial = kept(story.after_second, tmp_path / "trial")
    named = trial.naming((story.first_study, "none"), (story.second_study, "fu24h"))
    named.run(story.deliveries / "first")
    assert not (trial.case_folder / "versions").exists()
    (read,) = trial.rows("reads.csv")
    assert (read["version"], read["stands"]) == ("2", "yes")
    withdrawn = trial.home / "vault" / "withdrawn" / f"sub-{CODE}" / "ses-fu24h_v1.1" / READ
    assert load_read(withdrawn).version == 1


def test_a_second_study_that_cannot_be_measured_leaves_the_first_read(
    story: Story, tmp_path: Path
) -> None:
    trial = kept(story.after_first, tmp_path / "trial")
    broken = shutil.copytree(story.deliveries / "second", tmp_path / "broken")
    for path in broken.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    for delivery in (broken, story.deliveries / "first"):
        result = trial.run(delivery)
        assert [problem.reason_code for problem in result.problems] == ["pixels_truncated"] * 2
        for problem in result.problems:
            assert problem.message.endswith("; version 1 of the read stands")
        assert (trial.case_folder / READ).read_bytes() == (
            story.after_first.case_folder / READ
        ).read_bytes()
        assert trial.rows("volumes.csv") == story.after_first.rows("volumes.csv")


def test_a_ct_leaves_the_dwi_that_the_trial_prefers(story: Story, tmp_path: Path) -> None:
    images = files_of(PATIENT)
    study = as_study_of(files_of(OTHER_CT), images[0], tmp_path / "ct", "a ct")
    trial = kept(story.after_first, tmp_path / "trial").naming(
        (story.first_study, "fu24h"), (study, "fu24h")
    )
    result = trial.run(tmp_path / "ct")
    (note,) = result.notes
    assert "the trial prefers" in note
    assert result.problems == ()
    assert trial.content() == story.after_first.content()


def test_two_studies_at_once_are_one_choice_and_the_screen_says_so(
    story: Story, tmp_path: Path
) -> None:
    shutil.copytree(story.deliveries / "first", tmp_path / "both" / "first")
    shutil.copytree(story.deliveries / "second", tmp_path / "both" / "second")
    trial = kept(story.after_second, tmp_path / "trial")
    before = trial.content()
    result = trial.run(tmp_path / "both")
    assert result.notes[-1].startswith(f"2 studies  {CODE} fu24h: ")
    assert trial.content() == before


def test_a_study_that_grows_is_a_new_version_on_other_series(
    story: Story, engine: Engine, tmp_path: Path
) -> None:
    image, adc = files_of(PATIENT)
    copy_files([image], tmp_path / "part")
    copy_files([image, adc], tmp_path / "whole")
    trial = Trial(tmp_path / "trial", engine, story.after_first.visits)
    first = trial.run(tmp_path / "part")
    assert first.reads[0].version == 1
    whole = trial.run(tmp_path / "whole")
    assert whole.reads[0].version == 2
    assert QcFlag.OTHER_SERIES in whole.reads[0].qc_flags
    assert whole.notes[0].startswith("other series  ")
    before = trial.content()
    assert trial.run(tmp_path / "part").new_keys == frozenset()
    assert trial.content() == before


def test_a_part_of_what_was_measured_is_nothing_new(story: Story, tmp_path: Path) -> None:
    trial = kept(story.after_first, tmp_path / "trial")
    copy_files(files_of(PATIENT)[:1], tmp_path / "part")
    (note,) = trial.run(tmp_path / "part").notes
    assert note.startswith("nothing new  ")
    assert trial.content() == story.after_first.content()
