from __future__ import annotations

import math
import struct
from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from corelab.dicom.element import Elements, decode_text, strict_number
from corelab.dicom.moment import read_moment
from corelab.dicom.parse import parse
from tests.dicom.test_bvalue import raw_dataset
from tests.dicom.tiny import NATIVE, ct_slice, write

PATIENT_NAME = 0x00100010


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1.0), ("-0.5", -0.5), (".5", 0.5), ("5.", 5.0), ("1e-3", 0.001), ("+2E2", 200.0)],
)
def test_decimal_strings_are_numbers(text: str, expected: float) -> None:
    assert strict_number(text) == expected


@pytest.mark.parametrize(
    "text", ["", "0,488", "nan", "NaN", "inf", "1_000", "0x10", "1 2", "--1", "1e9999", "\u0661"]
)
def test_other_strings_are_no_numbers(text: str) -> None:
    assert math.isnan(strict_number(text))


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_written_floats_are_read_back(number: float) -> None:
    assert strict_number(repr(number)) == number


@pytest.mark.parametrize("syntax", NATIVE)
def test_values_are_equal_in_every_byte_order(tmp_path: Path, syntax: str) -> None:
    elements = Elements(parse(write(ct_slice(3), tmp_path / "a.dcm", syntax)).dataset)
    assert elements.numbers("ImagePositionPatient") == (-10.0, -20.0, 45.0)
    assert elements.whole("Rows") == 6
    assert elements.words("ImageType") == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert elements.text("PatientID") == "PAT-1"


def test_absent_is_none_and_unreadable_is_nan() -> None:
    elements = Elements(raw_dataset({0x00280030: ("DS", b"0,4\\0.4 ")}))
    assert elements.number("RescaleSlope") is None
    assert elements.whole("Rows") is None
    first, second = elements.numbers("PixelSpacing")
    assert math.isnan(first)
    assert second == 0.4


def test_values_equal_those_of_pydicom(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm")
    theirs = pydicom.dcmread(path)
    ours = Elements(parse(path).dataset)
    for keyword in ("PixelSpacing", "ImageOrientationPatient", "KVP", "Rows", "InstanceNumber"):
        value = theirs[keyword].value
        many = value if isinstance(value, pydicom.multival.MultiValue) else [value]
        assert ours.numbers(keyword) == tuple(float(part) for part in many)


def test_binary_number_cut_short_is_absent() -> None:
    assert Elements(raw_dataset({0x00280010: ("US", b"\x01")})).number("Rows") is not None
    assert Elements(raw_dataset({0x00280010: ("US", b"\x01")})).whole("Rows") is None


def test_unknown_character_set_loses_no_text() -> None:
    dataset = raw_dataset(
        {0x00080005: ("CS", b"NO_SUCH_SET"), PATIENT_NAME: ("PN", "M\u00fcller".encode("latin-1"))}
    )
    assert Elements(dataset).text("PatientName") == "M\u00fcller"


def test_character_set_is_followed() -> None:
    name = "\u041b\u044e\u043ac\u0435\u043c\u0431yp\u0433"
    dataset = raw_dataset({0x00080005: ("CS", b"ISO_IR 192"), PATIENT_NAME: ("PN", name.encode())})
    assert Elements(dataset).text("PatientName") == name


def test_bytes_of_no_codec_become_latin() -> None:
    assert decode_text(b"\xff\xfe", ("utf8",)) in {"\xff\xfe", "\ufffd\ufffd"}


def test_value_too_long_to_keep_counts_as_absent() -> None:
    tag = Tag(0x00204000)
    raw = RawDataElement(tag, "LT", 10**9, None, 0, False, True)  # noqa: FBT003 - pydicom's own record
    assert Elements(Dataset({tag: raw})).text("ImageComments") == ""


def moment_of(**elements: str) -> datetime | None:
    pairs = {Tag(keyword): ("DT", value.encode()) for keyword, value in elements.items()}
    return read_moment(Elements(raw_dataset({int(tag): pair for tag, pair in pairs.items()})))


def at(*parts: int) -> str:
    date = "-".join(f"{part:02d}" for part in parts[:3])
    return f"{date}T" + ":".join(f"{part:02d}" for part in parts[3:])


def test_acquisition_stands_before_series_and_study() -> None:
    moment = moment_of(
        AcquisitionDate="20240305", AcquisitionTime="1345", StudyDate="20240304", StudyTime="10"
    )
    assert moment is not None
    assert moment.isoformat() == at(2024, 3, 5, 13, 45, 0)


def test_stamp_with_zone_is_the_scanners_clock() -> None:
    moment = moment_of(AcquisitionDateTime="20240305134501.123456+0100")
    assert moment is not None
    assert moment.isoformat() == at(2024, 3, 5, 13, 45, 1)


@pytest.mark.parametrize("day", ["", "2024", "20241350", "yesterday", "0000-00-00"])
def test_date_that_is_none_gives_no_moment(day: str) -> None:
    assert moment_of(StudyDate=day, StudyTime="120000") is None


def test_old_dotted_dates_are_read() -> None:
    moment = moment_of(StudyDate="1998.06.03", StudyTime="12:30:01")
    assert moment is not None
    assert moment.isoformat() == at(1998, 6, 3, 12, 30, 1)


def test_signed_and_unsigned_words_differ() -> None:
    word = struct.pack("<h", -2)
    assert Elements(raw_dataset({0x00280120: ("SS", word)})).number("PixelPaddingValue") == -2
    assert Elements(raw_dataset({0x00280120: ("US", word)})).number("PixelPaddingValue") == 65534
