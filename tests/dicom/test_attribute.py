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


def requested(keyword: str, value: str) -> Dataset:
    slice_, item = ct_slice(), Dataset()
    setattr(item, keyword, value)
    slice_.RequestAttributesSequence = Sequence([item])
    return slice_


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_items_of_one_length_that_hold_other_attributes_are_told_apart(
    tmp_path: Path, syntax: str
) -> None:
    """What is told of an object must not hang on which were read before it."""
    found = [
        attributes_of(parse(write(requested(*pair), tmp_path / pair[0], syntax)).dataset)
        for pair in (("ScheduledProcedureStepID", "PAT-9 "), ("RequestedProcedureID", "PAT-9 "))
    ]
    inside = [{tags[-1] for tags, _ in told if len(tags) > 1} for told in found]
    assert inside == [{0x00400009}, {0x00401001}]


def test_elements_that_pydicom_has_parsed_already_are_told_apart() -> None:
    first = requested("ScheduledProcedureStepID", "PAT-9")
    second = requested("RequestedProcedureID", "PAT-9")
    told = [{tags for tags, _ in attributes_of(PydicomDataSet(one))} for one in (first, second)]
    assert (0x00400275, 0x00400009) in told[0] - told[1]
    assert (0x00400275, 0x00401001) in told[1] - told[0]


def test_slices_alike_share_one_record(tmp_path: Path) -> None:
    """It then crosses processes once, and costs memory once."""
    paths = write_stack(tmp_path, 3, make=with_sequence)
    delivery = index(tmp_path)
    assert set(delivery.attributes) == set(paths)
    assert len({id(found) for found in delivery.attributes.values()}) == 1


def test_the_quick_walk_and_pydicom_tell_the_same_layout(tmp_path: Path) -> None:
    import pydicom  # noqa: PLC0415 - the judge

    path = write(with_sequence(), tmp_path / "a.dcm")
    judged = PydicomDataSet(pydicom.dcmread(path, stop_before_pixels=True))
    assert parse(path).dataset.layout() == judged.layout()


def test_private_and_unknown_attributes_have_no_keyword() -> None:
    assert keyword_of(0x00100010) == "PatientName"
    assert keyword_of(0x00291010) == ""
