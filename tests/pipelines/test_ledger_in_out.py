"""The ledger lies in OUT beside what batches write there: each leaves the other alone."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corelab.errors import StoreError
from corelab.store.files import Json
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger
from corelab.store.ledger_check import verify
from pipelines.closing import BatchResult
from pipelines.engine import Engine
from pipelines.followup import run_batch
from pipelines.locking import Locked, LockRequest, lock
from pipelines.progress import Silent
from pipelines.request import BatchRequest, load_inputs
from pipelines.unchanged import unchanged_result
from tests.pipelines.test_stamps import LONG_AGO_S
from tests.store.ledger_of_reads import (
    ANNA,
    BEN,
    MANAGER,
    begun,
    by_hand,
    mask,
    save_draft,
    sign,
    write,
)

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
SUBJECT = "Delacourt_Rosamund 009809779"
CORELAB = Path(sys.executable).parent / "corelab"
LEAK = "an identifying text was found in the ledger of reads; it stays"
SEED = "5b" * 32 + "\n"
KEYS: dict[str, Json] = {"subject_code": "GYC4D4", "visit": "fu24h"}
PASSED: dict[str, Json] = {
    **KEYS,
    "image_sha256": "a" * 64,
    "mask_sha256": "b" * 64,
    "verdict": "pass",
    "reasons": [],
    "comment": "größer als sonst",
}


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Path:
    """A batch of one subject that has been run; its folder."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(SAMPLE / "incoming" / SUBJECT, home / "incoming" / SUBJECT)
    shutil.copy(REPOSITORY / "configs" / "demo.toml", home / "trial.toml")
    shutil.copy(SAMPLE / "subjects.csv", home / "subjects.csv")
    run_batch(asked(home), engine, Silent())
    return home


@pytest.fixture
def home(run_once: Path, tmp_path: Path) -> Path:
    """The same with a ledger and its seed."""
    copy = Path(shutil.copytree(run_once, tmp_path / "home"))
    written(copy / "out" / "reads.sqlite")
    (copy / "out" / "reads.seed").write_text(SEED)
    (copy / "out" / "reads.seed").chmod(0o600)
    return copy


def written(path: Path) -> None:
    """Eight entries that the rules allow: three users, three verdicts, a query and its answer."""
    query: dict[str, Json] = {"query_id": "9" * 16, "text": "the same head?"}
    with begun(path) as ledger:
        for _ in range(3):
            write(ledger, BEN, "qa_verdict_given", PASSED)
        write(ledger, BEN, "query_opened", {**KEYS, **query})
        write(ledger, MANAGER, "query_answered", query)


def asked(home: Path) -> BatchRequest:
    return BatchRequest(
        incoming=home / "incoming",
        trial_file=home / "trial.toml",
        out=home / "out",
        subjects_file=home / "subjects.csv",
        vault=home / "vault",
    )


def run(home: Path, engine: Engine) -> BatchResult:
    return run_batch(asked(home), engine, Silent())


def corelab(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CORELAB, *words], capture_output=True, text=True, check=False)


def kept(home: Path) -> tuple[bytes, bytes]:
    out = home / "out"
    return (out / "reads.sqlite").read_bytes(), (out / "reads.seed").read_bytes()


def problems(home: Path) -> list[tuple[str, str]]:
    with (home / "out" / "problems.csv").open(newline="", encoding="utf-8") as stream:
        return [(row["reason_code"], row["message"]) for row in csv.DictReader(stream)]


def test_runs_audits_and_tables_leave_a_closed_ledger_byte_for_byte(
    home: Path, engine: Engine
) -> None:
    before = kept(home)
    result = run(home, engine)
    assert result.problems == ()
    for words in (
        ("audit", home / "out", "--vault", home / "vault"),
        ("status", home / "out", "--vault", home / "vault"),
        ("tables", home / "out"),
        ("ledger", "verify", home / "out"),
    ):
        done = corelab(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    assert kept(home) == before
    times = {path.stat().st_mtime for path in (home / "out").glob("reads.*")}
    assert times == {Layout(home / "out").volumes_csv.stat().st_mtime}
    assert (home / "out" / "reads.seed").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (home / "out").glob("reads.s*")) == [
        "reads.seed",
        "reads.sqlite",
    ]


def test_a_rerun_of_nothing_new_takes_the_last_result_until_an_entry_is_added(
    home: Path, engine: Engine
) -> None:
    time.sleep(LONG_AGO_S)
    run(home, engine)
    trial, _ = load_inputs(asked(home))
    before = kept(home)
    assert unchanged_result(asked(home), trial) is not None
    assert kept(home) == before
    with open_ledger(home / "out" / "reads.sqlite") as ledger:
        write(ledger, ANNA, "read_opened", {"read_id": "r2"})
    assert unchanged_result(asked(home), trial) is None
    result = run(home, engine)
    assert [change.name for change in result.changes] == ["UNCHANGED"] * len(result.reads)
    assert verify(home / "out" / "reads.sqlite").head.sequence == 9


def test_a_run_beside_an_open_reading_room_loses_no_entry_of_either_time(
    home: Path, engine: Engine
) -> None:
    path = home / "out" / "reads.sqlite"
    with open_ledger(path) as ledger:
        save_draft(ledger, ANNA, "r2", mask(3))
        assert (home / "out" / "reads.sqlite-wal").stat().st_size
        result = run(home, engine)
        assert result.problems == ()
        assert corelab("audit", home / "out", "--vault", home / "vault").returncode == 0
        sign(ledger, ANNA, "r2", mask(3))
        assert run(home, engine).problems == ()
    assert verify(path).head.sequence == 10


def test_a_run_that_makes_all_cases_anew_keeps_the_ledger(home: Path, engine: Engine) -> None:
    before = kept(home)
    (home / "out" / ".work").mkdir()  # as an interrupted run leaves it: all is then renewed
    run(home, engine)
    assert kept(home) == before


@pytest.mark.parametrize("is_open", [True, False])
def test_an_identifier_in_a_comment_is_told_by_every_run_and_the_ledger_stays(
    home: Path, engine: Engine, *, is_open: bool
) -> None:
    path = home / "out" / "reads.sqlite"
    ledger = open_ledger(path)
    write(ledger, ANNA, "query_opened", {"text": "is this Delacourt, Rosamund?"})
    if not is_open:
        ledger.close()
    for _ in range(2):
        result = run(home, engine)
        assert len(result.reads) == 1
        assert problems(home) == [("leak_found", LEAK)]
    audited = corelab("audit", home / "out", "--vault", home / "vault")
    assert audited.returncode == 1
    assert "reads.sqlite" in audited.stdout
    assert "Rosamund" not in audited.stdout
    ledger.close()
    assert verify(path).head.sequence == 9
    assert not list((home / "vault").glob("withdrawn/reads*"))


def test_a_broken_ledger_is_told_and_stays(home: Path, engine: Engine) -> None:
    path = home / "out" / "reads.sqlite"
    path.write_bytes(path.read_bytes()[:5000])
    before = kept(home)
    run(home, engine)
    assert [message for _, message in problems(home)] == [
        "the ledger of reads could not be searched for identifying texts; it stays"
    ]
    assert kept(home) == before


def locked(home: Path) -> Locked:
    request = LockRequest(out=home / "out", reason="database lock", vault=home / "vault")
    return lock(request, MANAGER)


def test_a_locked_out_holds_its_ledger_and_takes_no_more_entries(home: Path) -> None:
    out = home / "out"
    locked(home)
    done = corelab("verify", out)
    assert done.stdout.strip() == "0 differences from the locked state", done.stdout
    assert corelab("ledger", "verify", out).returncode == 0
    with (
        open_ledger(out / "reads.sqlite") as ledger,
        pytest.raises(StoreError, match="OUT is locked"),
    ):
        write(ledger, ANNA, "read_opened", {"read_id": "r2"})
    assert corelab("verify", out).returncode == 0


def test_a_lock_beside_an_open_reading_room_holds_what_stood_in_the_log(home: Path) -> None:
    out = home / "out"
    with open_ledger(out / "reads.sqlite") as ledger:
        write(ledger, BEN, "qa_verdict_given", PASSED)
        locked(home)
        assert corelab("verify", out).returncode == 0
    assert corelab("verify", out).returncode == 0
    head = json.loads((out / "lock.json").read_bytes())["ledger_head"]
    assert head.startswith("9:")
    assert verify(out / "reads.sqlite").head.sequence == 10  # that of the lock itself


def test_a_lock_is_refused_over_a_ledger_that_is_not_as_it_was_written(home: Path) -> None:
    out = home / "out"
    by_hand(out / "reads.sqlite", "UPDATE entry SET author = 'anna' WHERE sequence = 7")
    with pytest.raises(StoreError, match="entry 7 is not as it was written"):
        locked(home)
    assert not (out / "lock.json").exists()


def test_a_cut_ledger_differs_from_the_lock(home: Path) -> None:
    locked(home)
    by_hand(home / "out" / "reads.sqlite", "DELETE FROM entry WHERE sequence >= 8")
    done = corelab("verify", home / "out")
    assert done.returncode == 1
    assert "reads.sqlite" in done.stdout
