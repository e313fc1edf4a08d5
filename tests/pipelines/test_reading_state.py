"""What ``corelab status`` says of reads, and when ``corelab lock`` refuses for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from corelab.errors import StoreError
from corelab.reading.event import (
    CaseExcluded,
    QaVerdict,
    QaVerdictGiven,
    QueryAnswered,
    QueryOpened,
    ReadOpened,
)
from corelab.reading.lifecycle import ReadState
from corelab.store.layout import Layout
from corelab.store.table import Tables
from corelab.trial import load_trial
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines import locking
from pipelines.cli import app
from pipelines.locking import LockRequest, lock
from pipelines.pending import write_pending
from pipelines.reading_state import ReadingState, reading_state_of
from pipelines.reads import Planner
from tests.pipelines.reading_room import (
    SIGNERS,
    add_case,
    furnish,
    image_sha256,
    know_a_patient,
    labels_of,
    ledger_of,
    room_of,
    sign,
    trial_file,
    write,
)

KEYS = {"subject_code": "AA11", "visit": "fu24h"}
QUERY_ID = "0" * 16


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two cases, planned for two readers."""
    furnish(tmp_path / "out", "AA11", "BB22")
    plan(tmp_path / "out")
    return tmp_path / "out"


def plan(out: Path, lines: str = 'names = ["ada", "ben"]\nrepeat_share = 0.0\n') -> None:
    path = trial_file(out.parent, lines)
    with ledger_of(out) as ledger:
        Planner(Layout(out), ledger, SIGNERS["mia"]).plan(load_trial(path), path)


def sign_all(out: Path, n_voxels: dict[str, int]) -> None:
    for name, count in n_voxels.items():
        for read in room_of(out).worklist(name):
            if read.state is ReadState.ASSIGNED:
                sign(out, read, labels_of(count if read.case.subject_code == "AA11" else 20))


def request_of(out: Path) -> LockRequest:
    """A lock's request, with a vault that knows one patient."""
    vault = out.parent / "vault"
    if not vault.exists():
        know_a_patient(vault)
    return LockRequest(out=out, reason="database lock", vault=vault)


def state_of(out: Path) -> ReadingState:
    state = reading_state_of(Layout(out))
    assert state
    return state


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def verdict(word: QaVerdict) -> QaVerdictGiven:
    return QaVerdictGiven(
        **KEYS,
        image_sha256=image_sha256("AA11"),
        mask_sha256="b" * 64,
        verdict=word,
        reasons=(),
        comment="",
    )


def test_an_out_without_a_ledger_says_nothing_of_reads(tmp_path: Path) -> None:
    furnish(tmp_path / "out", "AA11")
    (tmp_path / "out" / "reads.sqlite").unlink()
    assert reading_state_of(Layout(tmp_path / "out")) is None
    assert "reading" not in call("status", tmp_path / "out").output


def test_status_counts_reads_and_names_no_volume(out: Path) -> None:
    first = room_of(out).worklist("ada")[0]
    write(out, "ada", ReadOpened(read_id=first.read_id))
    done = call("status", out)
    assert done.exit_code == 1
    lines = [line.split() for line in done.output.splitlines()]
    assert ["ada", "reads", "1", "1", "0", "0"] in lines
    assert ["ben", "reads", "2", "0", "0", "0"] in lines
    assert "reading: 0 of 2 cases accepted, 0 excluded, open queries: 0" in done.output
    assert "2 cases without an accepted value: reads awaited" in done.output
    assert "12.5" not in done.output


def test_status_is_content_when_every_read_is_signed_and_agrees(out: Path) -> None:
    sign_all(out, {"ada": 200, "ben": 200})
    assert state_of(out).open_ends == ()
    assert call("status", out).exit_code == 0


def test_status_as_json_names_every_case(out: Path) -> None:
    sign_all(out, {"ada": 200, "ben": 600})
    write(out, "quinn", verdict(QaVerdict.FAIL))
    add_case(out, "CC33")
    told = json.loads(call("status", out, "--format", "json").output)["reading"]
    case = {"subject_code": "AA11", "visit": "fu24h"}
    assert (told["cases"], told["accepted"]) == (2, 1)
    assert told["without_adjudicator"] == [case]
    assert told["blocked"] == [{**case, "blocks": ["qa_fail"]}]
    assert told["unplanned"] == [{"subject_code": "CC33", "visit": "fu24h"}]
    assert told["awaited"] == {"adjudication": 1}


def test_the_screen_names_blocked_and_stranded_cases(out: Path) -> None:
    sign_all(out, {"ada": 200, "ben": 600})
    write(out, "quinn", QueryOpened(**KEYS, query_id=QUERY_ID, text="Is this the same head?"))
    told = call("status", out).output
    assert "blocked: AA11 fu24h: query_open" in told
    assert "no adjudicator is free: AA11 fu24h" in told
    assert "same head" not in told


def test_a_lock_is_refused_while_a_read_is_not_signed(out: Path) -> None:
    with pytest.raises(StoreError, match="4 reads not signed; 2 cases without an accepted value"):
        lock(request_of(out), SIGNERS["mia"])
    assert not Layout(out).lock.exists()


def test_a_lock_is_refused_while_a_case_is_blocked_or_was_not_planned(out: Path) -> None:
    sign_all(out, {"ada": 200, "ben": 200})
    write(out, "quinn", verdict(QaVerdict.FAIL))
    with pytest.raises(StoreError, match=r"1 case blocked by QA"):
        lock(request_of(out), SIGNERS["mia"])
    write(out, "quinn", verdict(QaVerdict.PASS))
    write(out, "quinn", QueryOpened(**KEYS, query_id=QUERY_ID, text="Is this the same head?"))
    with pytest.raises(StoreError, match=r"1 case blocked by QA"):
        lock(request_of(out), SIGNERS["mia"])
    write(out, "mia", QueryAnswered(query_id=QUERY_ID, text="It is."))
    add_case(out, "CC33")
    with pytest.raises(StoreError, match="1 case not planned for reading"):
        lock(request_of(out), SIGNERS["mia"])


def test_an_excluded_case_keeps_no_lock_back(out: Path) -> None:
    write(out, "mia", CaseExcluded(**KEYS, reason="consent withdrawn"))
    write(out, "quinn", verdict(QaVerdict.FAIL))
    plan(out)
    sign_all(out, {"ada": 200, "ben": 200})
    assert lock(request_of(out), SIGNERS["mia"]).n_files > 0


def test_an_open_query_of_an_excluded_case_is_a_query_all_the_same(out: Path) -> None:
    write(out, "quinn", QueryOpened(**KEYS, query_id=QUERY_ID, text="Is this the same head?"))
    write(out, "mia", CaseExcluded(**KEYS, reason="consent withdrawn"))
    plan(out)
    sign_all(out, {"ada": 200, "ben": 200})
    with pytest.raises(StoreError, match="open queries: 1"):
        lock(request_of(out), SIGNERS["mia"])


def test_a_case_that_was_read_and_is_gone_refuses_the_lock(out: Path) -> None:
    sign_all(out, {"ada": 200, "ben": 200})
    shutil.rmtree(out / "sub-AA11")
    with pytest.raises(StoreError, match="1 case read and not in OUT any more"):
        lock(request_of(out), SIGNERS["mia"])


def test_a_run_that_did_not_end_refuses_the_lock(out: Path) -> None:
    sign_all(out, {"ada": 200, "ben": 200})
    (out / ".work").mkdir()
    with pytest.raises(StoreError, match="did not come to its end: run it again"):
        lock(request_of(out), SIGNERS["mia"])
    (out / ".work").rmdir()
    write_pending(out.parent / "vault", [Case(SubjectCode("CC33"), VisitLabel("fu24h"))])
    with pytest.raises(StoreError, match="end, 1 case not measured"):
        lock(request_of(out), SIGNERS["mia"])


def test_what_is_locked_is_what_the_ledger_says(out: Path) -> None:
    sign_all(out, {"ada": 200, "ben": 210})
    lock(request_of(out), SIGNERS["mia"])
    assert ",10.25," in (out / "volumes.csv").read_text()
    assert call("verify", out).exit_code == 0
    with ledger_of(out) as ledger, pytest.raises(StoreError, match="locked"):
        ledger.append(SIGNERS["ada"], "read_opened", {}, after=ledger.head().sequence)


def test_an_entry_written_during_the_lock_undoes_it(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_all(out, {"ada": 200, "ben": 200})
    real = locking.publish

    def publish_while_somebody_writes(*words: object) -> Tables:
        tables = real(*words)  # type: ignore[arg-type]
        write(out, "quinn", verdict(QaVerdict.WARN))
        return tables

    monkeypatch.setattr(locking, "publish", publish_while_somebody_writes)
    with pytest.raises(StoreError, match="meanwhile"):
        lock(request_of(out), SIGNERS["mia"])
    assert not Layout(out).lock.exists()


def test_not_assessable_is_a_result_and_keeps_no_lock_back(out: Path) -> None:
    for name in ("ada", "ben"):
        for read in room_of(out).worklist(name):
            sign(out, read, None)
    assert lock(request_of(out), SIGNERS["mia"]).n_files > 0
    assert "not_assessable" in (out / "problems.csv").read_text()
