"""Enhanced MR images written as multi-frame DICOM files, for samples and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from corelab.dicom.writer import (
    SeriesHeader,
    StudyHeader,
    decimal,
    item,
    orientation,
    pack,
    pixel_spacing,
    position,
    start_dataset,
    stored_values,
)
from corelab.volume import Volume

_ENHANCED_MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4.1")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameGroup:
    """Frames of one contrast in a multi-frame file.

    ``directionality`` and ``b_value_s_mm2`` are those of PS3.3 C.8.13.5.9, None for a map
    that has no one weighting.
    """

    image: Volume
    image_type: tuple[str, ...]
    b_value_s_mm2: float | None
    directionality: str | None


def write_multiframe(
    groups: Sequence[FrameGroup],
    study: StudyHeader,
    series: SeriesHeader,
    *,
    thickness_mm: float,
    path: Path,
) -> None:
    """Write one Enhanced MR file; its frames go through the groups at each slice in turn.

    Parameters
    ----------
    groups
        Images on one grid, each with its diffusion weighting.
    study, series
        Headers.
    thickness_mm
        Thickness of every slice.
    path
        File to write.
    """
    first = groups[0].image
    dataset = start_dataset(study, series, _ENHANCED_MR_IMAGE, 1)
    dataset.ImageType = list(groups[-1].image_type)
    dataset.DimensionOrganizationSequence = [item(DimensionOrganizationUID=series.series_uid)]
    is_weighted = groups[0].b_value_s_mm2 is not None
    dataset.DimensionIndexSequence = [
        _dimension(series, pointer=pointer, group=group)
        for pointer, group in (_DIMENSIONS if is_weighted else _DIMENSIONS[:2])
    ]
    plane = item(ImageOrientationPatient=orientation(first))
    measures = item(
        PixelSpacing=pixel_spacing(first),
        SliceThickness=decimal(thickness_mm),
        SpacingBetweenSlices=decimal(first.spacing_mm[2]),
    )
    dataset.SharedFunctionalGroupsSequence = [
        item(PlaneOrientationSequence=[plane], PixelMeasuresSequence=[measures])
    ]
    order = [(k, g) for k in range(first.shape[2]) for g in range(len(groups))]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frameitem(groups[g], k=k, group_index=g + 1) for k, g in order
    ]
    frames = np.stack([groups[g].image.data[:, :, k].T for k, g in order])
    dataset.NumberOfFrames = len(order)
    pack(dataset, series, stored_values(frames, series))
    dcmwrite(path, dataset, enforce_file_format=True)


_DIMENSIONS = (
    ("StackID", "FrameContentSequence"),
    ("InStackPositionNumber", "FrameContentSequence"),
    ("DiffusionBValue", "MRDiffusionSequence"),
)


def _dimension(series: SeriesHeader, *, pointer: str, group: str) -> Dataset:
    return item(
        DimensionOrganizationUID=series.series_uid,
        DimensionIndexPointer=tag_for_keyword(pointer),
        FunctionalGroupPointer=tag_for_keyword(group),
    )


def _frameitem(group: FrameGroup, *, k: int, group_index: int) -> Dataset:
    index = [1, k + 1] if group.b_value_s_mm2 is None else [1, k + 1, group_index]
    content = item(StackID="1", InStackPositionNumber=k + 1, DimensionIndexValues=index)
    scaling = item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
    made = item(
        FrameContentSequence=[content],
        PlanePositionSequence=[item(ImagePositionPatient=position(group.image, k))],
        MRImageFrameTypeSequence=[item(FrameType=list(group.image_type))],
        PixelValueTransformationSequence=[scaling],
    )
    if group.b_value_s_mm2 is not None:
        weighting = item(
            DiffusionBValue=group.b_value_s_mm2, DiffusionDirectionality=group.directionality
        )
        made.MRDiffusionSequence = [weighting]
    return made
