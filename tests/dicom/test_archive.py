from __future__ import annotations

import gzip
import io
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from backports import zstd

from corelab.dicom.archive import Archive, list_archive
from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Delivery
from tests.dicom.archiving import (
    FORMATS,
    move_into_archive,
    pack,
    zip_of,
)
from tests.dicom.tiny import (
    ct_slice,
    index_all,
    only,
    refusal_of,
    wide_ct_slice,
    write,
    write_compressed,
    write_stack,
)

RLE = "1.2.840.10008.1.2.5"


def without_paths(delivery: Delivery) -> list[tuple[object, ...]]:
    return [(s.kind, s.grid, s.identity, s.refusal, len(s.files)) for s in delivery.series]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_gives_what_the_folder_gives(tmp_path: Path, kind: str) -> None:
    folder, packed = tmp_path / "folder", tmp_path / "packed"
    write_stack(folder / "series")
    wide = wide_ct_slice(9)
    wide.SeriesInstanceUID = "2.25.201"
    write_compressed(wide, folder / "other" / "a", RLE, "pydicom")
    packed.mkdir()
    archive = pack(folder, packed / f"site.{kind}")
    plain, inside = index_all(folder), index_all(packed)
    assert inside.n_files == plain.n_files == 6
    assert without_paths(inside) == without_paths(plain)
    assert inside.series[0].files[0] == archive / "series" / "000.dcm"
    assert np.array_equal(load(inside.series[0]).data, load(plain.series[0]).data)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_name_of_an_archive_does_not_matter(tmp_path: Path, kind: str) -> None:
    write_stack(tmp_path / "in" / "series")
    archive = move_into_archive(tmp_path / "in" / "series", tmp_path / "in" / f"x.{kind}")
    archive.rename(tmp_path / "in" / "export")
    assert only(index_all(tmp_path / "in")).refusal is None


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_file_compressed_alone_is_one_member(tmp_path: Path, ending: str) -> None:
    for path in write_stack(tmp_path):
        content = path.read_bytes()
        packed = gzip.compress(content) if ending == "gz" else zstd.compress(content)
        Path(f"{path}.{ending}").write_bytes(packed)
        path.unlink()
    series = only(index_all(tmp_path))
    assert series.refusal is None
    assert series.files[0] == tmp_path / f"000.dcm.{ending}" / "000.dcm"


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_inside_an_archive_is_read(tmp_path: Path, kind: str) -> None:
    write_stack(tmp_path / "series")
    (tmp_path / "wrapped").mkdir()
    move_into_archive(tmp_path / "series", tmp_path / "wrapped" / f"inner.{kind}")
    (tmp_path / "in").mkdir()
    outer = move_into_archive(tmp_path / "wrapped", tmp_path / "in" / "outer.zip")
    delivery = index_all(tmp_path / "in")
    assert delivery.n_files == 5
    assert only(delivery).files[0] == outer / f"inner.{kind}" / "000.dcm"
    assert load(only(delivery)).data.shape == (4, 6, 5)


def test_a_folder_and_its_archive_are_counted_as_duplicates(tmp_path: Path) -> None:
    write_stack(tmp_path / "series")
    pack(tmp_path / "series", tmp_path / "again.tar.gz")
    delivery = index_all(tmp_path)
    assert (delivery.n_files, delivery.n_duplicates) == (10, 5)
    assert only(delivery).refusal is None


def test_a_resend_with_other_pixels_is_said_in_numbers(tmp_path: Path) -> None:
    write_stack(tmp_path / "series")
    changed = ct_slice(2)
    changed.PixelData = bytes(len(changed.PixelData))
    shutil.copytree(tmp_path / "series", tmp_path / "copy")
    write(changed, tmp_path / "copy" / "002.dcm")
    move_into_archive(tmp_path / "copy", tmp_path / "again.zip")
    refusal = refusal_of(only(index_all(tmp_path)))
    assert refusal.reason is ReasonCode.DUPLICATE_UID
    assert "resend with changed pixels" in refusal.message
    assert "1 of 5 images differ" in refusal.message


def test_two_objects_of_one_uid_side_by_side_are_no_resend(tmp_path: Path) -> None:
    write_stack(tmp_path)
    other = ct_slice(7)
    other.SOPInstanceUID = "2.25.300.1"
    write(other, tmp_path / "007.dcm")
    assert "share one instance UID" in refusal_of(only(index_all(tmp_path))).message


def test_dicom_whose_preamble_begins_as_an_archive_is_dicom(tmp_path: Path) -> None:
    for path in write_stack(tmp_path):
        content = path.read_bytes()
        path.write_bytes(b"PK\x03\x04" + content[4:])
    assert only(index_all(tmp_path)).refusal is None


def test_helper_files_inside_an_archive_are_ignored_and_counted(tmp_path: Path) -> None:
    zip_of(tmp_path / "a.zip", [("DICOMDIR", b"x"), ("__MACOSX/._a", b"x"), ("letter", b"x")])
    delivery = index_all(tmp_path)
    assert (delivery.n_files, delivery.n_ignored, len(delivery.loose)) == (3, 2, 1)


def test_folders_inside_an_archive_are_no_files(tmp_path: Path) -> None:
    zip_of(tmp_path / "a.zip", [("a/", b""), ("b\\", b""), ("a/x", b"x"), ("b\\y", b"y")])
    found = list_archive(tmp_path / "a.zip")
    assert isinstance(found, Archive)
    assert [path.relative_to(found.path).as_posix() for path in found.members] == ["a/x", "b/y"]


def test_one_slice_of_air_is_no_bomb(tmp_path: Path) -> None:
    (tmp_path / "air.gz").write_bytes(gzip.compress(bytes(2**23)))
    assert refused_inside(tmp_path) is ReasonCode.NOT_DICOM


def refused_inside(folder: Path) -> ReasonCode:
    (loose,) = index_all(folder).loose
    return loose.refusal.reason


def test_a_header_is_read_without_inflating_the_pixels(tmp_path: Path) -> None:
    """Only the first bytes of the member are sound, and the header does not ask for more."""
    header = write(ct_slice(0), tmp_path / "a.dcm").read_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", header + os.urandom(2**20))
    data = bytearray(stream.getvalue())
    data[2**19 : 2**19 + 8] = bytes(8)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with open_source(path / "a") as member:
        assert member.seek(0, io.SEEK_END) == len(header) + 2**20
        member.seek(0)
        assert member.read(len(header)) == header


@pytest.mark.parametrize("kind", FORMATS)
def test_members_can_be_sought_in_any_order(tmp_path: Path, kind: str) -> None:
    content = os.urandom(100_000)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(content)
    path = pack(tmp_path / "in", tmp_path / f"a.{kind}")
    rng = np.random.default_rng(1)
    with open_source(path / "a") as stream, open_source(path / "a") as other:
        assert stream.seek(0, io.SEEK_END) == len(content)
        for start in rng.integers(0, len(content), 20).tolist():
            stream.seek(start)
            other.read(100)
            assert stream.read(5000) == content[start : start + 5000]
        assert stream.seek(-10, io.SEEK_END) == len(content) - 10
        assert stream.read() == content[-10:]
        assert stream.read(1) == b""


def test_more_archives_than_are_kept_open_are_read(tmp_path: Path) -> None:
    write_stack(tmp_path / "series")
    for number in range(6):
        pack(tmp_path / "series", tmp_path / f"{number}.tar.zst")
    streams = [open_source(tmp_path / f"{n}.tar.zst" / "000.dcm") for n in range(6)]
    assert len({stream.read() for stream in streams}) == 1
    n_open = len(list(Path("/proc/self/fd").iterdir()))
    assert index(tmp_path).n_duplicates == 30
    del streams
    assert len(list(Path("/proc/self/fd").iterdir())) <= n_open


def test_an_archive_that_changes_after_listing_is_read_anew(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a", b"old")])
    with open_source(path / "a") as stream:
        assert stream.read() == b"old"
    zip_of(path, [("a", b"new content")])
    with open_source(path / "a") as stream:
        assert stream.read() == b"new content"
    path.unlink()
    with pytest.raises(UnfitDataError):
        open_source(path / "a")


def test_plain_files_beside_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("PK is no archive")
    assert list_archive(tmp_path / "note.txt") is None
