from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from corelab.dicom.decode import decoded_slices, open_pixels
from corelab.dicom.digest import file_digest, pixel_digest
from corelab.dicom.files import printable, walk
from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError
from tests.dicom.archiving import FORMATS, pack
from tests.dicom.tiny import ct_slice, enhanced_mr, index_all, stored_values, write, write_stack

DEFLATED = "1.2.840.10008.1.2.1.99"


def test_what_is_no_file_is_skipped_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stack(tmp_path / "real")
    (tmp_path / "real" / "link.dcm").symlink_to(tmp_path / "real" / "000.dcm")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.dcm")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("socket")
    delivery = index_all(tmp_path)
    assert delivery.n_files == 5
    found = {entry.path.name: entry.refusal.message for entry in delivery.skipped}
    assert found == {
        "link.dcm": "a link, which is not followed",
        "loop": "a link, which is not followed",
        "dangling": "a link, which is not followed",
        "pipe.dcm": "a pipe",
        "socket": "a socket",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_closed_folder_and_a_closed_file_are_named(tmp_path: Path) -> None:
    closed = write_stack(tmp_path / "closed")[0].parent
    file = write(ct_slice(0), tmp_path / "file.dcm")
    closed.chmod(0)
    file.chmod(0)
    delivery = index_all(tmp_path)
    closed.chmod(0o700)
    assert [entry.path for entry in delivery.skipped] == [closed]
    assert delivery.skipped[0].refusal.reason is ReasonCode.UNREADABLE
    assert [loose.path for loose in delivery.loose] == [file]
    assert delivery.loose[0].refusal.reason is ReasonCode.UNREADABLE


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert [entry.refusal.reason for entry in walk(tmp_path / "gone").skipped] == ["unreadable"]


def test_a_file_that_is_gone_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(UnfitDataError, match="cannot be opened"):
        open_source(tmp_path / "gone")


def test_any_name_can_be_printed() -> None:
    name = Path(os.fsdecode(b"M\xfcller\x1b[2J")) / "\u202etxt.zip" / "Zo\xeb"
    assert printable(name) == "M\\xfcller\\x1b[2J/\\u202etxt.zip/Zo\xeb"
    printable(name).encode("utf-8")


@pytest.mark.parametrize("kind", FORMATS)
def test_digests_do_not_depend_on_where_a_file_lies(tmp_path: Path, kind: str) -> None:
    path = write_stack(tmp_path / "in", 1)[0]
    archive = pack(tmp_path / "in", tmp_path / f"a.{kind}")
    digest = file_digest(path)
    assert file_digest(archive / path.name) == digest
    assert pixel_digest(archive / path.name) == digest.pixels


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", DEFLATED])
def test_a_header_is_no_part_of_the_pixel_digest(tmp_path: Path, syntax: str) -> None:
    one, other, changed = ct_slice(0), ct_slice(0), ct_slice(0)
    other.PatientName = "Another^Name of a length that moves the pixels"
    changed.PixelData = changed.PixelData[:-2] + b"\1\1"
    paths = [write(s, tmp_path / f"{n}.dcm", syntax) for n, s in enumerate((one, other, changed))]
    digests = [file_digest(path) for path in paths]
    assert len({digest.whole for digest in digests}) == 3
    assert digests[0].pixels == digests[1].pixels != digests[2].pixels
    assert [pixel_digest(path) for path in paths] == [digest.pixels for digest in digests]


def test_the_frames_of_a_file_are_read_through_one_opening(tmp_path: Path) -> None:
    file = open_pixels(write(enhanced_mr((0.0,)), tmp_path / "enhanced.dcm"))
    frames = decoded_slices(file, range(4))
    assert (next(frames) == stored_values(0)).all()
    file.path.unlink()
    assert [int(frame[0, 0]) for frame in frames] == [1100, 1200, 1300]
