"""Canaries in the odd places of a DICOM object: where a table of attributes does not reach."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import PurePosixPath

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from benchmarks.blinding.canary import Place, value_of
from benchmarks.blinding.canary_attributes import Attribute, meta_attributes
from benchmarks.blinding.canary_planter import Planter

_PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
_SECONDARY_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_PREAMBLE_BYTES = 128
_OVERLAY, _CURVE = 0x60000000, 0x50000000
_UNKNOWN_PUBLIC = 0x0018FF01
_PRIVATE_GROUP = 0x0013


def add_private(dataset: Dataset, file: PurePosixPath, planter: Planter) -> None:
    """Opaque bytes, a sequence and elements of unknown VR, as scanners write them."""
    creator = planter.word(Place.PRIVATE_CREATOR, "creator", file)
    block = dataset.private_block(_PRIVATE_GROUP, creator, create=True)
    block.add_new(0x01, "OB", _opaque(planter.word(Place.PRIVATE_OPAQUE, "OB", file)))
    item = Dataset()
    item.PatientName = value_of(planter.plant(Place.PRIVATE_NESTED, "PatientName", "PN", file))
    item.PatientID = planter.word(Place.PRIVATE_NESTED, "PatientID", file)
    block.add_new(0x02, "SQ", [item])
    block.add_new(0x03, "UN", _opaque(planter.word(Place.UNKNOWN_VR, "private", file)))
    unknown = _opaque(planter.word(Place.UNKNOWN_VR, "public", file))
    dataset[_UNKNOWN_PUBLIC] = DataElement(_UNKNOWN_PUBLIC, "UN", unknown)


def add_file_meta(dataset: Dataset, file: PurePosixPath, planter: Planter) -> None:
    """File meta information (PS3.10, 7.1) and the preamble before it."""
    meta = dataset.file_meta
    for attribute in meta_attributes():
        canary = planter.plant(Place.FILE_META, attribute.keyword, attribute.vr, file)
        meta[attribute.tag] = DataElement(attribute.tag, attribute.vr, value_of(canary))
    meta.PrivateInformation = _opaque(planter.word(Place.FILE_META, "PrivateInformation", file))
    word = planter.word(Place.PREAMBLE, "preamble", file).encode()
    dataset.preamble = word.ljust(_PREAMBLE_BYTES, b"\0")


def add_bytes(
    dataset: Dataset, attribute: Attribute, file: PurePosixPath, planter: Planter
) -> None:
    """Give a public attribute of opaque bytes a canary inside."""
    word = planter.word(Place.PUBLIC_BYTES, attribute.keyword, file)
    dataset[attribute.tag] = DataElement(attribute.tag, "OB", _opaque(word))


def comment_pixels(dataset: Dataset, file: PurePosixPath, planter: Planter) -> None:
    """Comment segment in the first codestream: JPEG-LS and JPEG 2000 have one, RLE has none."""
    insert = _COMMENTERS.get(dataset.file_meta.TransferSyntaxUID)
    if insert is None:
        return
    n_frames = int(dataset.get("NumberOfFrames", 1))
    first, *others = generate_frames(dataset.PixelData, number_of_frames=n_frames)
    comment = planter.word(Place.CODESTREAM, "comment segment", file).encode()
    dataset.PixelData = encapsulate([insert(first, comment), *others])


def _commented_jpeg(stream: bytes, comment: bytes) -> bytes:
    """Segment COM right behind the start (ISO 10918-1, B.2.4.5)."""
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    return stream[:2] + segment + stream[2:]


def _commented_jpeg_2000(stream: bytes, comment: bytes) -> bytes:
    """Segment COM of Latin text behind the size (ISO 15444-1, A.9.2)."""
    segment = b"\xff\x64" + (len(comment) + 4).to_bytes(2, "big") + b"\0\1" + comment
    end = 4 + int.from_bytes(stream[4:6], "big")
    return stream[:end] + segment + stream[end:]


_COMMENTERS = {JPEGLSLossless: _commented_jpeg, JPEG2000Lossless: _commented_jpeg_2000}


def lengthen_native_pixels(dataset: Dataset, file: PurePosixPath, planter: Planter) -> None:
    """Uncompressed pixels that hold more bytes than rows and columns ask for."""
    dataset.decompress(generate_instance_uid=False)
    word = planter.word(Place.BEHIND_PIXELS, "PixelData", file).encode()
    dataset.PixelData = dataset.PixelData + word


def add_annotation(dataset: Dataset, file: PurePosixPath, planter: Planter) -> None:
    """Text that a presentation state would draw on the image (PS3.3, C.10.5)."""
    text, layer = Dataset(), Dataset()
    text.UnformattedTextValue = planter.word(Place.ANNOTATION, "UnformattedTextValue", file)
    layer.GraphicLayer = planter.word(Place.ANNOTATION, "GraphicLayer", file)
    layer.TextObjectSequence = [text]
    dataset.GraphicAnnotationSequence = [layer]


def add_drawings(
    dataset: Dataset, attributes: Iterable[Attribute], file: PurePosixPath, planter: Planter
) -> None:
    """Overlay and curve of retired and present groups, with texts and data (PS3.3, C.9)."""
    for attribute in attributes:
        canary = planter.plant(Place.REPEATING_GROUP, attribute.keyword, attribute.vr, file)
        dataset[attribute.tag] = DataElement(attribute.tag, attribute.vr, value_of(canary))
    bits = _opaque(planter.word(Place.OVERLAY_DATA, "OverlayData", file)).ljust(32, b"\0")
    values = (
        (_OVERLAY | 0x0010, "US", 16),
        (_OVERLAY | 0x0011, "US", 16),
        (_OVERLAY | 0x0050, "SS", [1, 1]),
        (_OVERLAY | 0x0100, "US", 1),
        (_OVERLAY | 0x0102, "US", 0),
        (_OVERLAY | 0x3000, "OB", bits),
        (_CURVE | 0x3000, "OB", _opaque(planter.word(Place.CURVE_DATA, "CurveData", file))),
    )
    for tag, vr, value in values:
        dataset[tag] = DataElement(tag, vr, value)


def encapsulated_document(model: Dataset, file: PurePosixPath, planter: Planter) -> Dataset:
    """Make a PDF report of the model's patient (PS3.3, A.45)."""
    dataset = _beside(model, file, _PDF_CLASS, planter)
    text = planter.word(Place.OTHER_OBJECT, "EncapsulatedDocument", file)
    dataset.DocumentTitle = planter.word(Place.OTHER_OBJECT, "DocumentTitle", file)
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document = f"%PDF-1.4\n1 0 obj (Report of {text}) endobj\n%%EOF\n".encode()
    dataset.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return dataset


def secondary_capture(model: Dataset, file: PurePosixPath, planter: Planter) -> Dataset:
    """Make a screen shot of the model's patient (PS3.3, A.8)."""
    dataset = _beside(model, file, _SECONDARY_CAPTURE_CLASS, planter)
    dataset.SecondaryCaptureDeviceID = planter.word(Place.OTHER_OBJECT, "device", file)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 4, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation, dataset.PhotometricInterpretation = 0, "MONOCHROME2"
    dataset.PixelData = planter.word(Place.OTHER_OBJECT, "PixelData", file).encode() + b"\0" * 4
    dataset["PixelData"].VR = "OB"
    return dataset


def _beside(model: Dataset, file: PurePosixPath, sop_class: str, planter: Planter) -> Dataset:
    dataset = Dataset()
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID"):
        dataset[keyword] = copy.deepcopy(model[keyword])
    for keyword in ("SeriesInstanceUID", "SOPInstanceUID"):
        uid = planter.plant(Place.OTHER_OBJECT, keyword, "UI", file).text
        setattr(dataset, keyword, uid)
    dataset.InstitutionName = planter.word(Place.OTHER_OBJECT, "InstitutionName", file)
    dataset.SOPClassUID, dataset.Modality = UID(sop_class), "OT"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _opaque(word: str) -> bytes:
    """Bytes with a word inside, of even length."""
    return b"\x01\x00" + word.encode() + b"\x00\x02"
