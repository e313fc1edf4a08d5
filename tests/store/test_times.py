from __future__ import annotations

import os
from pathlib import Path

import pytest

from corelab.errors import StoreError
from corelab.store.times import SETTLED_AT, settle, settle_one, settled


def test_everything_below_a_folder_shows_one_time_and_what_it_links_to_does_not(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("not ours")
    before = outside.stat().st_mtime
    top = tmp_path / "out"
    (top / "sub-A" / "ses-v1").mkdir(parents=True)
    (top / "sub-A" / "ses-v1" / "a.json").write_text("{}")
    (top / "empty").mkdir()
    (top / "link").symlink_to(outside)
    settle(top)
    times = {path.lstat().st_mtime for path in (top, *top.rglob("*"))}
    assert times == {SETTLED_AT.timestamp()}
    assert outside.stat().st_mtime == before


def test_what_ends_early_is_settled_too(tmp_path: Path) -> None:
    (tmp_path / "half").write_text("")
    with pytest.raises(KeyboardInterrupt), settled(tmp_path):
        raise KeyboardInterrupt
    assert (tmp_path / "half").stat().st_mtime == SETTLED_AT.timestamp()


def test_what_went_meanwhile_needs_no_time(tmp_path: Path) -> None:
    settle(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_a_time_that_cannot_be_set_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the time of below cannot be set: Not a directory"):
        settle_one(tmp_path / "file" / "below")


def test_a_settled_file_is_still_as_long_and_holds_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(64))
    content = (tmp_path / "a").read_bytes()
    settle(tmp_path)
    assert (tmp_path / "a").read_bytes() == content
