"""The quick walk finds what pydicom finds, or leaves the file to it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from corelab.dicom.dataset import DataSet
from corelab.dicom.files import walk
from corelab.dicom.parse import Parsed, parse_any, parse_plain
from corelab.dicom.walk import NeedMoreError, walk_header
from corelab.errors import UnfitDataError
from tests.dicom.tiny import NATIVE, ct_slice, enhanced_mr, wide_ct_slice, write, write_compressed

REPOSITORY = Path(__file__).parents[2]
PREAMBLE_AND_MARK = 132
EXPLICIT_LITTLE = NATIVE[0]

Content = dict[int, tuple[str, bytes, tuple["Content", ...]]]


def content_of(dataset: DataSet) -> Content:
    found: Content = {}
    for tag in dataset.tags():
        raw = dataset.get(tag)
        assert raw is not None
        assert raw.is_little_endian
        found[tag] = raw.vr, raw.value, tuple(content_of(item) for item in dataset.items(tag))
    return found


def facts_of(parsed: Parsed) -> tuple[object, ...]:
    about = parsed.transfer_syntax_uid, parsed.sop_class_uid, parsed.pixels, parsed.size
    return *about, parsed.is_cut, content_of(parsed.dataset)


def nested_slice() -> Dataset:
    inner, outer = Dataset(), Dataset()
    inner.CodeValue, inner.CodeMeaning = "T-A0100", "Brain"
    outer.AnatomicRegionSequence = Sequence([inner, inner])
    outer.ReferencedSOPInstanceUID = "1.2.3"
    slice_ = ct_slice()
    slice_.ReferencedImageSequence = Sequence([outer, Dataset(), outer])
    slice_.RequestAttributesSequence = Sequence([])
    return slice_


def of_undefined_length(slice_: Dataset) -> Dataset:
    for element in slice_.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
    return slice_


@pytest.mark.parametrize("make", [ct_slice, nested_slice, lambda: enhanced_mr((0, 1000))])
def test_defined_and_undefined_lengths_are_walked_alike(tmp_path: Path, make: object) -> None:
    assert callable(make)
    for number, slice_ in enumerate((make(), of_undefined_length(make()))):
        path = write(slice_, tmp_path / f"{number}.dcm")
        plain = parse_plain(path)
        assert plain is not None
        assert facts_of(plain) == facts_of(parse_any(path))


def test_header_longer_than_the_first_read_is_walked(tmp_path: Path) -> None:
    slice_ = nested_slice()
    slice_.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(
        0x10, "OB", bytes(range(256)) * 800
    )
    path = write(slice_, tmp_path / "a.dcm")
    plain = parse_plain(path)
    assert plain is not None
    assert facts_of(plain) == facts_of(parse_any(path))


@pytest.mark.parametrize("syntax", [*NATIVE[1:], "1.2.840.10008.1.2.1.99"])
def test_other_encodings_are_left_to_pydicom(tmp_path: Path, syntax: str) -> None:
    assert parse_plain(write(ct_slice(), tmp_path / "a.dcm", syntax)) is None


def test_compressed_pixels_are_found(tmp_path: Path) -> None:
    path = write_compressed(
        wide_ct_slice(), tmp_path / "a.dcm", "1.2.840.10008.1.2.4.80", "pyjpegls"
    )
    plain = parse_plain(path)
    assert plain is not None
    assert plain.pixels is not None
    assert plain.pixels.length is None
    assert facts_of(plain) == facts_of(parse_any(path))


def test_elements_out_of_order_are_left_to_pydicom(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm")
    content = path.read_bytes()
    name = content.index(struct.pack("<HH2s", 0x0010, 0x0010, b"PN"))
    path.write_bytes(content[:name] + content[name:].replace(b"\x10\x00\x10", b"\x07\x00\x10", 1))
    assert parse_plain(path) is None


def test_bytes_that_end_early_ask_for_more(tmp_path: Path) -> None:
    content = write(nested_slice(), tmp_path / "a.dcm").read_bytes()
    start = walk_header(content, PREAMBLE_AND_MARK).pixels_start
    for length in range(PREAMBLE_AND_MARK, start):
        with pytest.raises(NeedMoreError):
            walk_header(content[:length], PREAMBLE_AND_MARK)


@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_scrambled_header_is_never_read_otherwise_than_pydicom_reads_it(
    tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(write(of_undefined_length(nested_slice()), tmp_path / "a").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(PREAMBLE_AND_MARK, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "scrambled.dcm"
    path.write_bytes(bytes(content))
    plain = parse_plain(path)
    if plain is None:
        return
    try:
        ours: object = facts_of(plain)
    except UnfitDataError as error:
        ours = error.reason
    try:
        theirs: object = facts_of(parse_any(path))
    except UnfitDataError as error:
        theirs = error.reason
    assert ours == theirs


def test_sample_delivery_is_walked_as_pydicom_reads_it() -> None:
    assert_agreement(walk(REPOSITORY / "sample_data" / "incoming").files[::7])


def test_real_scans_are_walked_as_pydicom_reads_them(shared_data: Path) -> None:
    assert_agreement(walk(shared_data / "dicom").files)


def assert_agreement(paths: tuple[Path, ...]) -> None:
    n_plain = 0
    for path in paths:
        plain = parse_plain(path)
        if plain is not None:
            n_plain += 1
            assert facts_of(plain) == facts_of(parse_any(path)), path.name
    assert n_plain > len(paths) / 3
