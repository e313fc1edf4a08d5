"""The public text attributes of the DICOM dictionary, and where each can be planted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pydicom.datadict import DicomDictionary, RepeatersDictionary

from benchmarks.blinding.canary import FORM_OF_VR

_COMMAND_GROUP, _META_GROUP = 0x0000, 0x0002


class Attribute(NamedTuple):
    """One attribute of the dictionary."""

    tag: int
    vr: str
    keyword: str


def text_attributes() -> tuple[Attribute, ...]:
    """Every public text attribute that may stand in a data set, by tag."""
    return _of_group(lambda group: group not in {_COMMAND_GROUP, _META_GROUP})


def meta_attributes() -> tuple[Attribute, ...]:
    """Text attributes of the file meta information, but for those that say how to read on."""
    found = _of_group(lambda group: group == _META_GROUP)
    return tuple(a for a in found if a.keyword not in _READ_BEFORE_ALL)


def command_attributes() -> tuple[Attribute, ...]:
    """Text attributes of network commands, which no file may hold (PS3.10, 7.1)."""
    return _of_group(lambda group: group == _COMMAND_GROUP)


def byte_attributes() -> tuple[Attribute, ...]:
    """Public attributes of opaque bytes: ICC profile, certificates, documents."""
    entries = sorted(DicomDictionary.items())
    found = (Attribute(tag, vr, keyword) for tag, (vr, _, _, _, keyword) in entries if vr == "OB")
    return tuple(a for a in found if a.tag >> 16 != _META_GROUP and a.keyword)


def repeating_attributes() -> tuple[Attribute, ...]:
    """Text attributes of overlays, curves and other repeating groups, in the first of each."""
    return tuple(
        Attribute(int(mask.replace("x", "0"), 16), entry[0], entry[4])
        for mask, entry in sorted(RepeatersDictionary.items())
        if entry[0] in FORM_OF_VR
    )


def _of_group(is_wanted: Callable[[int], bool]) -> tuple[Attribute, ...]:
    return tuple(
        Attribute(tag, vr, keyword)
        for tag, (vr, _, _, _, keyword) in sorted(DicomDictionary.items())
        if vr in FORM_OF_VR and is_wanted(tag >> 16)
    )


_READ_BEFORE_ALL = frozenset(
    {"MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID"}
)

UNPLANTED_AT_TOP = {
    "SpecificCharacterSet": "says how every other text is to be decoded",
    "SOPClassUID": "says that the object is an image at all",
    "PhotometricInterpretation": "says what the pixels are",
}
"""Attributes that hold one of a closed set in any image, and why a canary would spoil it."""

UNPLANTED_IN_SEQUENCE = {"SpecificCharacterSet": UNPLANTED_AT_TOP["SpecificCharacterSet"]}

OF_FILE = frozenset({"SOPInstanceUID"})
"""Each image's own."""

OF_STUDY = frozenset(
    {
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "StudyDescription",
        "AccessionNumber",
        "FrameOfReferenceUID",
    }
)
"""All images of a study must agree on these: one canary for each study."""

OF_SERIES = frozenset(
    {
        "SeriesInstanceUID",
        "SeriesDate",
        "SeriesTime",
        "SeriesDescription",
        "ProtocolName",
        "AcquisitionDate",
        "AcquisitionTime",
        "AcquisitionDateTime",
        "ContentDate",
        "ContentTime",
        "Manufacturer",
        "ImageType",
    }
)
"""All images of a series must agree on these: one canary for each series."""

ON_CT = frozenset(
    {
        "ScanningSequence",
        "SequenceVariant",
        "SequenceName",
        "PulseSequenceName",
        "EchoPlanarPulseSequence",
        "DiffusionDirectionality",
        "ComplexImageComponent",
        "ImageComments",
    }
)
"""What tells diffusion images apart says nothing of a CT, so it is planted there."""

ON_MR = frozenset({"ContrastBolusAgent", "ConvolutionKernel"})
"""What tells native from enhanced CT says nothing of a diffusion image."""


def spread(attributes: Iterable[Attribute]) -> list[Attribute]:
    """Attributes that one image alone may carry."""
    shared = OF_FILE | OF_STUDY | OF_SERIES | UNPLANTED_AT_TOP.keys()
    return [attribute for attribute in attributes if attribute.keyword not in shared]
