from __future__ import annotations

import struct

import pytest
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from corelab.dicom.bvalue import Diffusion, read_diffusion
from corelab.dicom.element import Elements
from corelab.dicom.gradient import Directionality

Texts = dict[int, tuple[str, bytes]]


def raw_dataset(elements: Texts) -> Dataset:
    """Elements as they lie in a little-endian file, not yet converted."""
    raw: dict[BaseTag, DataElement | RawDataElement] = {
        Tag(tag): RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)  # noqa: FBT003 - pydicom's own record
        for tag, (vr, value) in elements.items()
    }
    return Dataset(raw)


def diffusion_of(elements: Texts, image_type: tuple[str, ...] = ()) -> Diffusion:
    return read_diffusion(Elements(raw_dataset(elements)), None, image_type)


def double(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


STANDARD: Texts = {0x00189087: ("FD", double(1000.0))}
SIEMENS: Texts = {
    0x00190010: ("LO", b"SIEMENS MR HEADER "),
    0x0019100C: ("IS", b"1000"),
}
SIEMENS_OTHER_BLOCK: Texts = {
    0x00190011: ("LO", b"SIEMENS MR HEADER "),
    0x0019110C: ("IS", b"1000"),
}
SIEMENS_ANONYMISED: Texts = {0x0019100C: ("IS", b"1000")}
FOREIGN_BLOCK: Texts = {
    0x00190010: ("LO", b"GEMS_ACQU_01"),
    0x0019100C: ("IS", b"1000"),
}
GE: Texts = {0x00430010: ("LO", b"GEMS_PARM_01"), 0x00431039: ("IS", b"1000\\8\\0\\0 ")}
GE_OFFSET: Texts = {0x00430010: ("LO", b"GEMS_PARM_01"), 0x00431039: ("IS", b"1000001000\\8\\0\\0")}
PHILIPS: Texts = {
    0x20010010: ("LO", b"Philips Imaging DD 001"),
    0x20011003: ("UN", struct.pack("<f", 1000.0)),
}
UIH: Texts = {
    0x00650010: ("LO", b"Image Private Header"),
    0x00651009: ("FD", double(1000.0)),
}
NAMED: Texts = {0x00180024: ("SH", b"*ep_b1000t")}
COMMENTED: Texts = {0x00204000: ("LT", b"b=1000(0.000,-0.445,0.895)")}


@pytest.mark.parametrize(
    "elements",
    [
        STANDARD,
        SIEMENS,
        SIEMENS_OTHER_BLOCK,
        SIEMENS_ANONYMISED,
        GE,
        GE_OFFSET,
        PHILIPS,
        UIH,
        NAMED,
        COMMENTED,
    ],
)
def test_b_value_is_found_where_each_vendor_writes_it(elements: Texts) -> None:
    assert diffusion_of(elements).b_value_s_mm2 == 1000.0


def test_block_of_another_creator_is_not_read() -> None:
    assert diffusion_of(FOREIGN_BLOCK).b_value_s_mm2 is None


def test_standard_element_stands_above_private_ones() -> None:
    elements = {**GE, 0x00189087: ("FD", double(800.0))}
    assert diffusion_of(elements).b_value_s_mm2 == 800.0


def test_no_source_is_no_b_value() -> None:
    assert diffusion_of({}).b_value_s_mm2 is None


def test_text_where_a_number_belongs_is_no_b_value() -> None:
    assert diffusion_of({**SIEMENS, 0x0019100C: ("IS", b"b1000 ")}).b_value_s_mm2 is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({0x00189075: ("CS", b"ISOTROPIC ")}, Directionality.ISOTROPIC),
        ({0x00189075: ("CS", b"DIRECTIONAL ")}, Directionality.DIRECTIONAL),
        ({0x00189075: ("CS", b"BMATRIX ")}, Directionality.DIRECTIONAL),
        ({0x00189089: ("FD", double(0, 0, 0))}, Directionality.ISOTROPIC),
        ({0x00189089: ("FD", double(0, 0, 1))}, Directionality.DIRECTIONAL),
        ({0x00180024: ("SH", b"ep_b1000#3")}, Directionality.DIRECTIONAL),
        ({0x00180024: ("SH", b"*ep_b1000t")}, Directionality.ISOTROPIC),
        (
            {0x20010010: ("LO", b"Philips Imaging DD 001"), 0x20011004: ("CS", b"I ")},
            Directionality.ISOTROPIC,
        ),
        (
            {0x20010010: ("LO", b"Philips Imaging DD 001"), 0x20011004: ("CS", b"P ")},
            Directionality.DIRECTIONAL,
        ),
        ({}, Directionality.UNKNOWN),
    ],
)
def test_direction_is_told_from_trace(more: Texts, expected: Directionality) -> None:
    assert diffusion_of({**STANDARD, **more}).directionality is expected


def test_ge_direction_is_its_three_private_numbers() -> None:
    vector: Texts = {0x00190010: ("LO", b"GEMS_ACQU_01")}
    vector |= {0x001910BB + axis: ("DS", b"1.0 " if axis == 0 else b"0 ") for axis in range(3)}
    assert diffusion_of({**GE, **vector}).directionality is Directionality.DIRECTIONAL


def test_b_zero_has_no_direction() -> None:
    found = diffusion_of({0x00189087: ("FD", double(0.0)), 0x00189089: ("FD", double(0, 0, 1))})
    assert found.directionality is Directionality.NONE


def test_b_zero_alone_does_not_make_diffusion_imaging() -> None:
    assert not diffusion_of({0x00189087: ("FD", double(0.0))}).is_evidence


@pytest.mark.parametrize(
    "image_type", [("ORIGINAL", "PRIMARY", "DIFFUSION"), ("DERIVED", "PRIMARY", "ADC")]
)
def test_image_type_declares_diffusion(image_type: tuple[str, ...]) -> None:
    assert diffusion_of({}, image_type).is_evidence


def test_echo_planar_scan_named_dwi_declares_diffusion() -> None:
    named: Texts = {0x0008103E: ("LO", b"AX DWI b1000")}
    assert diffusion_of({**named, 0x00180020: ("CS", b"EP")}).is_evidence
    assert not diffusion_of(named).is_evidence
