"""Reads segmentations and reports back with pydicom alone, each frame placed by its position."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

SAME_PLACE_MM = 0.02


class SegFrame(NamedTuple):
    """One frame: which segment, where, (rows, columns) pixels, and which image it refers to."""

    segment: int
    position_mm: NDArray[np.float64]
    pixels: NDArray[np.uint8]
    source_uid: str
    source_frame: int | None


class Measured(NamedTuple):
    """One measurement group of a report."""

    volume: float
    unit: str
    finding: str
    tracking_uid: str
    segment: int
    segmentation_uid: str


def dataset_of(content: bytes) -> Dataset:
    return pydicom.dcmread(BytesIO(content))


def frames_of(segmentation: Dataset) -> Iterator[SegFrame]:
    pixels = segmentation.pixel_array.reshape(-1, segmentation.Rows, segmentation.Columns)
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    for plane, item in zip(pixels, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        holder = item if "SegmentIdentificationSequence" in item else shared
        (source,) = item.DerivationImageSequence[0].SourceImageSequence
        yield SegFrame(
            segment=int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber),
            position_mm=np.array(item.PlanePositionSequence[0].ImagePositionPatient, dtype=float),
            pixels=plane,
            source_uid=source.ReferencedSOPInstanceUID,
            source_frame=source.get("ReferencedFrameNumber"),
        )


def masks_of(
    segmentation: Dataset, origins_lps_mm: NDArray[np.float64], shape: tuple[int, int, int]
) -> dict[int, NDArray[np.bool_]]:
    """Mask of each segment on a grid whose slices begin at ``origins_lps_mm``, (K, 3)."""
    masks = {
        int(segment.SegmentNumber): np.zeros(shape, dtype=bool)
        for segment in segmentation.SegmentSequence
    }
    for frame in frames_of(segmentation):
        away = np.linalg.norm(origins_lps_mm - frame.position_mm, axis=1)
        assert away.min() < SAME_PLACE_MM
        masks[frame.segment][:, :, int(away.argmin())] |= frame.pixels.T.astype(bool)
    return masks


def measured_in(report: Dataset) -> list[Measured]:
    (whole,) = (item for item in report.ContentSequence if _name(item) == "Imaging Measurements")
    return [
        _measured({_name(item): item for item in g.ContentSequence}) for g in whole.ContentSequence
    ]


def _measured(items: dict[str, Dataset]) -> Measured:
    value = items["Volume"].MeasuredValueSequence[0]
    unit = value.MeasurementUnitsCodeSequence[0]
    segment = items["Referenced Segment"].ReferencedSOPSequence[0]
    finding = items["Finding"].ConceptCodeSequence[0]
    return Measured(
        volume=float(value.NumericValue),
        unit=f"{unit.CodeValue} {unit.CodingSchemeDesignator}",
        finding=f"{finding.CodeValue} {finding.CodingSchemeDesignator}",
        tracking_uid=items["Tracking Unique Identifier"].UID,
        segment=int(segment.ReferencedSegmentNumber),
        segmentation_uid=segment.ReferencedSOPInstanceUID,
    )


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)
