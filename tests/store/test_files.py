from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corelab.errors import StoreError
from corelab.store.files import (
    private_folder,
    read_json,
    sha256_of,
    write_bytes,
    write_chunks,
    write_json,
    write_private,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    write_bytes(target, b"old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder cannot be written"):
        write_bytes(tmp_path / "folder", b"new")
    assert target.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "x.csv"]


def test_chunks_are_written_in_order_as_one_file(tmp_path: Path) -> None:
    write_chunks(tmp_path / "new" / "x", (b"a", memoryview(b"bc"), b"", b"d"))
    assert (tmp_path / "new" / "x").read_bytes() == b"abcd"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["x"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_chunks_that_stop_half_way_leave_the_old_file_and_no_part(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise error

    write_bytes(tmp_path / "x", b"old")
    with pytest.raises(StoreError if error is OSError else error):
        write_chunks(tmp_path / "x", chunks())
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_what_is_private_is_closed_from_the_start_and_what_follows_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "private"
    write_text(tmp_path / "before.txt", "x")
    write_private(private_folder(folder) / "a" / "b.txt", "x")
    write_text(tmp_path / "after.txt", "x")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    for name in ("new", "private", "a"):
        assert modes[name] == 0o700
    assert modes["b.txt"] == 0o600
    assert modes["after.txt"] == modes["before.txt"]


def test_a_folder_that_others_could_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o755)
    assert private_folder(tmp_path / "private").stat().st_mode & 0o777 == 0o700


def test_json_comes_back_and_other_content_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1, "ä": [None, 0.5]})
    assert read_json(tmp_path / "x.json") == {"a": 1, "ä": [None, 0.5]}
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "no.json").write_text("{")
    for name, word in (("list", "object"), ("no", "not JSON"), ("absent", "absent")):
        with pytest.raises(StoreError, match=word):
            read_json(tmp_path / f"{name}.json")


def test_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "abc") == expected
