from __future__ import annotations

import struct
from io import BytesIO

import pydicom
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
UIH_DIRECTION: Texts = {
    **UIH,
    0x0065100A: ("FD", double(1200.0)),
    0x00651037: ("FD", double(0.0, 0.6, 0.8)),
}


def csa(**tags: str | tuple[str, ...]) -> bytes:
    """Pack a CSA header of the layout that software since 2001 writes."""
    body = b""
    for name, values in tags.items():
        texts = (values,) if isinstance(values, str) else values
        body += struct.pack("<64si4siii", name.encode(), len(texts), b"FD", 0, len(texts), 77)
        for text in texts:
            value = text.encode() + b"\0"
            body += struct.pack("<4i", len(value), len(value), 77, len(value))
            body += value.ljust(-(-len(value) // 4) * 4, b"\0")
    return b"SV10\4\3\2\1" + struct.pack("<II", len(tags), 77) + body


def siemens_csa(**tags: str | tuple[str, ...]) -> Texts:
    return {0x00290010: ("LO", b"SIEMENS CSA HEADER"), 0x00291010: ("OB", csa(**tags))}


SIEMENS_CSA = siemens_csa(EchoLinePosition="64", B_value="1000", UsedChannelMask="1")
NAMED: Texts = {0x00180024: ("SH", b"*ep_b1000t")}
COMMENTED: Texts = {0x00204000: ("LT", b"b=1000(0.000,-0.445,0.895)")}


@pytest.mark.parametrize(
    "elements",
    [
        STANDARD,
        SIEMENS,
        SIEMENS_OTHER_BLOCK,
        SIEMENS_ANONYMISED,
        SIEMENS_CSA,
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


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (siemens_csa(B_value="1000", DiffusionDirectionality="ISOTROPIC"), "ISOTROPIC"),
        (
            siemens_csa(B_value="1000", DiffusionDirectionality="DIRECTIONAL"),
            "DIRECTIONAL",
        ),
        (
            siemens_csa(B_value="1000", DiffusionGradientDirection=("0.0", "0.6", "0.8")),
            "DIRECTIONAL",
        ),
        (siemens_csa(B_value="0", DiffusionDirectionality="NONE"), "NONE"),
    ],
)
def test_csa_header_tells_trace_direction_and_b0_apart(tags: Texts, expected: str) -> None:
    assert diffusion_of(tags).directionality == expected


def test_csa_header_without_a_b_value_gives_none() -> None:
    assert diffusion_of(siemens_csa(B_value=(), SliceNormalVector="1")).b_value_s_mm2 is None


def test_gradient_is_read_where_each_vendor_writes_it() -> None:
    ge: Texts = {**GE, 0x00190010: ("LO", b"GEMS_ACQU_01")}
    ge |= {0x001910BB + axis: ("DS", text) for axis, text in enumerate((b"0 ", b"3.0 ", b"4.0 "))}
    philips: Texts = {**PHILIPS, 0x20050010: ("LO", b"Philips MR Imaging DD 001")}
    for axis, part in enumerate((0.0, 0.6, 0.8)):
        philips[0x200510B0 + axis] = ("FL", struct.pack("<f", part))
    siemens: Texts = {**SIEMENS, 0x0019100E: ("FD", double(0.0, 0.6, 0.8))}
    old = siemens_csa(B_value="1000", DiffusionGradientDirection=("0.0", "0.6", "0.8"))
    canon: Texts = {**STANDARD, 0x00204000: ("LT", b"b=1000(0.000,0.600,0.800)")}
    for elements in (ge, philips, siemens, old, UIH_DIRECTION, canon):
        found = diffusion_of(elements)
        assert found.gradient == pytest.approx((0.0, 0.6, 0.8), abs=1e-6)
        assert found.directionality is Directionality.DIRECTIONAL


def test_gradient_stands_in_a_sequence_of_its_own_in_enhanced_objects() -> None:
    whole, group, nested = Dataset(), Dataset(), Dataset()
    nested.DiffusionGradientOrientation = [0.0, 0.6, 0.8]
    group.DiffusionBValue = 1000.0
    group.DiffusionGradientDirectionSequence = [nested]
    stream = BytesIO()
    whole.MRDiffusionSequence = [group]
    whole.save_as(stream, implicit_vr=False, little_endian=True)
    stream.seek(0)
    read = Elements(pydicom.dcmread(stream, force=True))
    found = read_diffusion(read, read.item("MRDiffusionSequence"), ())
    assert found.b_value_s_mm2 == 1000.0
    assert found.gradient == pytest.approx((0.0, 0.6, 0.8))


def test_played_out_b_value_of_uih_counts_not_the_one_asked_for() -> None:
    assert diffusion_of(UIH_DIRECTION).b_value_s_mm2 == 1000.0


def ge_tensor(flag: int, *parts: bytes) -> Texts:
    found: Texts = {**GE, 0x00431030: ("SS", struct.pack("<h", flag))}
    found[0x00190010] = ("LO", b"GEMS_ACQU_01")
    return found | {0x001910BB + axis: ("DS", part) for axis, part in enumerate(parts)}


NOWHERE = (b"0 ", b"0 ", b"0 ")


@pytest.mark.parametrize(
    ("elements", "b_value", "direction"),
    [
        (ge_tensor(14, *NOWHERE), 0.0, Directionality.NONE),
        (ge_tensor(14), 0.0, Directionality.NONE),
        (ge_tensor(16, *NOWHERE), 0.0, Directionality.NONE),
        (ge_tensor(16, b"1 ", b"0 ", b"0 "), 1000.0, Directionality.DIRECTIONAL),
        (ge_tensor(19, *NOWHERE), 1000.0, Directionality.ISOTROPIC),
    ],
)
def test_ge_tensor_images_without_gradient_are_b0_whatever_b_value_they_carry(
    elements: Texts, b_value: float, direction: Directionality
) -> None:
    found = diffusion_of(elements)
    assert (found.b_value_s_mm2, found.directionality) == (b_value, direction)


@pytest.mark.parametrize("elements", [GE, SIEMENS, SIEMENS_CSA])
def test_b0_that_the_header_calls_diffusion_stays_b0(elements: Texts) -> None:
    zero: Texts = {
        tag: (vr, value.replace(b"1000", b"0   ")) for tag, (vr, value) in elements.items()
    }
    found = diffusion_of(zero, ("ORIGINAL", "PRIMARY", "DIFFUSION"))
    assert found.is_evidence
    assert (found.b_value_s_mm2, found.directionality) == (0.0, Directionality.NONE)


@pytest.mark.parametrize("value", [b"-1  ", b"1,5 ", b"nan "])
def test_a_b_value_that_is_none_is_not_guessed(value: bytes) -> None:
    assert diffusion_of({**SIEMENS, 0x0019100C: ("IS", value)}).b_value_s_mm2 is None


def as_unknown(elements: Texts) -> Texts:
    """The same private elements where a file does not tell their VR, as implicit VR does not."""
    return {
        tag: (vr if tag & 0xFFFF < 0x1000 or tag >> 16 == 0x0018 else "UN", value)
        for tag, (vr, value) in elements.items()
    }


def test_ge_s_gradient_and_flag_are_read_where_the_file_does_not_tell_their_vr() -> None:
    gradient: Texts = {
        0x00190010: ("LO", b"GEMS_ACQU_01"),
        0x001910BB: ("DS", b"0.000000"),
        0x001910BC: ("DS", b"-1.00000"),
        0x001910BD: ("DS", b"0.000000"),
    }
    told = {**GE, **gradient, 0x00431030: ("SS", struct.pack("<h", 16))}
    found = diffusion_of(as_unknown(told))
    assert found == diffusion_of(told)
    assert found.gradient == (0.0, -1.0, 0.0)
    unweighted = {**told, 0x001910BC: ("DS", b"0.000000")}
    assert diffusion_of(as_unknown(unweighted)).b_value_s_mm2 == 0
