"""What fails around a run, for real: disks, memory, time, processes."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import psutil
import pytest

from corelab.blinding.vault import open_vault
from corelab.errors import DiskError
from corelab.store.files import write_bytes
from corelab.store.layout import Layout
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.case import CaseTask, run_case
from pipelines.placing import WORK_FOLDER, begin_work
from pipelines.withdrawal import withdraw
from tests.pipelines.runs import PATIENCE_S, Zygote
from tests.pipelines.tiny_delivery import (
    CODES,
    REPOSITORY,
    TRIAL,
    arguments,
    assert_whole,
    content,
)

CORELAB = Path(sys.executable).parent / "corelab"
_MEMORY_OF_TWO_WORKERS_KB = 600_000


@pytest.fixture(scope="module")
def whole(delivery: Path, start: Zygote) -> dict[str, object]:
    """What an undisturbed run gives."""
    assert run(start, delivery, "whole") == 0
    return content(delivery / "whole")


def run(start: Zygote, delivery: Path, out: str, **changes: Path) -> int:
    """Run to the end; its exit status. The log then holds what this run said."""
    (delivery / "log").unlink(missing_ok=True)
    start.start(arguments(delivery, out, **changes))
    status = start.status(PATIENCE_S)
    assert status is not None
    return status


def said(delivery: Path) -> str:
    return (delivery / "log").read_text()


def problems(out: Path) -> list[dict[str, str]]:
    with (out / "problems.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def kept_in_vault(vault: Path, out: str) -> str:
    """Everything that the vault keeps of failed cases."""
    with open_vault(vault / f"{out}-vault") as opened:
        return "\n".join(held.evidence for held in opened.ledger.held_back())


@contextmanager
def small_disk(folder: Path, kb: int) -> Iterator[Path]:
    """A file system of its own, of so much room."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kb}k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def test_a_full_disk_ends_the_run_in_words_and_more_room_lets_it_go_on(
    delivery: Path, start: Zygote, whole: dict[str, object]
) -> None:
    with small_disk(delivery / "full", 1200) as out:
        assert run(start, delivery, "full") == 2
        # What the case had built is taken away, which may be before the room is told.
        assert re.search(r"No space left on device: [01] of 1 MB are free", said(delivery))
        assert re.search(r"[01] of 2 cases are done; the same command resumes", said(delivery))
        assert_whole(out)
        assert list(out.rglob("*.part")) == []
        assert list((out / WORK_FOLDER).iterdir()) == []
        remount(out, "size=64m")
        assert run(start, delivery, "full") == 0
        assert content(out) == whole


def test_an_out_that_is_read_only_is_named_before_anything_is_read(
    delivery: Path, start: Zygote
) -> None:
    with small_disk(delivery / "closed", 64_000) as out:
        remount(out, "ro")
        assert run(start, delivery, "closed") == 2
        assert "OUT cannot be written to: Read-only file system" in said(delivery)
        assert "no case was begun; the same command resumes" in said(delivery)
        assert "reading headers" not in said(delivery)


def test_a_write_that_finds_no_room_leaves_the_older_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        write_bytes(disk / "x", b"old")
        with pytest.raises(DiskError, match="x cannot be written: No space left") as caught:
            write_bytes(disk / "x", bytes(10**6))
        assert caught.value.errno == ENOSPC
        assert (disk / "x").read_bytes() == b"old"
        assert [path.name for path in disk.iterdir()] == ["x"]


def test_a_disk_that_has_room_a_moment_later_costs_no_case(
    delivery: Path, dwi_task: CaseTask
) -> None:
    with small_disk(delivery / "passing", 1500) as out:
        begin_work(out)
        (out / ".filler").write_bytes(bytes(10**6))

        def make_room() -> None:
            work = out / WORK_FOLDER
            while not list(work.glob("sub-*.*/sub-*")):
                time.sleep(0.001)
            while list(work.glob("sub-*.*/sub-*")):  # until the first attempt has failed
                time.sleep(0.001)
            (out / ".filler").unlink()
            remount(out, "size=64m")

        helper = threading.Thread(target=make_room)
        helper.start()
        outcome = run_case(replace(dwi_task, out=out))
        helper.join()
        assert outcome.read is not None
        assert not (out / ".filler").exists()
        assert_whole(out)


def test_cases_that_take_too_long_have_a_row_and_are_measured_when_they_may(
    delivery: Path, start: Zygote, whole: dict[str, object]
) -> None:
    hurried = delivery / "hurried.toml"
    hurried.write_text(TRIAL.read_text().replace("[limits]", "[limits]\ncase_minutes = 0.001"))
    assert run(start, delivery, "slow", trial=hurried) == 1
    rows = problems(delivery / "slow")
    assert [row["reason_code"] for row in rows] == ["time_limit", "time_limit"]
    assert "took longer than the 0.001 min" in rows[0]["message"]
    assert list((delivery / "slow").rglob("sub-*")) == []
    assert "most recent call first" in kept_in_vault(delivery, "slow")
    assert run(start, delivery, "slow") == 0
    assert content(delivery / "slow") == whole


def test_a_case_whose_process_is_killed_each_time_has_a_row_and_the_batch_goes_on(
    delivery: Path, start: Zygote
) -> None:
    client, out = start.start(arguments(delivery, "dying")), delivery / "dying"
    victim = f"{WORK_FOLDER}/sub-{CODES[0]}_*.????????"
    status = start.status(0)
    while status is None:
        with suppress(psutil.NoSuchProcess):
            workers = client.children(recursive=True)
            if list(out.glob(victim)):
                for worker in workers:
                    worker.kill()
                for attempt in out.glob(victim):
                    shutil.rmtree(attempt, ignore_errors=True)
        status = start.status(0.005)
    assert status == 1, said(delivery)
    (row,) = [r for r in problems(out) if r["subject_code"] == CODES[0]]
    assert row["reason_code"] == "worker_died"
    assert_whole(out)


def test_a_case_that_needs_more_memory_than_a_worker_has_says_so(delivery: Path) -> None:
    out = delivery / "narrow"
    command = " ".join([str(CORELAB), *arguments(delivery, "narrow")])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -m {_MEMORY_OF_TWO_WORKERS_KB}; exec {command}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 1, done.stderr
    assert [row["reason_code"] for row in problems(out)] == ["memory_limit", "memory_limit"]
    assert "fewer workers have more" in problems(out)[0]["message"]
    assert list(out.rglob("sub-*")) == []


def test_a_file_that_can_no_longer_be_read_is_a_row_of_its_case(dwi_task: CaseTask) -> None:
    image = dwi_task.plan.images[0]
    gone = tuple(
        replace(
            series,
            files=tuple(path.with_name("gone") for path in series.files),
            frames=tuple(replace(f, path=f.path.with_name("gone")) for f in series.frames),
        )
        for series in image.sources
    )
    plan = replace(dwi_task.plan, images=(replace(image, sources=gone),))
    outcome = run_case(replace(dwi_task, plan=plan))
    assert outcome.problem is not None
    assert outcome.problem.reason_code == "unreadable"
    assert list(dwi_task.out.rglob("sub-*")) == []


def test_a_case_moves_to_a_vault_on_another_disk_whole(tmp_path: Path) -> None:
    case, layout = Case(SubjectCode(CODES[0]), VisitLabel("fu24h")), Layout(tmp_path / "out")
    layout.case_folder(case).mkdir(parents=True)
    layout.mosaic(case).write_bytes(b"x")
    with small_disk(tmp_path / "vault", 1000) as vault:
        withdraw(layout, case, vault)
        (kept,) = (path for path in vault.rglob("*") if path.is_file())
        assert kept.relative_to(vault / "withdrawn").parts[1] == "ses-fu24h.1"
        assert list(layout.root.iterdir()) == []
