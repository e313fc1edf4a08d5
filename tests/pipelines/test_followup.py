from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from corelab.errors import ConfigError, StoreError
from corelab.store.layout import Layout
from corelab.store.manifest import lock_out
from corelab.store.table import load_problems, write_tables
from corelab.vocab import Problem
from pipelines.engine import Engine
from pipelines.followup import BatchRequest, run_batch
from pipelines.progress import Silent

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
    write_tables(layout, [], {})
    lock_out(layout, "database lock")
    with pytest.raises(StoreError, match="locked"):
        run_batch(request(tmp_path), engine, Silent())


def test_an_empty_delivery_gives_empty_tables(tmp_path: Path, engine: Engine) -> None:
    result = run_batch(request(tmp_path), engine, Silent())
    assert result.reads == ()
    assert result.problems == ()
    assert result.counts.n_files == 0
    assert len((tmp_path / "out" / "volumes.csv").read_text().splitlines()) == 1


def test_garbage_is_counted_and_does_not_stop_the_batch(tmp_path: Path, engine: Engine) -> None:
    asked = request(tmp_path)
    (asked.incoming / "letter.txt").write_text("Dear colleague")
    (asked.incoming / "empty.dcm").write_bytes(b"")
    result = run_batch(asked, engine, Silent())
    assert (result.counts.n_files, result.counts.n_quarantined) == (2, 2)


def test_problems_of_cases_that_a_new_delivery_does_not_touch_are_kept(
    tmp_path: Path, engine: Engine
) -> None:
    asked = request(tmp_path)
    old = Problem(subject_code="AB2CD3", visit="fu24h", reason_code="missing_slice", message="gap")
    write_tables(Layout(asked.out), [old], {})
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
    assert (asked.vault / "withdrawn" / "sub-AB2CD3" / "ses-fu24h" / "note.txt").exists()
    shutil.rmtree(asked.vault)
