from __future__ import annotations

import contextlib
import gzip
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corelab.dicom import archivesize
from corelab.dicom.archive import Archive, list_archive
from corelab.dicom.header import FileHeader
from corelab.dicom.received import read_received
from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import LooseFile
from tests.dicom.archiving import (
    FORMATS,
    move_into_archive,
    pack,
    tar_with,
    zip_of,
)
from tests.dicom.tiny import (
    ct_slice,
    index_all,
    write,
    write_stack,
)


def refused(path: Path) -> ReasonCode:
    """Reason why an archive is one file that is held back, in a delivery of its own."""
    delivery = index_all(path.parent)
    (loose,) = delivery.loose
    assert loose.path == path
    assert (delivery.n_files, delivery.series) == (1, ())
    return loose.refusal.reason


def link(name: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def test_an_archive_two_archives_deep_is_held_back(tmp_path: Path) -> None:
    write_stack(tmp_path / "0")
    for depth in range(3):
        (tmp_path / f"{depth + 1}").mkdir()
        move_into_archive(tmp_path / f"{depth}", tmp_path / f"{depth + 1}" / "more.zip")
    delivery = index_all(tmp_path / "3")
    (loose,) = delivery.loose
    assert loose.refusal.reason is ReasonCode.ARCHIVE_UNSAFE
    assert loose.path == tmp_path / "3" / "more.zip" / "more.zip" / "more.zip"


def test_an_office_document_is_one_file(tmp_path: Path) -> None:
    zip_of(tmp_path / "letter.docx", [("[Content_Types].xml", b"x"), ("word/a.xml", b"x")])
    assert refused(tmp_path / "letter.docx") is ReasonCode.NOT_DICOM


def test_an_archive_of_nothing_is_one_file(tmp_path: Path) -> None:
    zip_of(tmp_path / "a.zip", [("folder/", b"")])
    assert refused(tmp_path / "a.zip") is ReasonCode.ARCHIVE_BROKEN


@pytest.mark.parametrize(
    ("name", "head"),
    [("scans", b"Rar!\x1a\x07\x01"), ("scans", b"7z\xbc\xaf\x27\x1c"), ("CD1.ISO", bytes(9))],
)
def test_an_archive_of_a_kind_that_is_not_read_is_asked_about(
    tmp_path: Path, name: str, head: bytes
) -> None:
    (tmp_path / name).write_bytes(head + bytes(600))
    assert refused(tmp_path / name) is ReasonCode.ARCHIVE_BROKEN


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "\\\\host\\x", "..\\x", "C:\\x", "c:x", "x" * 2000],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_that_leaves_the_archive_refuses_all_of_it(
    tmp_path: Path, kind: str, name: str
) -> None:
    target = tmp_path / f"a.{kind}"
    if kind == "zip":
        zip_of(target, [("good", b"x"), (name, b"x")])
    else:
        tar_with(target, [(tarfile.TarInfo("good"), b"x"), (tarfile.TarInfo(name), b"x")])
    assert refused(target) is ReasonCode.ARCHIVE_UNSAFE


def test_a_name_with_a_nul_refuses_the_archive(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("good?evil", b"x")])
    path.write_bytes(path.read_bytes().replace(b"good?", b"good\0"))
    assert refused(path) is ReasonCode.ARCHIVE_UNSAFE


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a/b", "a\\b"), ("a", "a/b"), ("./a", "a")])
def test_names_that_meet_refuse_the_archive(tmp_path: Path, names: tuple[str, str]) -> None:
    zip_of(tmp_path / "a.zip", [(name, b"x") for name in names])
    assert refused(tmp_path / "a.zip") is ReasonCode.ARCHIVE_UNSAFE


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(max_size=12), min_size=1, max_size=4, unique=True))
def test_every_member_stays_below_its_archive(tmp_path: Path, names: list[str]) -> None:
    target = tmp_path / "a.tar"
    tar_with(target, [(tarfile.TarInfo(name or "x"), b"abc") for name in names])
    found = list_archive(target)
    assert found is not None
    members = found.members if isinstance(found, Archive) else ()
    for path in members:
        assert Path(os.path.normpath(path)).is_relative_to(target)
        with open_source(path) as stream:
            assert stream.read() == b"abc"


def test_links_and_devices_in_a_tar_are_skipped_and_listed(tmp_path: Path) -> None:
    write_stack(tmp_path / "in")
    (tmp_path / "secret").write_text("not sent")
    device = tarfile.TarInfo("null")
    device.type = tarfile.CHRTYPE
    hard = tarfile.TarInfo("hard")
    hard.type, hard.linkname = tarfile.LNKTYPE, "a"
    entries = [link("passwd", "/etc/passwd"), device, hard, tarfile.TarInfo("a")]
    tar_with(tmp_path / "in" / "a.tar", [(entry, b"") for entry in entries])
    delivery = index_all(tmp_path / "in")
    assert [entry.path.name for entry in delivery.skipped] == ["hard", "null", "passwd"]
    assert {entry.refusal.reason for entry in delivery.skipped} == {ReasonCode.NOT_A_FILE}
    assert delivery.n_files == 6


def test_a_link_in_a_zip_is_skipped_and_listed(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("passwd")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
        archive.writestr("note", "x")
    delivery = index_all(tmp_path)
    assert [skipped.path.name for skipped in delivery.skipped] == ["passwd"]
    assert delivery.n_files == 1


def test_a_member_with_holes_is_skipped(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("sparse")
    entry.pax_headers = {"GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,1"}
    tar_with(tmp_path / "a.tar", [(entry, b"x"), (tarfile.TarInfo("note"), b"x")])
    delivery = index_all(tmp_path)
    assert [skipped.path.name for skipped in delivery.skipped] == ["sparse"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_a_cut_archive_is_one_broken_file(tmp_path: Path, kind: str, share: float) -> None:
    write_stack(tmp_path / "series", 12)
    (tmp_path / "in").mkdir()
    path = move_into_archive(tmp_path / "series", tmp_path / "in" / f"a.{kind}")
    # A plain tar ends in zeros to a multiple of 10 KB, of which two blocks are enough.
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content.rstrip(b"\0")) * share)])
    assert refused(path) is ReasonCode.ARCHIVE_BROKEN


def test_a_tar_cut_between_two_members_is_broken(tmp_path: Path) -> None:
    path = tar_with(tmp_path / "a.tar", [(tarfile.TarInfo(name), b"x") for name in "abc"])
    path.write_bytes(path.read_bytes()[: 2 * 1024])
    assert refused(path) is ReasonCode.ARCHIVE_BROKEN


def test_a_tar_that_is_damaged_in_the_middle_is_broken(tmp_path: Path) -> None:
    path = tar_with(tmp_path / "a.tar", [(tarfile.TarInfo(name), b"x") for name in "abc"])
    content = bytearray(path.read_bytes())
    content[1024 + 10] ^= 1
    path.write_bytes(content)
    assert refused(path) is ReasonCode.ARCHIVE_BROKEN


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_two_archives_in_one_file_are_not_half_read(tmp_path: Path, kind: str) -> None:
    write_stack(tmp_path / "series")
    once = pack(tmp_path / "series", tmp_path / f"one.{kind}").read_bytes()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(once + once)
    assert refused(tmp_path / "in" / "a") in {
        ReasonCode.ARCHIVE_UNSAFE,
        ReasonCode.ARCHIVE_BROKEN,
    }


def test_a_zip_that_is_locked_by_a_password_is_held_back(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a", b"x"), ("b", b"x")])
    content = bytearray(path.read_bytes())
    for place in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[place] |= 1
    path.write_bytes(content)
    delivery = index_all(tmp_path)
    assert delivery.loose[0].refusal.reason is ReasonCode.ARCHIVE_UNSAFE
    assert "1 of 2 files" in delivery.loose[0].refusal.message


def test_a_zip_of_an_unread_method_is_held_back(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", "x")
    assert refused(tmp_path / "a.zip") is ReasonCode.ARCHIVE_BROKEN


def test_a_deflate_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a", "w") as member,
    ):
        for _ in range(300):
            member.write(bytes(2**20))
    assert (tmp_path / "a.zip").stat().st_size < 2**20
    assert refused(tmp_path / "a.zip") is ReasonCode.ARCHIVE_UNSAFE


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_bomb_is_stopped_while_it_inflates(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archivesize, "RATIO_MATTERS_BYTES", 2**22)
    content = bytes(2**24)
    packed = gzip.compress(content) if ending == "gz" else zstd.compress(content)
    (tmp_path / f"a.{ending}").write_bytes(packed)
    assert refused(tmp_path / f"a.{ending}") is ReasonCode.ARCHIVE_UNSAFE


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivesize, "MOST_MEMBERS", 3)
    zip_of(tmp_path / "a.zip", [(name, b"x") for name in "abcd"])
    assert refused(tmp_path / "a.zip") is ReasonCode.ARCHIVE_UNSAFE
    (tmp_path / "tar").mkdir()
    tar_with(tmp_path / "tar" / "a", [(tarfile.TarInfo(name), b"x") for name in "abcd"])
    assert refused(tmp_path / "tar" / "a") is ReasonCode.ARCHIVE_UNSAFE


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a", b"x" * 100), ("b", b"x" * 100)])
    content = bytearray(path.read_bytes())
    second = content.rfind(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(content)
    assert refused(path) is ReasonCode.ARCHIVE_UNSAFE


@pytest.mark.parametrize("declared", [2**20, 2**62])
def test_a_zip64_size_that_lies_never_becomes_pixels(tmp_path: Path, declared: int) -> None:
    content = write_stack(tmp_path / "series", 1)[0].read_bytes()
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", content)
    data = bytearray(path.read_bytes())
    start = data.find(b"PK\x01\x02")
    extra = struct.pack("<HHQ", 1, 8, declared)
    data[start + 24 : start + 28] = b"\xff" * 4
    data[start + 30 : start + 32] = struct.pack("<H", len(extra))
    name_end = start + 46 + 1
    data[name_end:name_end] = extra
    end = data.rfind(b"PK\x05\x06")
    size = struct.unpack("<I", data[end + 12 : end + 16])[0] + len(extra)
    data[end + 12 : end + 16] = struct.pack("<I", size)
    path.write_bytes(data)
    found = list_archive(path)
    if isinstance(found, LooseFile):
        assert found.refusal.reason is ReasonCode.ARCHIVE_UNSAFE
        return
    assert found is not None
    with open_source(found.members[0]) as stream:
        assert stream.read(len(content)) == content
        with pytest.raises(UnfitDataError, match="damaged"):
            stream.read()


def test_a_damaged_member_is_never_read_as_if_it_were_whole(tmp_path: Path) -> None:
    content = write(ct_slice(0), tmp_path / "a.dcm").read_bytes()
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", content)
    data = bytearray(path.read_bytes())
    data[data.find(content) + len(content) - 5] ^= 1
    path.write_bytes(data)
    with open_source(path / "a") as stream, pytest.raises(UnfitDataError, match="damaged"):
        stream.read()


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(FORMATS), seed=st.integers(0, 10**6))
def test_damage_anywhere_is_a_refusal_and_never_an_error(
    tmp_path: Path, kind: str, seed: int
) -> None:
    if not (tmp_path / "series").exists():
        write_stack(tmp_path / "series", 3)
    rng = np.random.default_rng(seed)
    data = bytearray(pack(tmp_path / "series", tmp_path / f"a.{kind}").read_bytes())
    for place in rng.integers(0, len(data), rng.integers(1, 20)).tolist():
        data[place] = int(rng.integers(0, 256))
    path = tmp_path / "damaged"
    path.write_bytes(data)
    found = read_received(path)
    for member in found.members if isinstance(found, Archive) else ():
        assert isinstance(read_received(member), Archive | FileHeader | LooseFile)
        with contextlib.suppress(UnfitDataError), open_source(member) as stream:
            stream.read()
    assert isinstance(found, Archive | FileHeader | LooseFile)


def test_a_zip_whose_directory_is_empty_is_one_file(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a", b"x")])
    data = path.read_bytes()
    end = data.rfind(b"PK\x05\x06")
    path.write_bytes(data[:end] + b"PK\x05\x06" + bytes(18))
    assert refused(path) is ReasonCode.ARCHIVE_BROKEN
