from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.settling import Settling, deliveries_in, look_at

SETTLE_S = 600.0


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "study").mkdir(parents=True)
    (folder / "study" / "1.dcm").write_bytes(b"first")
    return folder


def is_settled(settling: Settling, delivery: Path, now_s: float) -> bool:
    return settling.is_settled(delivery, look_at(delivery), now_s)


def test_what_looks_the_same_for_long_enough_has_arrived(delivery: Path) -> None:
    settling = Settling(SETTLE_S)
    assert not is_settled(settling, delivery, 1000.0)
    assert not is_settled(settling, delivery, 1599.0)
    assert is_settled(settling, delivery, 1600.0)


def test_a_file_of_long_ago_is_waited_for_as_well(delivery: Path) -> None:
    """Programs that copy files may keep their times."""
    os.utime(delivery / "study" / "1.dcm", (0, 0))
    settling = Settling(SETTLE_S)
    assert not is_settled(settling, delivery, 1000.0)
    assert is_settled(settling, delivery, 1600.0)


def grow(path: Path) -> None:
    path.write_bytes(b"first and more")


def touch(path: Path) -> None:
    os.utime(path, (1, 1))


def add(path: Path) -> None:
    path.with_name("2.dcm").write_bytes(b"second")


def take_away(path: Path) -> None:
    path.unlink()


def rename(path: Path) -> None:
    path.rename(path.with_name("0.dcm"))


@pytest.mark.parametrize("change", [grow, touch, add, take_away, rename])
def test_any_change_starts_the_wait_anew(delivery: Path, change: object) -> None:
    settling = Settling(SETTLE_S)
    is_settled(settling, delivery, 1000.0)
    assert callable(change)
    change(delivery / "study" / "1.dcm")
    assert not is_settled(settling, delivery, 1600.0)
    assert is_settled(settling, delivery, 2200.0)


@pytest.mark.parametrize(
    "name", [".1.dcm.Xy12ab", "1.dcm.part", "1.DCM.PART", "x.tmp", "send.lock", "1.dcm~"]
)
def test_a_name_that_transfers_give_to_what_is_not_done_means_not_whole(
    delivery: Path, name: str
) -> None:
    assert look_at(delivery).may_be_whole
    (delivery / "study" / name).write_bytes(b"x")
    assert look_at(delivery).n_unfinished == 1
    assert not look_at(delivery).may_be_whole
    (delivery.parent / name).write_bytes(b"x")
    assert deliveries_in(delivery.parent) == (delivery,)


def test_a_folder_of_a_transfer_means_not_whole_and_what_a_mac_leaves_does_not(
    delivery: Path,
) -> None:
    (delivery / ".DS_Store").write_bytes(b"x")
    (delivery / "._1.dcm").write_bytes(b"x")
    assert look_at(delivery).may_be_whole
    (delivery / ".rsync-partial").mkdir()
    assert not look_at(delivery).may_be_whole


def test_each_folder_and_file_is_a_delivery_and_a_link_is_none(delivery: Path) -> None:
    home = delivery.parent
    (home / "b.zip").write_bytes(b"x")
    (home / "link").symlink_to(delivery)
    assert deliveries_in(home) == (home / "b.zip", delivery)
    assert look_at(home / "b.zip").may_be_whole


def test_an_empty_folder_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "site" / "study").mkdir(parents=True)
    assert look_at(tmp_path / "site").n_files == 0
    assert not look_at(tmp_path / "site").may_be_whole
