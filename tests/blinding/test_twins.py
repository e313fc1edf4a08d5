"""The same heads sent twice, with the traces of two arms: OUT is the same to the last byte."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.blinding.side_channel_trial import (
    Subject,
    deliver,
    deliver_packed,
    draw_trial,
    twin_of,
)
from corelab.blinding.code import new_code
from pipelines.engine import Engine, open_engine
from pipelines.followup import BatchRequest, run_batch
from pipelines.progress import Silent

REPOSITORY = Path(__file__).parents[2]
N_PER_ARM = 4
NOT_COMPARED = {"batch.json"}
"""Counts of files that were sent, and how long it took: of the whole batch, of no case."""


@dataclass(frozen=True)
class Twins:
    """One trial sent twice; ``subjects`` and ``others`` have the same heads in the same order."""

    subjects: Sequence[Subject]
    others: Sequence[Subject]
    first: Path
    second: Path


@pytest.fixture(scope="module")
def engine() -> object:
    with open_engine(n_workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Twins:
    home = tmp_path_factory.mktemp("twins")
    subjects = draw_trial(N_PER_ARM, seed=5)
    others = [twin_of(subject, len(subjects)) for subject in subjects]
    taken: set[str] = set()
    for _ in subjects:
        taken.add(new_code(taken))
    codes = sorted(taken)
    deliver(subjects, home / "first" / "incoming")
    run(home / "first", subjects, codes, engine)
    # The others come in two deliveries, the last ones first, one of them packed.
    half = len(others) // 2
    deliver_packed(others[half:], home / "second" / "incoming")
    run(home / "second", others[half:], codes[half:], engine)
    deliver(others[:half], home / "second" / "later")
    run(home / "second", others[:half], codes[:half], engine, incoming="later")
    return Twins(subjects, others, home / "first" / "out", home / "second" / "out")


def run(
    home: Path,
    subjects: Sequence[Subject],
    codes: Sequence[str],
    engine: Engine,
    *,
    incoming: str = "incoming",
) -> None:
    table = home / f"{incoming}.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("patient_id", "subject_code", "visit"))
        rows = zip(subjects, codes, strict=True)
        writer.writerows((subject.patient_id, code, "fu24h") for subject, code in rows)
    request = BatchRequest(
        incoming=home / incoming,
        trial_file=REPOSITORY / "configs" / "demo.toml",
        out=home / "out",
        subjects_file=table,
        vault=home / "vault",
    )
    result = run_batch(request, engine, Silent())
    assert not result.problems
    assert len(result.reads) == len(subjects)


def content(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in NOT_COMPARED
    }


def test_twins_differ_in_every_trace(twins: Twins) -> None:
    for one, other in zip(twins.subjects, twins.others, strict=True):
        assert one.head == other.head
        assert one.arm != other.arm
        assert one.site != other.site
        assert one.moment != other.moment
        assert one.patient_id != other.patient_id


def test_the_same_heads_under_the_traces_of_either_arm_give_the_same_bytes(twins: Twins) -> None:
    first, second = content(twins.first), content(twins.second)
    assert sorted(first) == sorted(second)
    assert len(first) > len(twins.subjects) * 6
    assert [name for name in first if first[name] != second[name]] == []


def test_no_time_of_a_file_tells_the_order_of_deliveries(twins: Twins) -> None:
    folders = [path for path in twins.second.rglob("*") if path.is_dir()]
    files = [path for path in twins.second.rglob("*") if path.is_file()]
    assert len({path.stat().st_mtime_ns for path in (*folders, *files)}) == 1


def test_cases_were_made_in_the_order_of_their_codes_not_of_their_deliveries(twins: Twins) -> None:
    """Later codes came first here; what is copied one after the other is born in that order."""
    codes = sorted(entry.name for entry in os.scandir(twins.second) if entry.name[:4] == "sub-")
    assert len(codes) == len(twins.subjects)
    asked = ["stat", "--format=%w", *(str(twins.second / code) for code in codes)]
    born = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    if "-" in born:
        pytest.skip("this file system tells no time of birth")
    assert born == sorted(born)
