from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from corelab.blinding.audit import audit
from corelab.blinding.vault import open_vault
from corelab.blinding.vault_hold import hold_for_a_run
from corelab.errors import ConfigError, ReasonCode, StoreError
from corelab.store.layout import Layout
from corelab.store.manifest import LockStatement, manifest_of, put_in_place
from corelab.store.table import load_problems, write_tables
from corelab.vocab import Problem
from pipelines.engine import Engine
from pipelines.followup import run_batch
from pipelines.progress import Silent
from pipelines.request import BatchRequest
from pipelines.withdrawal import own_words
from tests.dicom.tiny import ct_slice, write

REPOSITORY = Path(__file__).parents[2]


def request(tmp_path: Path, **changes: Path) -> BatchRequest:
    paths = {
        "incoming": tmp_path / "incoming",
        "out": tmp_path / "out",
        "vault": tmp_path / "vault",
        "trial_file": REPOSITORY / "configs" / "demo.toml",
    }
    paths.update(changes)
    paths["incoming"].mkdir(exist_ok=True)
    return BatchRequest(**paths, subjects_file=None)


def test_a_vault_inside_out_is_refused(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(StoreError, match="inside OUT"):
        run_batch(request(tmp_path, vault=tmp_path / "out" / "vault"), engine, Silent())


def test_a_wrong_trial_file_leaves_no_trace(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "t.toml").write_text("")
    with pytest.raises(ConfigError, match="faults"):
        run_batch(request(tmp_path, trial_file=tmp_path / "t.toml"), engine, Silent())
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "vault").exists()


def test_a_locked_out_takes_no_new_reads(tmp_path: Path, engine: Engine) -> None:
    layout = Layout(tmp_path / "out")
    write_tables(layout, [], "NCT0")
    put_in_place(layout, manifest_of(layout, LockStatement(reason="database lock")))
    with pytest.raises(StoreError, match="locked"):
        run_batch(request(tmp_path), engine, Silent())


def test_a_folder_without_files_is_no_delivery(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(StoreError, match="holds no files"):
        run_batch(request(tmp_path), engine, Silent())


def test_an_out_that_cannot_be_a_folder_is_named(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be made a folder"):
        run_batch(request(tmp_path, out=tmp_path / "file" / "out"), engine, Silent())


def test_a_vault_whose_key_is_gone_stops_the_batch(tmp_path: Path, engine: Engine) -> None:
    asked = request(tmp_path)
    (asked.incoming / "letter.txt").write_text("Dear colleague")
    assert run_batch(asked, engine, Silent()).new_key_file == tmp_path / "vault.key"
    assert run_batch(asked, engine, Silent()).new_key_file is None
    (tmp_path / "vault.key").rename(tmp_path / "elsewhere.key")
    with pytest.raises(StoreError, match="its key is not"):
        run_batch(asked, engine, Silent())
    found = dataclasses.replace(asked, key_file=tmp_path / "elsewhere.key")
    assert run_batch(found, engine, Silent()).counts.n_files == 1


@pytest.mark.parametrize("place", ["out/k", "vault/k", "incoming/k"])
def test_a_key_where_others_look_is_refused(tmp_path: Path, engine: Engine, place: str) -> None:
    asked = dataclasses.replace(request(tmp_path), key_file=tmp_path / place)
    with pytest.raises(StoreError, match="the vault's key must not lie inside"):
        run_batch(asked, engine, Silent())


def test_what_was_sent_and_who_is_who_are_refused_where_readers_look(
    tmp_path: Path, engine: Engine
) -> None:
    asked = request(tmp_path)
    inside = dataclasses.replace(asked, out=tmp_path, vault=tmp_path.with_name("vault"))
    with pytest.raises(StoreError, match="INCOMING must not lie inside OUT"):
        run_batch(inside, engine, Silent())
    listed = dataclasses.replace(asked, subjects_file=asked.out / "subjects.csv")
    with pytest.raises(StoreError, match="the subjects file must not lie inside OUT"):
        run_batch(listed, engine, Silent())


def test_garbage_is_counted_and_does_not_stop_the_batch(tmp_path: Path, engine: Engine) -> None:
    asked = request(tmp_path)
    (asked.incoming / "letter.txt").write_text("Dear colleague")
    (asked.incoming / "empty.dcm").write_bytes(b"")
    result = run_batch(asked, engine, Silent())
    assert (result.counts.n_files, result.counts.n_quarantined) == (2, 2)


def test_each_study_that_belongs_to_no_case_is_a_row_of_its_own(
    tmp_path: Path, engine: Engine
) -> None:
    (tmp_path / "subjects.csv").write_text("patient_id,subject_code\nPAT-9,AB2CD3\n")
    asked = dataclasses.replace(request(tmp_path), subjects_file=tmp_path / "subjects.csv")
    for number in "12":
        for k in range(3):
            slice_ = ct_slice(k)
            slice_.PatientID, slice_.StudyInstanceUID = f"PAT-{number}", f"2.25.1{number}"
            slice_.SeriesInstanceUID += number
            slice_.SOPInstanceUID += number
            write(slice_, asked.incoming / f"{number}{k}")
    (asked.incoming / "Margarethe Doe.txt").write_text("x")
    (asked.out / "sub-AB2CD3" / "ses-v1").mkdir(parents=True)
    (asked.out / "sub-AB2CD3" / "ses-v1" / "note.txt").write_text("seen: Margarethe Doe")
    first = run_batch(asked, engine, Silent())
    expected = ["leak_found", "subject_unknown", "subject_unknown"]
    assert sorted(problem.reason_code for problem in first.problems) == expected
    for number in "12":
        for k in range(3):
            (asked.incoming / f"{number}{k}").unlink()
        result = run_batch(asked, engine, Silent())
        expected.pop()
        assert sorted(problem.reason_code for problem in result.problems) == expected
        assert load_problems(Layout(asked.out)) == tuple(sorted(result.problems, key=str))


def test_problems_of_cases_that_a_new_delivery_does_not_touch_are_kept(
    tmp_path: Path, engine: Engine
) -> None:
    asked = request(tmp_path)
    old = Problem(subject_code="AB2CD3", visit="fu24h", reason_code="missing_slice", message="gap")
    write_tables(Layout(asked.out), [old], "NCT0")
    (asked.incoming / "letter.txt").write_text("Dear colleague")
    assert run_batch(asked, engine, Silent()).problems == (old,)
    assert load_problems(Layout(asked.out)) == (old,)


def test_a_case_with_an_identifier_in_it_is_moved_into_the_vault(
    tmp_path: Path, engine: Engine
) -> None:
    asked = request(tmp_path)
    (asked.incoming / "Margarethe Doe.txt").write_text("x")
    planted = asked.out / "sub-AB2CD3" / "ses-fu24h"
    planted.mkdir(parents=True)
    (planted / "note.txt").write_text("seen: Margarethe Doe")
    result = run_batch(asked, engine, Silent())
    assert [problem.reason_code for problem in result.problems] == ["leak_found"]
    assert not planted.exists()
    assert (asked.vault / "withdrawn" / "sub-AB2CD3" / "ses-fu24h.1" / "note.txt").exists()
    with open_vault(asked.vault) as vault:
        assert audit(asked.out, vault.identifiers(), own=own_words("", (), vault.codes())).is_clean


def test_a_folder_named_as_a_patient_is_moved_whole_and_its_name_told_nowhere(
    tmp_path: Path, engine: Engine
) -> None:
    asked = request(tmp_path)
    (asked.incoming / "Margarethe Doe.txt").write_text("x")
    planted = asked.out / "sub-Margarethe" / "ses-fu24h"
    planted.mkdir(parents=True)
    (planted / "note.txt").write_text("seen: Margarethe Doe")
    result = run_batch(asked, engine, Silent())
    assert [(p.subject_code, p.visit) for p in result.problems] == [("", "")]
    assert not planted.parent.exists()
    assert (asked.vault / "withdrawn" / "sub-Margarethe.1" / "ses-fu24h" / "note.txt").exists()
    assert "Margarethe" not in Layout(asked.out).problems_csv.read_text()


def test_a_file_that_cannot_be_searched_is_moved_too(tmp_path: Path, engine: Engine) -> None:
    asked = request(tmp_path)
    (asked.incoming / "letter.txt").write_text("x")
    asked.out.mkdir()
    (asked.out / "packed.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    result = run_batch(asked, engine, Silent())
    assert "could not be searched" in result.problems[0].message
    assert [path.name for path in (asked.vault / "withdrawn").iterdir()] == ["packed.7z.1"]


def test_tables_are_rebuilt_without_a_case_that_was_moved(tmp_path: Path, engine: Engine) -> None:
    asked = request(tmp_path)
    (asked.incoming / "Margarethe Doe.txt").write_text("x")
    planted = asked.out / "sub-AB2CD3" / "ses-fu24h"
    planted.mkdir(parents=True)
    (planted / "note.txt").write_text("seen: Margarethe Doe")
    run_batch(asked, engine, Silent())
    (problem,) = load_problems(Layout(asked.out))
    assert (problem.subject_code, problem.visit) == ("AB2CD3", "fu24h")
    assert "AB2CD3,fu24h" in Layout(asked.out).volumes_csv.read_text()


def test_a_leak_outside_any_case_is_moved_and_said(tmp_path: Path, engine: Engine) -> None:
    asked = request(tmp_path)
    (asked.incoming / "Margarethe Doe.txt").write_text("x")
    asked.out.mkdir()
    (asked.out / "note.csv").write_text("seen: Margarethe Doe")
    result = run_batch(asked, engine, Silent())
    assert [(p.subject_code, p.reason_code) for p in result.problems] == [("", "leak_found")]
    assert not (asked.out / "note.csv").exists()
    assert (asked.vault / "withdrawn" / "note.csv.1").exists()


def test_what_was_moved_waits_in_the_vault_with_each_place_that_it_was_found_in(
    tmp_path: Path, engine: Engine
) -> None:
    asked = request(tmp_path)
    (asked.incoming / "Margarethe Doe.txt").write_text("x")
    planted = asked.out / "sub-AB2CD3" / "ses-fu24h"
    planted.mkdir(parents=True)
    for place in (asked.out / "a.csv", asked.out / "b.csv", planted / "note.txt"):
        place.write_text("seen: Margarethe Doe")
    run_batch(asked, engine, Silent())
    assert leaks_held(asked.vault) == {
        ("", ""): "file name in the table cell of a.csv; file name in the table cell of b.csv",
        ("AB2CD3", "fu24h"): "file name in the content of sub-AB2CD3/ses-fu24h/note.txt",
    }
    run_batch(asked, engine, Silent())
    assert set(leaks_held(asked.vault)) == {("AB2CD3", "fu24h")}


def leaks_held(folder: Path) -> dict[tuple[str, str], str]:
    with open_vault(folder) as vault:
        return {
            (row.subject_code, row.visit): row.evidence
            for row in vault.ledger.held_back()
            if row.reason is ReasonCode.LEAK_FOUND
        }


@pytest.mark.parametrize("name", ["out", "vault"])
def test_results_inside_the_delivery_are_refused(tmp_path: Path, engine: Engine, name: str) -> None:
    asked = request(tmp_path, **{name: tmp_path / "incoming" / name})
    with pytest.raises(StoreError, match="inside INCOMING"):
        run_batch(asked, engine, Silent())


def test_a_second_run_at_the_same_time_is_kept_out(tmp_path: Path, engine: Engine) -> None:
    asked = request(tmp_path)
    asked.vault.mkdir()
    with hold_for_a_run(asked.vault), pytest.raises(StoreError, match="another run"):
        run_batch(asked, engine, Silent())


def test_a_file_name_that_is_no_utf8_does_not_stop_the_batch(
    tmp_path: Path, engine: Engine
) -> None:
    asked = request(tmp_path)
    (asked.incoming / os.fsdecode(b"M\xfcller.dcm")).write_bytes(b"x")
    assert run_batch(asked, engine, Silent()).counts.n_files == 1


def test_a_visit_that_the_trial_does_not_have_is_named(tmp_path: Path, engine: Engine) -> None:
    subjects = tmp_path / "subjects.csv"
    subjects.write_text("patient_id,subject_code,visit\nP1,KX4M7P,fu24\n")
    asked = dataclasses.replace(request(tmp_path), subjects_file=subjects)
    with pytest.raises(ConfigError, match="found 'fu24', expected a visit of the trial"):
        run_batch(asked, engine, Silent())
