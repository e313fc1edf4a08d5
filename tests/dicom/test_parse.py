from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corelab.dicom import parse as parse_module
from corelab.dicom.guard import guarded
from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.parse import parse
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import LooseFile, Refusal
from tests.dicom.tiny import NATIVE, ct_slice, cut, wide_ct_slice, write, write_compressed

DEFLATED = "1.2.840.10008.1.2.1.99"
PIXEL_DATA = 0x7FE00010
COMPRESSED = [
    ("1.2.840.10008.1.2.5", "pydicom"),
    ("1.2.840.10008.1.2.4.80", "pyjpegls"),
    ("1.2.840.10008.1.2.4.90", "pylibjpeg"),
]


def fault_of(path: Path) -> Refusal | None:
    record = read_header(path)
    return record.refusal if isinstance(record, LooseFile) else record.fault


def reason_of(path: Path) -> ReasonCode | None:
    fault = fault_of(path)
    return None if fault is None else fault.reason


@pytest.mark.parametrize("syntax", [*NATIVE, DEFLATED])
def test_sound_file_has_no_fault(tmp_path: Path, syntax: str) -> None:
    record = read_header(write(ct_slice(), tmp_path / "a.dcm", syntax))
    assert isinstance(record, FileHeader)
    assert record.fault is None
    assert record.transfer_syntax_uid == syntax


def test_empty_file_is_a_cut_header(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.touch()
    assert reason_of(path) is ReasonCode.HEADER_CUT


@pytest.mark.parametrize("content", [b"x", b"text file", bytes(200)])
def test_other_bytes_are_not_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    assert reason_of(path) is ReasonCode.NOT_DICOM


def test_file_without_preamble_is_not_read_by_force(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[132:])
    assert reason_of(path) is ReasonCode.PREAMBLE_ABSENT


def test_file_cut_anywhere_is_never_sound(tmp_path: Path) -> None:
    content = write(ct_slice(), tmp_path / "whole.dcm").read_bytes()
    path = tmp_path / "cut.dcm"
    wanted = {ReasonCode.HEADER_CUT, ReasonCode.PIXELS_TRUNCATED, ReasonCode.NOT_DICOM}
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert reason_of(path) in wanted, length


@pytest.mark.parametrize(("syntax", "plugin"), COMPRESSED)
def test_compressed_file_cut_anywhere_is_never_sound(
    tmp_path: Path, syntax: str, plugin: str
) -> None:
    path = write_compressed(wide_ct_slice(), tmp_path / "whole.dcm", syntax, plugin)
    content = path.read_bytes()
    start = content.rindex(b"\xe0\x7f\x10\x00OB")
    assert fault_of(path) is None
    for length in [*range(start + 12, len(content), 23), *range(len(content) - 20, len(content))]:
        path.write_bytes(content[:length])
        assert reason_of(path) is ReasonCode.PIXELS_TRUNCATED, length


@pytest.mark.parametrize(("syntax", "plugin"), COMPRESSED[1:])
def test_codestream_without_its_end_is_truncated(tmp_path: Path, syntax: str, plugin: str) -> None:
    path = write_compressed(wide_ct_slice(), tmp_path / "a.dcm", syntax, plugin)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\xff\xd9", b"\x00\x00"))
    assert reason_of(path) is ReasonCode.PIXELS_TRUNCATED


def test_deflated_file_cut_is_never_sound(tmp_path: Path) -> None:
    path = cut(write(ct_slice(), tmp_path / "a.dcm", DEFLATED), 30)
    assert fault_of(path) is not None


def test_deflate_bomb_is_refused_before_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm", DEFLATED)
    monkeypatch.setattr(parse_module, "INFLATED_LIMIT_BYTES", 100)
    assert reason_of(path) is ReasonCode.SIZE_BEYOND_SCANNER


def test_real_bomb_stays_within_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm", DEFLATED)
    start = 132 + 12 + int(pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = deflater.compress(bytes(64 * 2**20)) + deflater.flush()
    path.write_bytes(path.read_bytes()[:start] + bomb)
    monkeypatch.setattr(parse_module, "INFLATED_LIMIT_BYTES", 2**20)
    assert reason_of(path) is ReasonCode.SIZE_BEYOND_SCANNER


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
def test_size_of_no_scanner_is_refused_without_reading(tmp_path: Path, keyword: str) -> None:
    slice_ = ct_slice()
    setattr(slice_, keyword, 65535)
    fault = fault_of(write(slice_, tmp_path / "a.dcm"))
    assert fault is not None
    assert fault.reason is ReasonCode.SIZE_BEYOND_SCANNER
    assert "over 4096" in fault.message
    assert "65535" in fault.evidence


def test_too_many_frames_are_refused(tmp_path: Path) -> None:
    slice_ = ct_slice()
    slice_.NumberOfFrames = 2_000_000
    assert reason_of(write(slice_, tmp_path / "a.dcm")) is ReasonCode.SIZE_BEYOND_SCANNER


def test_fewer_pixels_than_declared_are_truncated(tmp_path: Path) -> None:
    slice_ = ct_slice()
    slice_.PixelData = slice_.PixelData[:-2]
    fault = fault_of(write(slice_, tmp_path / "a.dcm"))
    assert fault is not None
    assert fault.reason is ReasonCode.PIXELS_TRUNCATED
    assert fault.message == "the pixels hold 46 bytes of 48"


def test_bytes_after_the_pixels_are_allowed(tmp_path: Path) -> None:
    slice_ = ct_slice()
    slice_.PixelData += bytes(64)
    assert fault_of(write(slice_, tmp_path / "a.dcm")) is None


def test_length_beyond_the_file_is_a_cut_header(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm")
    content = bytearray(path.read_bytes())
    place = content.index(struct.pack("<HH2s", 0x0020, 0x0032, b"DS"))
    content[place + 4 : place + 12] = b"UN\0\0" + struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(bytes(content))
    assert reason_of(path) is ReasonCode.HEADER_CUT


def test_hundreds_of_nested_sequences_are_refused(tmp_path: Path) -> None:
    open_item = struct.pack("<HH2sHIHHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0)
    open_item = open_item[:-4] + struct.pack("<I", 0xFFFFFFFF)
    path = write(ct_slice(), tmp_path / "a.dcm")
    content = path.read_bytes()
    place = content.index(struct.pack("<HH2s", 0x0010, 0x0010, b"PN"))
    path.write_bytes(content[:place] + open_item * 3000 + content[place:])
    assert reason_of(path) is ReasonCode.HEADER_CUT


def test_nested_sequences_of_known_length_do_no_harm(tmp_path: Path) -> None:
    nested = struct.pack("<HH2sH", 0x0008, 0x0100, b"SH", 2) + b"x "
    for _ in range(3000):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(nested)) + nested
        nested = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, len(item)) + item
    path = write(ct_slice(), tmp_path / "a.dcm")
    content = path.read_bytes()
    place = content.index(struct.pack("<HH2s", 0x0010, 0x0010, b"PN"))
    path.write_bytes(content[:place] + nested + content[place:])
    assert fault_of(path) is None


@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_scrambled_bytes_never_raise(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(write(ct_slice(), tmp_path / "whole.dcm").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(132, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "scrambled.dcm"
    path.write_bytes(bytes(content))
    assert isinstance(read_header(path), FileHeader | LooseFile)


def test_missing_file_is_refused_not_raised(tmp_path: Path) -> None:
    assert isinstance(read_header(tmp_path / "none.dcm"), LooseFile)


def test_guard_keeps_the_text_out_of_the_message() -> None:
    with (
        pytest.raises(UnfitDataError) as caught,
        guarded(ReasonCode.HEADER_CUT, "cannot be read"),
    ):
        raise ValueError("Doe^Jane")
    assert caught.value.message == "cannot be read"
    assert "Doe^Jane" in caught.value.evidence


def test_guard_lets_our_own_faults_through() -> None:
    with pytest.raises(ZeroDivisionError), guarded(ReasonCode.HEADER_CUT, "cannot be read"):
        raise ZeroDivisionError


def test_guard_leaves_pydicom_as_it_was() -> None:
    before = pydicom.config.settings.reading_validation_mode
    with guarded(ReasonCode.HEADER_CUT, "cannot be read"):
        pass
    assert pydicom.config.settings.reading_validation_mode == before


def test_pixels_are_located_not_read(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm")
    parsed = parse(path)
    assert parsed.pixels is not None
    assert PIXEL_DATA not in parsed.dataset.tags()
    assert path.read_bytes()[parsed.pixels.offset :] == ct_slice().PixelData


def test_header_beyond_its_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm")
    monkeypatch.setattr(parse_module, "HEADER_LIMIT_BYTES", 100)
    assert reason_of(path) is ReasonCode.SIZE_BEYOND_SCANNER
