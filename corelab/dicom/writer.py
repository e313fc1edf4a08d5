"""Images and reports written as DICOM files, for samples and tests.

The only place that makes DICOM images: received files are never changed and never written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from corelab.volume import Volume

Attributes = tuple[tuple[str, str | float | int | tuple[str, ...]], ...]
Vector = NDArray[np.float64]

_CT_IMAGE = UID("1.2.840.10008.5.1.4.1.1.2")
_MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4")
_DOSE_REPORT = UID("1.2.840.10008.5.1.4.1.1.88.67")
_TO_LPS = np.diag([-1.0, -1.0, 1.0])
_WRITER_UID = UID("2.25.137418214719634312908843119725130071594")


class Packing(StrEnum):
    """Transfer syntax of a file, all without loss (PS3.5 section 10)."""

    IMPLICIT = "1.2.840.10008.1.2"
    EXPLICIT = "1.2.840.10008.1.2.1"
    RLE = "1.2.840.10008.1.2.5"
    JPEG_LS = "1.2.840.10008.1.2.4.80"
    JPEG_2000 = "1.2.840.10008.1.2.4.90"


_ENCODERS = {
    Packing.RLE: "pydicom",
    Packing.JPEG_LS: "pyjpegls",
    Packing.JPEG_2000: "pylibjpeg",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHeader:
    """What all files of a study say.

    Parameters
    ----------
    study_uid, frame_of_reference_uid
        DICOM UIDs.
    moment
        Start of the study, the site's own time.
    character_set
        Specific Character Set (0008,0005).
    attributes
        Keyword and value of any further elements: patient, site, device.
    nested
        Keyword of a sequence, and the elements of its one item.
    private_texts
        Texts for private elements, the last one also inside an opaque one.
    """

    study_uid: str
    frame_of_reference_uid: str
    moment: datetime
    character_set: str
    attributes: Attributes
    nested: tuple[tuple[str, Attributes], ...]
    private_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHeader:
    """What all files of a series say, and how its pixels are stored.

    Parameters
    ----------
    series_uid, number, modality
        Identity of the series; instances are numbered below its UID.
    moment
        Acquisition time.
    attributes
        Keyword and value of any further elements, Image Type among them.
    packing
        Transfer syntax.
    is_signed, bits_stored
        Pixel representation.
    rescale_intercept
        Value of a stored 0, or None where values are stored as they are, without rescale.
    padding
        Stored value outside of the round field of view, if there is one.
    """

    series_uid: str
    number: int
    modality: str
    moment: datetime
    attributes: Attributes
    packing: Packing
    is_signed: bool = False
    bits_stored: int = 12
    rescale_intercept: float | None = None
    padding: int | None = None


def write_slices(
    image: Volume,
    study: StudyHeader,
    series: SeriesHeader,
    *,
    thickness_mm: Sequence[float],
    paths: Sequence[Path],
    first_instance: int = 1,
) -> None:
    """Write one single-frame file a slice, CT or MR by the series' modality.

    Parameters
    ----------
    image
        Values; i runs along the rows' columns as displayed, j down the rows.
    study, series
        Headers.
    thickness_mm, paths
        One for each slice, in the order of k.
    first_instance
        Instance number of slice 0.
    """
    sop_class = _CT_IMAGE if series.modality == "CT" else _MR_IMAGE
    for k, path in enumerate(paths):
        dataset = start_dataset(study, series, sop_class, first_instance + k)
        dataset.ImagePositionPatient = position(image, k)
        dataset.ImageOrientationPatient = orientation(image)
        dataset.PixelSpacing = pixel_spacing(image)
        dataset.SliceThickness = decimal(thickness_mm[k])
        dataset.SliceLocation = decimal(float(image.slice_origin_mm(k) @ image.normal))
        pack(dataset, series, stored_values(image.data[:, :, k].T[None], series))
        dcmwrite(path, dataset, enforce_file_format=True)


def write_dose_report(
    study: StudyHeader, series: SeriesHeader, *, lines: Iterable[str], path: Path
) -> None:
    """Write a radiation dose report: a structured report of plain text lines, no image."""
    dataset = start_dataset(study, series, _DOSE_REPORT, 1)
    dataset.ContentDate, dataset.ContentTime = _date_time(series.moment)
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = [_code("113701", "DCM", "X-Ray Radiation Dose Report")]
    comment = _code("121106", "DCM", "Comment")
    dataset.ContentSequence = [
        item(
            RelationshipType="CONTAINS",
            ValueType="TEXT",
            ConceptNameCodeSequence=[comment],
            TextValue=line,
        )
        for line in lines
    ]
    dcmwrite(path, dataset, enforce_file_format=True)


def start_dataset(
    study: StudyHeader, series: SeriesHeader, sop_class: UID, instance: int
) -> Dataset:
    """Elements of an object except geometry and pixels, as a new data set."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = study.character_set
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = f"{series.series_uid}.{instance}"
    dataset.StudyInstanceUID = study.study_uid
    dataset.SeriesInstanceUID = series.series_uid
    dataset.FrameOfReferenceUID = study.frame_of_reference_uid
    dataset.Modality = series.modality
    dataset.SeriesNumber = series.number
    dataset.InstanceNumber = instance
    dataset.StudyDate, dataset.StudyTime = _date_time(study.moment)
    dataset.SeriesDate, dataset.SeriesTime = _date_time(series.moment)
    dataset.AcquisitionDate, dataset.AcquisitionTime = _date_time(series.moment)
    for keyword, value in (*study.attributes, *series.attributes):
        setattr(dataset, keyword, list(value) if isinstance(value, tuple) else value)
    for keyword, attributes in study.nested:
        setattr(dataset, keyword, [item(**dict(attributes))])
    _add_private(dataset, study.private_texts)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = UID(Packing.EXPLICIT)
    dataset.file_meta.ImplementationClassUID = _WRITER_UID
    return dataset


def _add_private(dataset: Dataset, texts: tuple[str, ...]) -> None:
    block = dataset.private_block(0x0009, "SITE NOTES 1.0", create=True)
    for offset, text in enumerate(texts):
        block.add_new(offset + 1, "LO", text)
    opaque = dataset.private_block(0x0029, "SCANNER HEADER", create=True)
    opaque.add_new(0x10, "OB", b"\x02SV10" + b"\x00" * 11 + texts[-1].encode() + b"\x00" * 8)


def item(**elements: object) -> Dataset:
    """Item of a sequence, from keywords and values."""
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _date_time(moment: datetime) -> tuple[str, str]:
    return f"{moment:%Y%m%d}", f"{moment:%H%M%S}.{moment.microsecond:06d}"


def decimal(value: float) -> str:
    """Text of at most 16 characters for up to 4 places before the point (PS3.5 6.2, DS)."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def position(image: Volume, k: int) -> list[str]:
    """Middle of the first voxel sent, LPS mm (PS3.3 C.7.6.2.1.1)."""
    return [decimal(float(c)) for c in _TO_LPS @ image.slice_origin_mm(k)]


def orientation(image: Volume) -> list[str]:
    """Direction along a row, then down a column, LPS (PS3.3 C.7.6.2.1.1)."""
    units = image.affine[:3, :2] / np.linalg.norm(image.affine[:3, :2], axis=0)
    return [decimal(float(c)) for c in (_TO_LPS @ units).T.ravel()]


def pixel_spacing(image: Volume) -> list[str]:
    """Distance between rows, then between columns (PS3.3 10.7.1.3)."""
    i, j, _ = image.spacing_mm
    return [decimal(j), decimal(i)]


def stored_values(frames: NDArray[np.generic], series: SeriesHeader) -> NDArray[np.generic]:
    """Values as a file stores them, before rescale, (frames, rows, columns)."""
    stored = np.asarray(frames, dtype=np.int32)
    if series.rescale_intercept is not None:
        stored = stored - int(series.rescale_intercept)
    if series.padding is not None:
        y, x = np.ogrid[: stored.shape[1], : stored.shape[2]]
        middle = (stored.shape[1] - 1) / 2
        stored[:, np.hypot(y - middle, x - middle) > middle + 1] = series.padding
    return np.ascontiguousarray(stored, dtype=np.int16 if series.is_signed else np.uint16)


def pack(dataset: Dataset, series: SeriesHeader, frames: NDArray[np.generic]) -> None:
    """Put stored values into a data set, in the transfer syntax of its series."""
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = frames.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored = 16, series.bits_stored
    dataset.HighBit, dataset.PixelRepresentation = series.bits_stored - 1, int(series.is_signed)
    if series.rescale_intercept is not None:
        dataset.RescaleIntercept, dataset.RescaleSlope = decimal(series.rescale_intercept), "1"
        dataset.RescaleType = "HU"
    if series.padding is not None:
        dataset.PixelPaddingValue = series.padding
    syntax = UID(series.packing)
    if series.packing in _ENCODERS:
        dataset.compress(
            syntax,
            frames if len(frames) > 1 else frames[0],
            encoding_plugin=_ENCODERS[series.packing],
            generate_instance_uid=False,
        )
        return
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = frames.tobytes()
    dataset["PixelData"].VR = "OW"
