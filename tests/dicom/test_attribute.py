from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from corelab.dicom.attribute import attributes_of, keyword_of
from corelab.dicom.dataset import PydicomDataSet
from corelab.dicom.index import index
from corelab.dicom.parse import parse
from corelab.series import Attribute
from tests.dicom.tiny import ct_slice, write, write_stack


def with_sequence(k: int = 0) -> Dataset:
    slice_ = ct_slice(k)
    item = Dataset()
    item.PatientID = "PAT-9"
    slice_.OtherPatientIDsSequence = Sequence([item, item])
    block = slice_.private_block(0x0029, "VENDOR", create=True)
    block.add_new(0x10, "LO", "Doe^Jane")
    return slice_


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_every_attribute_is_told_once_nested_and_private_ones_too(
    tmp_path: Path, syntax: str
) -> None:
    found = attributes_of(parse(write(with_sequence(), tmp_path / "a.dcm", syntax)).dataset)
    assert len(found) == len(set(found))
    tags = {attribute.tags for attribute in found}
    expected = {
        (int(element.tag),) for element in with_sequence() if element.keyword != "PixelData"
    }
    assert tags == expected | {(0x00101002, 0x00100020)}
    assert Attribute((0x00100010,), "PN") in found
    assert Attribute((0x00101002, 0x00100020), "LO") in found


def test_no_value_is_kept(tmp_path: Path) -> None:
    found = attributes_of(parse(write(with_sequence(), tmp_path / "a.dcm")).dataset)
    assert "PAT-9" not in repr(found)
    assert "Doe" not in repr(found)
    assert "VENDOR" not in repr(found)


def test_two_objects_that_differ_inside_a_sequence_alone_are_told_apart(tmp_path: Path) -> None:
    plain, other = with_sequence(), with_sequence()
    other.OtherPatientIDsSequence[0].PatientComments = "hidden"
    first = attributes_of(parse(write(plain, tmp_path / "a.dcm")).dataset)
    second = attributes_of(parse(write(other, tmp_path / "b.dcm")).dataset)
    assert set(second) - set(first) == {Attribute((0x00101002, 0x00104000), "LT")}


def test_slices_alike_share_one_record(tmp_path: Path) -> None:
    """It then crosses processes once, and costs memory once."""
    paths = write_stack(tmp_path, 3, make=with_sequence)
    delivery = index(tmp_path)
    assert set(delivery.attributes) == set(paths)
    assert len({id(found) for found in delivery.attributes.values()}) == 1


def test_the_quick_walk_and_pydicom_tell_the_same_layout(tmp_path: Path) -> None:
    import pydicom  # noqa: PLC0415 - the judge

    path = write(with_sequence(), tmp_path / "a.dcm")
    tags, _ = parse(path).dataset.layout()
    judged, _ = PydicomDataSet(pydicom.dcmread(path, stop_before_pixels=True)).layout()
    assert tags == judged


def test_private_and_unknown_attributes_have_no_keyword() -> None:
    assert keyword_of(0x00100010) == "PatientName"
    assert keyword_of(0x00291010) == ""
