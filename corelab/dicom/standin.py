"""A series as a DICOM object that is made of it refers to it: who, when, which, and where.

What stands in for a source holds no pixels and nothing that its object does not need. Its geometry
is the one that the series was laid on its grid by, whatever place the header keeps it at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM, format_number_as_ds

from corelab.dicom.element import Elements
from corelab.dicom.frame import Plane
from corelab.dicom.guard import guarded
from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.parse import parse
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Grid, Series

_UNUSUAL = "its header is against the rules in what a DICOM object would repeat"
_CLASSIC = frozenset({"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"})
_CHARACTER_SET = "ISO_IR 192"
_TEXTS = ("PatientID", "PatientName", "AccessionNumber", "StudyID", "ReferringPhysicianName")
_OPTIONAL_TEXTS = (
    "IssuerOfPatientID",
    "StudyDescription",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
_DATES = ("PatientBirthDate", "StudyDate")
_TIMES = ("StudyTime",)
_SEXES = frozenset({"M", "F", "O"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Data sets that stand in for the objects that a series' slices lie in.

    ``images`` are in the order of k, or the one multi-frame object, whose frames are then those of
    the series in the order of k and have the ``frame_numbers`` in the true object.
    """

    images: tuple[Dataset, ...]
    frame_numbers: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of all that they say."""
        told = "".join(image.to_json() for image in self.images)
        return hashlib.sha256(f"{told} {self.frame_numbers}".encode()).hexdigest()

    def reference(self, slices: Iterable[int]) -> tuple[tuple[Dataset, tuple[int, ...]], ...]:
        """Objects that hold some slices, each with the numbers of their frames if it has several.

        Parameters
        ----------
        slices
            Indices along k.
        """
        if not self.frame_numbers:
            return tuple((self.images[k], ()) for k in slices)
        numbers = tuple(self.frame_numbers[k] for k in slices)
        return ((self.images[0], numbers),) if numbers else ()


def stand_in_for(series: Series) -> StandIn:
    """Read the headers of a series again, and keep what an object made of it refers to.

    Parameters
    ----------
    series
        With its grid.

    Raises
    ------
    UnfitDataError
        ``unsupported_layout`` for sheets of tiles and for several multi-frame objects, which a
        segmentation cannot refer to; ``geometry_absent`` without a frame of reference; what
        reading a header raises.
    """
    grid = series.grid
    if grid is None:
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, "the series has no grid")
    headers = {frame.path: _header(frame.path) for frame in series.frames}
    _check_layout(series, tuple(headers.values()))
    described = [headers[frame.path] for frame in series.frames]
    planes = [
        header.frames[frame.index].plane
        for header, frame in zip(described, series.frames, strict=True)
    ]
    with guarded(ReasonCode.UNSUPPORTED_LAYOUT, _UNUSUAL):
        common = _common(series.frames[0].path, described[0])
        measures = _measures(planes, grid)
        if described[0].sop_class_uid in _CLASSIC:
            pairs = zip(described, planes, strict=True)
            return StandIn(images=tuple(_classic(common, *pair, measures) for pair in pairs))
        image = _enhanced(common, described[0], planes, measures)
    numbers = tuple(frame.index + 1 for frame in series.frames)
    return StandIn(images=(image,), frame_numbers=numbers)


def _header(path: Path) -> FileHeader:
    header = read_header(path)
    if not isinstance(header, FileHeader):
        refusal = header.refusal
        raise UnfitDataError(refusal.reason, refusal.message, evidence=refusal.evidence)
    return header


def _check_layout(series: Series, headers: Sequence[FileHeader]) -> None:
    if any(header.tiling for header in headers):
        _refuse("its slices are tiles of one sheet (a mosaic), to which no segmentation can refer")
    if not all(header.owner.frame_of_reference_uid for header in headers):
        message = "it names no frame of reference, without which a segmentation has no place"
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, message)
    is_classic = [header.sop_class_uid in _CLASSIC for header in headers]
    is_one_each = len(headers) == len(series.frames) and all(len(h.frames) == 1 for h in headers)
    if (all(is_classic) and is_one_each) or (len(headers) == 1 and not any(is_classic)):
        return
    _refuse(f"its slices lie in {len(headers)} objects; one multi-frame object or one a slice fit")


def _common(path: Path, header: FileHeader) -> Dataset:
    """Say what all stand-ins of a series do, texts in UTF-8 whatever they were written in."""
    elements = Elements(parse(path).dataset)
    owner = header.owner
    image = Dataset()
    keywords = (*_TEXTS, *filter(elements.has, _OPTIONAL_TEXTS))
    texts = {keyword: elements.text(keyword) for keyword in keywords}
    if not "".join(texts.values()).isascii():
        image.SpecificCharacterSet = _CHARACTER_SET
    for keyword, text in texts.items():
        setattr(image, keyword, text)
    for keyword in _DATES:
        setattr(image, keyword, _valid(DA, elements.text(keyword)))
    for keyword in _TIMES:
        setattr(image, keyword, _valid(TM, elements.text(keyword)))
    sex = elements.text("PatientSex").upper()
    image.PatientSex = sex if sex in _SEXES else ""
    image.Modality = header.modality
    image.StudyInstanceUID, image.SeriesInstanceUID = owner.study_uid, owner.series_uid
    image.FrameOfReferenceUID = owner.frame_of_reference_uid
    image.Rows, image.Columns = header.matrix.rows, header.matrix.columns
    return image


def _classic(common: Dataset, header: FileHeader, plane: Plane, measures: Dataset) -> Dataset:
    image = _of_object(common, header)
    image.update(measures)
    image.ImagePositionPatient = _decimals(plane.position_mm)
    return image


def _enhanced(
    common: Dataset, header: FileHeader, planes: Sequence[Plane], measures: Dataset
) -> Dataset:
    orientation, shared = Dataset(), Dataset()
    orientation.ImageOrientationPatient = measures.ImageOrientationPatient
    spacing = Dataset()
    spacing.PixelSpacing, spacing.SliceThickness = measures.PixelSpacing, measures.SliceThickness
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [spacing]
    image = _of_object(common, header)
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = [_placed(plane) for plane in planes]
    image.NumberOfFrames = len(planes)
    return image


def _of_object(common: Dataset, header: FileHeader) -> Dataset:
    image = Dataset()
    image.update(common)
    image.SOPClassUID, image.SOPInstanceUID = header.sop_class_uid, header.owner.sop_uid
    return image


def _placed(plane: Plane) -> Dataset:
    position, frame = Dataset(), Dataset()
    position.ImagePositionPatient = _decimals(plane.position_mm)
    frame.PlanePositionSequence = [position]
    return frame


def _measures(planes: Sequence[Plane], grid: Grid) -> Dataset:
    """Orientation, spacing and thickness that stand for all slices.

    The grid is built on the smallest orientation of all; slices of several thicknesses, or of
    none that is told, have the mean height of the grid's.
    """
    thicknesses = {plane.thickness_mm for plane in planes}
    told = thicknesses.pop() if len(thicknesses) == 1 else None
    measures = Dataset()
    measures.ImageOrientationPatient = _decimals(min(plane.orientation for plane in planes))
    measures.PixelSpacing = _decimals(planes[0].spacing_mm)
    (measures.SliceThickness,) = _decimals([told if told and told > 0 else grid.slice_spacing_mm])
    return measures


def _decimals(numbers: Iterable[float]) -> list[str]:
    """Numbers as decimal strings, which hold sixteen characters."""
    return [format_number_as_ds(float(number)) for number in numbers]


def _valid(kind: type[DA | TM], text: str) -> str:
    """Text of a date or time, empty where it is none."""
    try:
        kind(text)
    except ValueError:
        return ""
    return text


def _refuse(message: str) -> NoReturn:
    raise UnfitDataError(ReasonCode.UNSUPPORTED_LAYOUT, message)
