from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.leaktext import LONGEST_TEXT, kind_of
from corelab.series import Identifier, IdentifierKind
from tests.dicom.tiny import NATIVE, ct_slice, write


def texts_of(path: Path) -> set[Identifier]:
    header = read_header(path)
    assert isinstance(header, FileHeader)
    return set(header.texts)


def test_texts_come_from_every_depth_with_their_kind(tmp_path: Path) -> None:
    slice_ = ct_slice()
    item = Dataset()
    item.ReferringPhysicianName = "Roe^Richard=Ro^R"
    item.InstitutionName = "Mercy Hospital"
    slice_.RequestAttributesSequence = [item, item]
    block = slice_.private_block(0x0009, "SITE SYSTEM", create=True)
    block.add_new(0x01, "UN", b"Doe, bed 12 ")
    block.add_new(0x02, "OB", b"\x02SV10\0\0\0ward 4B\0")
    slice_.PatientComments = "x" * 5000
    slice_.PatientSex, slice_.PatientAge, slice_.StudyID = "F", "064Y", "1"
    slice_.StationName, slice_.DeviceSerialNumber = "CT1", "55"
    slice_.add_new(0x60000022, "LO", "overlay of Doe")
    found = texts_of(write(slice_, tmp_path / "a.dcm"))
    assert {
        Identifier("Roe^Richard", IdentifierKind.NAME),
        Identifier("Ro^R", IdentifierKind.NAME),
        Identifier("Mercy Hospital", IdentifierKind.PLACE),
        Identifier("Doe, bed 12", IdentifierKind.DESCRIPTION),
        Identifier("ward 4B", IdentifierKind.DESCRIPTION),
        Identifier("SITE SYSTEM", IdentifierKind.DESCRIPTION),
        Identifier("overlay of Doe", IdentifierKind.DESCRIPTION),
        Identifier("Doe^Jane", IdentifierKind.NAME),
        Identifier("PAT-1", IdentifierKind.NUMBER),
        Identifier("1", IdentifierKind.NUMBER),
        Identifier("F", IdentifierKind.CODE),
        Identifier("AXIAL", IdentifierKind.CODE),
        Identifier("064Y", IdentifierKind.MOMENT),
        Identifier("20240305", IdentifierKind.MOMENT),
        Identifier("134501.5", IdentifierKind.MOMENT),
        Identifier("CT1", IdentifierKind.PLACE),
        Identifier("55", IdentifierKind.DEVICE),
        Identifier("TINY", IdentifierKind.DEVICE),
        Identifier("2.25.100", IdentifierKind.UID),
    } <= found
    assert max(len(known.text) for known in found) == LONGEST_TEXT
    assert not any(known.text.startswith("1.2.840.10008.") for known in found)


def untyped(tmp_path: Path, value: bytes, charset: str = "ISO_IR 100") -> set[str]:
    """What is found in a private element whose file does not tell that it is a text."""
    slice_ = ct_slice()
    slice_.SpecificCharacterSet = charset
    slice_.private_block(0x0009, "SITE", create=True).add_new(0x01, "UN", value)
    plain = ct_slice()
    plain.SpecificCharacterSet = charset
    plain.private_block(0x0009, "SITE", create=True)
    paths = (write(one, tmp_path / f"{n}.dcm") for n, one in enumerate((slice_, plain)))
    with_value, without = ({known.text for known in texts_of(path)} for path in paths)
    return with_value - without


@pytest.mark.parametrize(
    ("value", "charset", "texts"),
    [
        ("Jürg Häß".encode("latin-1"), "ISO_IR 100", {"Jürg Häß"}),
        ("Jürg Häß".encode("latin-1"), "ISO_IR 192", {"Jürg Häß"}),
        ("Jürg Häß\r\nStation Süd".encode(), "ISO_IR 192", {"Jürg Häß", "Station Süd"}),
        ("Jürg Häß".encode(), "ISO_IR 6", {"Jürg Häß"}),
        ("山田太郎".encode(), "ISO_IR 192", {"山田太郎"}),
        ("山田太郎".encode(), "ISO_IR 100", {"山田太郎"}),
        ("Иванов".encode("iso8859-5"), "ISO_IR 144", {"Иванов"}),
        (b"\x1b$B;3ED\x1b(B", "\\ISO 2022 IR 87", {"山田"}),
        (b"\x01\x02Smith\0", "ISO_IR 100", {"Smith"}),
        (b"\x01\x02O'Ha\0\x01", "ISO_IR 100", {"O'Ha"}),
        (b"." * 300 + b"\0\x01Jane Smith\0", "ISO_IR 100", {"." * LONGEST_TEXT, "Jane Smith"}),
    ],
)
def test_a_name_in_an_element_without_a_text_type_is_known(
    tmp_path: Path, value: bytes, charset: str, texts: set[str]
) -> None:
    assert untyped(tmp_path, value + b" " * (len(value) % 2), charset) == texts


@pytest.mark.parametrize(
    "value",
    [
        struct.pack("<4f", 0.1, 1.5, -2.25, 37.2),
        struct.pack("<3d", 0.1, 1e9, -3.75),
        struct.pack("<6H", 512, 65535, 40, 0, 230, 0),
        struct.pack("<3i", -1, 40000, 7),
        b"\x01\x02" * 40 + b"Smith\0",
    ],
)
def test_numbers_of_an_element_without_a_type_make_no_texts(tmp_path: Path, value: bytes) -> None:
    assert untyped(tmp_path, value) == set()


@pytest.mark.parametrize("syntax", [*NATIVE, DeflatedExplicitVRLittleEndian])
def test_texts_of_file_meta_preamble_and_trailing_bytes_are_known(
    tmp_path: Path, syntax: str
) -> None:
    path = write(ct_slice(), tmp_path / "a.dcm", syntax)
    content = bytearray(path.read_bytes())
    content[:12] = b"Mercy scan 7"
    path.write_bytes(content)
    assert Identifier("Mercy scan 7", IdentifierKind.DESCRIPTION) in texts_of(path)
    if syntax != DeflatedExplicitVRLittleEndian:
        path.write_bytes(bytes(content) + b"\0\0behind: Jane Doe\0")
        assert Identifier("behind: Jane Doe", IdentifierKind.DESCRIPTION) in texts_of(path)


def test_an_application_in_the_file_meta_is_a_device(tmp_path: Path) -> None:
    slice_ = ct_slice()
    path = write(slice_, tmp_path / "a.dcm")
    slice_.file_meta.SourceApplicationEntityTitle = "MERCY_CT2"
    slice_.save_as(path, enforce_file_format=True)
    assert Identifier("MERCY_CT2", IdentifierKind.DEVICE) in texts_of(path)


@pytest.mark.parametrize(
    ("tag", "vr", "kind"),
    [
        (0x00080050, "SH", IdentifierKind.NUMBER),  # AccessionNumber
        (0x00100020, "LO", IdentifierKind.NUMBER),  # PatientID
        (0x00181000, "LO", IdentifierKind.DEVICE),  # DeviceSerialNumber
        (0x00181210, "SH", IdentifierKind.DEVICE),  # ConvolutionKernel
        (0x00080080, "LO", IdentifierKind.PLACE),  # InstitutionName
        (0x00081010, "SH", IdentifierKind.PLACE),  # StationName
        (0x00080092, "ST", IdentifierKind.PLACE),  # ReferringPhysicianAddress
        (0x0008103E, "LO", IdentifierKind.DESCRIPTION),  # SeriesDescription
        (0x00091001, "LO", IdentifierKind.DESCRIPTION),  # private
        (0x00091001, "PN", IdentifierKind.NAME),  # private
    ],
)
def test_the_kind_follows_vr_and_keyword(tag: int, vr: str, kind: IdentifierKind) -> None:
    assert kind_of(tag, vr) is kind
