from __future__ import annotations

import os
import time
from pathlib import Path

from corelab.store.times import settle
from pipelines.stamps import GONE, digest_of, stamp_of, stamps_below

LONG_AGO_S = 0.1


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    time.sleep(LONG_AGO_S)
    return path


def overwrite_unseen(path: Path, content: bytes) -> None:
    """Change bytes and put size and time of modification back, as far as anybody can."""
    state = path.lstat()
    with path.open("r+b") as stream:
        stream.write(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.lstat().st_size, path.lstat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)


def test_a_file_that_nobody_touches_keeps_its_stamp_also_when_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"one")
    before = stamp_of(path)
    path.read_bytes()
    assert stamp_of(path) == before


def test_a_changed_byte_shows_though_size_and_time_were_put_back(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"one")
    before = stamp_of(path)
    overwrite_unseen(path, b"two")
    assert stamp_of(path) != before


def test_another_file_in_its_place_shows_though_it_looks_the_same(tmp_path: Path) -> None:
    path, other = written(tmp_path / "a", b"one"), written(tmp_path / "b", b"two")
    state, before = path.lstat(), stamp_of(path)
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.rename(path)
    assert stamp_of(path) != before


def test_a_file_that_is_gone_has_a_stamp_of_its_own(tmp_path: Path) -> None:
    assert stamp_of(tmp_path / "a") == GONE


def test_a_name_more_or_a_right_less_below_a_folder_shows(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    written(folder / "below" / "a", b"one")
    before = digest_of(stamps_below(folder), folder)
    assert digest_of(stamps_below(folder), folder) == before
    (folder / "below").chmod(0o700)
    closed = digest_of(stamps_below(folder), folder)
    assert closed != before
    (folder / "empty").mkdir()
    assert digest_of(stamps_below(folder), folder) not in {before, closed}


def test_settling_what_is_settled_touches_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"one")
    settle(tmp_path)
    time.sleep(LONG_AGO_S)
    before = stamp_of(path)
    settle(tmp_path)
    assert stamp_of(path) == before
