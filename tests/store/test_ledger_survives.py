"""Kills, full disks, disks that are not to be written to, and several writers: nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from corelab.errors import DiskError, StoreError
from corelab.store.ledger import Ledger, open_ledger, read_ledger
from corelab.store.ledger_check import verify
from corelab.store.ledger_mask import pack_mask
from tests.pipelines.test_failures import remount, small_disk
from tests.store.ledger_of_reads import ANNA, begun, save_draft, write

REPOSITORY = Path(__file__).parents[2]
N_KILLS = 25
LONGEST_S = 0.12
MANY = 100_000


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.ledger_writer", str(path), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def acknowledged(lines: str) -> dict[int, str]:
    """Digests by sequence; a line that the kill cut short was not yet said."""
    whole = [line.split() for line in lines.splitlines(keepends=True) if line.endswith("\n")]
    return {int(sequence): digest for sequence, digest in whole}


def digests(path: Path) -> dict[int, str]:
    with read_ledger(path) as ledger:
        return {entry.sequence: entry.digest.hex() for entry in ledger.entries()}


def test_every_acknowledged_entry_is_there_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "reads.sqlite"
    begun(path).close()
    moments, known = random.Random(1), dict[int, str]()  # noqa: S311 - moments, no secrets
    for _ in range(N_KILLS):
        with writer(path, "anna", MANY) as process:
            assert process.stdout
            first = process.stdout.readline()
            time.sleep(moments.uniform(0, LONGEST_S))
            process.kill()
            known |= acknowledged(first + process.stdout.read())
        assert (tmp_path / "reads.sqlite-wal").exists()
        assert verify(path).is_sound
        assert known.items() <= digests(path).items()
    assert len(known) > N_KILLS
    with open_ledger(path) as ledger:
        assert write(ledger, ANNA, "read_opened", {"read_id": "r1"}) > max(known)
    assert [file.name for file in tmp_path.iterdir()] == ["reads.sqlite"]


def test_two_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "reads.sqlite"
    begun(path).close()
    with writer(path, "anna", 60) as anna, writer(path, "ben", 60) as ben:
        said = [acknowledged(process.communicate()[0]) for process in (anna, ben)]
    assert (anna.returncode, ben.returncode) == (0, 0)
    assert [len(lines) for lines in said] == [60, 60]
    assert not said[0].keys() & said[1].keys()
    assert said[0] | said[1] == {k: v for k, v in digests(path).items() if k > 3}
    assert verify(path).head.sequence == 123


def test_a_copy_without_the_log_beside_it_is_the_shorter_ledger_that_a_noted_head_shows(
    tmp_path: Path,
) -> None:
    path = tmp_path / "reads.sqlite"
    with begun(path) as ledger:
        noted = ledger.head()
        copy = Path(shutil.copy(path, tmp_path / "copy.sqlite"))
    assert verify(path, noted).is_sound
    assert not verify(copy, noted).is_sound


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB of its own."""
    with small_disk(tmp_path / "disk", 400) as folder:
        yield folder


def fill(ledger: Ledger) -> int:
    """Save drafts until the disk is full; the last one that was saved."""
    with pytest.raises(DiskError, match=r"reads\.sqlite cannot be written: .* MB are free at"):
        save_without_end(ledger)
    return ledger.head().sequence


def save_without_end(ledger: Ledger) -> None:
    rng = np.random.default_rng(1)
    while True:
        packed = pack_mask(rng.integers(0, 255, (20, 20, 20), dtype=np.uint8))
        save_draft(ledger, ANNA, "r1", packed)


def test_a_full_disk_refuses_an_entry_keeps_all_others_and_goes_on_with_more_room(
    disk: Path,
) -> None:
    path = disk / "reads.sqlite"
    with begun(path) as ledger:
        last = fill(ledger)
        assert last > 5
        remount(disk, "size=4m")
        assert write(ledger, ANNA, "read_opened", {"read_id": "r1"}) == last + 1
    assert verify(path).head.sequence == last + 1


def test_a_ledger_on_a_disk_that_stays_full_is_read_and_checked(disk: Path) -> None:
    path = disk / "reads.sqlite"
    ledger = begun(path)
    last = fill(ledger)
    ledger.close()
    assert verify(path).head.sequence == last


def test_no_ledger_is_begun_on_a_full_disk_and_nothing_stays(disk: Path) -> None:
    filler = disk / "filler"
    filler.write_bytes(bytes(395 * 1024))
    with pytest.raises(DiskError):
        begun(disk / "reads.sqlite")
    assert list(disk.iterdir()) == [filler]


def test_a_ledger_that_may_not_be_written_to_is_read_checked_and_left_alone(
    disk: Path,
) -> None:
    path = disk / "reads.sqlite"
    begun(path).close()
    remount(disk, "ro")
    assert verify(path).head.sequence == 3
    with pytest.raises(StoreError, match="may not be written to by this user"):
        open_ledger(path)


def test_what_a_killed_process_left_is_read_also_where_nobody_may_write(
    tmp_path: Path, disk: Path
) -> None:
    path = tmp_path / "reads.sqlite"
    begun(path).close()
    with writer(path, "anna", MANY) as process:
        assert process.stdout
        lines = process.stdout.readline()
        process.kill()
        lines += process.stdout.read()
    remount(disk, "size=64m")
    for file in tmp_path.glob("reads.sqlite*"):
        shutil.copy(file, disk)
    remount(disk, "ro")
    there = disk / "reads.sqlite"
    assert verify(there).is_sound
    assert acknowledged(lines).items() <= digests(there).items()
