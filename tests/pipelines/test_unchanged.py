"""A rerun with nothing new takes the last result; whatever is off by a byte is seen."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

import pytest

from corelab.blinding.vault import open_vault
from corelab.errors import ReasonCode
from corelab.vocab import Problem, SubjectCode
from pipelines.case import Redo
from pipelines.case_key import Change
from pipelines.closing import BatchResult
from pipelines.engine import Engine
from pipelines.followup import run_batch
from pipelines.pick import Pick
from pipelines.progress import Silent
from pipelines.request import BatchRequest, load_inputs
from pipelines.unchanged import keep_result, look_at, unchanged_result
from tests.pipelines.test_stamps import LONG_AGO_S, overwrite_unseen

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
SUBJECT = "Delacourt_Rosamund 009809779"


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> BatchRequest:
    """A batch of one subject that has been run."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(SAMPLE / "incoming" / SUBJECT, home / "incoming" / SUBJECT)
    shutil.copy(REPOSITORY / "configs" / "demo.toml", home / "trial.toml")
    shutil.copy(SAMPLE / "subjects.csv", home / "subjects.csv")
    asked = BatchRequest(
        incoming=home / "incoming",
        trial_file=home / "trial.toml",
        out=home / "out",
        subjects_file=home / "subjects.csv",
        vault=home / "vault",
    )
    time.sleep(LONG_AGO_S)
    run_batch(asked, engine, Silent())
    return asked


def taken(asked: BatchRequest) -> BatchResult | None:
    """Result that a run would take from the last one."""
    trial, _ = load_inputs(asked)
    return unchanged_result(asked, trial)


def first_image(asked: BatchRequest) -> Path:
    return min(path for path in asked.incoming.rglob("*") if path.is_file())


def first_mosaic(asked: BatchRequest) -> Path:
    return min(asked.out.rglob("*_qa.png"))


def touch_delivery(asked: BatchRequest) -> None:
    overwrite_unseen(first_image(asked), b"other preamble")


def touch_out(asked: BatchRequest) -> None:
    path = first_mosaic(asked)
    overwrite_unseen(path, path.read_bytes()[:-1] + b"x")


def put_into_out(asked: BatchRequest) -> None:
    (asked.out / "note.txt").write_text("plain")


def change_subjects(asked: BatchRequest) -> None:
    with open(str(asked.subjects_file), "a", encoding="utf-8") as stream:  # noqa: PTH123 - may be None
        stream.write("\n")


def change_trial(asked: BatchRequest) -> None:
    text = asked.trial_file.read_text("utf-8")
    asked.trial_file.write_text(text.replace("discrepancy_ml = 5.0", "discrepancy_ml = 6.0"))


def change_vault(asked: BatchRequest) -> None:
    with open_vault(asked.vault) as vault:
        vault.bind("NOBODY-2", SubjectCode("K7NQ2R"))


def drop_a_record(asked: BatchRequest) -> None:
    min((asked.vault / "cases").iterdir()).unlink()


def take_a_right(asked: BatchRequest) -> None:
    first_image(asked).chmod(0o600)


CHANGES = (
    touch_delivery,
    touch_out,
    put_into_out,
    change_subjects,
    change_trial,
    change_vault,
    drop_a_record,
    take_a_right,
)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_off_by_a_byte_a_name_or_a_right_is_seen_and_a_run_settles_it(
    request_: BatchRequest, engine: Engine, change: object
) -> None:
    found = taken(request_)
    assert found is not None
    assert callable(change)
    change(request_)
    assert taken(request_) is None
    time.sleep(LONG_AGO_S)
    done = run_batch(request_, engine, Silent())
    again = taken(request_)
    assert again is not None
    assert [read.measurement for read in again.reads] == [r.measurement for r in done.reads]


def test_the_result_is_the_one_of_a_whole_run_and_the_vault_lists_the_batch(
    request_: BatchRequest, engine: Engine
) -> None:
    whole = run_batch(request_, engine, Silent())
    before = {path: path.lstat().st_ctime_ns for path in request_.out.rglob("*") if path.is_file()}
    found = taken(request_)
    assert found is not None
    assert found.changes == whole.changes == (Change.UNCHANGED,) * len(whole.reads)
    keyless = [dataclasses.replace(read, case_key="") for read in whole.reads]
    assert (list(found.reads), found.problems) == (keyless, whole.problems)
    assert (found.counts, found.new_keys) == (whole.counts, frozenset())
    after = {path: path.lstat().st_ctime_ns for path in request_.out.rglob("*") if path.is_file()}
    assert after == before
    with open_vault(request_.vault) as vault:
        *_, last_but_one, last = vault.ledger.batches()
    assert last.finished_utc
    assert last.delivery == last_but_one.delivery


def test_who_asks_for_all_or_for_some_cases_gets_a_run_of_its_own(request_: BatchRequest) -> None:
    assert taken(dataclasses.replace(request_, redo=Redo.ALL)) is None
    picked = dataclasses.replace(request_, pick=Pick(codes=frozenset({SubjectCode("GYC4D4")})))
    assert taken(picked) is None
    assert taken(request_) is not None


def test_a_problem_that_another_try_may_mend_is_tried_again(
    request_: BatchRequest, engine: Engine
) -> None:
    result = run_batch(request_, engine, Silent())
    problem = Problem(
        subject_code="GYC4D4",
        visit="fu24h",
        reason_code=ReasonCode.INTERNAL_ERROR.value,
        message="the case stopped with KilledWorker; the vault holds the details",
    )
    received = look_at(request_, load_inputs(request_)[0])
    for problems, is_kept in (((problem,), False), ((), True)):
        with open_vault(request_.vault) as vault:
            failed = dataclasses.replace(result, problems=problems)
            keep_result(received, failed, 1, vault)
        assert (taken(request_) is not None) == is_kept


def test_what_somebody_else_wrote_into_the_vault_during_a_run_is_not_taken_for_ours(
    request_: BatchRequest, engine: Engine
) -> None:
    result = run_batch(request_, engine, Silent())
    received = look_at(request_, load_inputs(request_)[0])
    with open_vault(request_.vault) as vault:
        change_vault(request_)
        keep_result(received, result, 1, vault)
    assert taken(request_) is None
