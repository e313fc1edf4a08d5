"""Masks and their volumes as DICOM objects, a segmentation and a report: the highdicom door.

BINARY segmentations are what OHIF, Slicer and archives read today; one segment for each label. The
report is a Comprehensive 3D SR after TID 1500. That of an automatic mask is preliminary: nobody has
signed it. That of a signed mask is final, and unverified all the same: DICOM verifies by a name,
and readers have none here. Both carry the patient as the source does, and no subject code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from corelab.dicom.guard import guarded
from corelab.dicom.standin import StandIn, stand_in_for
from corelab.errors import ReasonCode
from corelab.series import Series
from corelab.vocab import Label, ReadStatus

_MAKER = "corelab"
_DEVICE_UID = "2.25.301746592873520199114386504470913852776"
_SEGMENTATION_SERIES, _REPORT_SERIES = 7001, 7002
_ML = Code("mL", "UCUM", "milliliter")
_ALTERED_STRUCTURE = Code("49755003", "SCT", "Morphologically Altered Structure")
_TYPE = {
    Label.INFARCT: Code("55641003", "SCT", "Infarct"),
    Label.BLOOD_IN_INFARCT: Code("50960005", "SCT", "Hemorrhage"),
}
_NAME = {Label.INFARCT: "Infarct", Label.BLOOD_IN_INFARCT: "Blood in infarct"}
_SCHEME = "99CORELAB"
_READ_STATUS = Code("read_status", _SCHEME, "Read status")
_FAMILY = codes.cid7162.MorphologicalOperations
_PROCEDURE = {
    "CT": codes.cid100.CTUnspecifiedBodyRegion,
    "MR": codes.cid100.MRIUnspecifiedBodyRegion,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One label's mask, (I, J, K) bool on the grid of its source, and the volume measured on it."""

    label: Label
    mask: NDArray[np.bool_]
    volume_ml: float


class Drawing(StrEnum):
    """How a person came to the mask that they signed."""

    CORRECTED = "corrected"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """That a person stands by a mask; nothing in it is a name.

    Parameters
    ----------
    reader_id
        Tells one person's masks from another's, and not who they are.
    read_status
        How the trial came to the accepted volume that rests on the mask.
    drawing
        Whether the method's mask was corrected, or none of it was taken over.
    """

    reader_id: str
    read_status: ReadStatus
    drawing: Drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What two DICOM objects are made of.

    Parameters
    ----------
    source
        Part of a series whose slices the masks lie on, in the order of k.
    segments
        The infarct first.
    signed
        Who stands by the masks; ``None`` where the method alone made them.
    method, software_version, device_serial
        What made the masks, or what people began with; the last tells one set-up from another.
    measured_at
        When the masks were made or signed, UTC.
    tracking_uid_of
        Gives the UID by which a label is followed from object to object.
    uid_of
        Gives a UID for a text: the same for the same one.
    """

    source: Series
    segments: tuple[Segment, ...]
    signed: Signed | None
    method: str
    software_version: str
    device_serial: str
    measured_at: datetime
    tracking_uid_of: Callable[[Label], str]
    uid_of: Callable[[str], str]


_ALGORITHM_TYPE = {
    None: hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
    Drawing.CORRECTED: hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
    Drawing.BY_HAND: hd.seg.SegmentAlgorithmTypeValues.MANUAL,
}


@dataclass(frozen=True, slots=True)
class DicomObjects:
    """The bytes of both files."""

    segmentation: bytes
    report: bytes


def dicom_objects(finding: Finding) -> DicomObjects:
    """Write a segmentation and the report on it; equal findings give equal bytes.

    Raises
    ------
    UnfitDataError
        Where DICOM has no way to refer to the source, as
        :func:`~corelab.dicom.standin.stand_in_for` says, or its header is against the rules in
        what both objects repeat.
    """
    stand_in = stand_in_for(finding.source)
    message = "its header does not allow a DICOM object to be made of it"
    with guarded(ReasonCode.UNSUPPORTED_LAYOUT, message):
        making = _Making(finding, stand_in)
        segmentation = making.segmentation()
        return DicomObjects(_bytes(segmentation), _bytes(making.report(segmentation)))


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes both objects of a finding, for which its source's stand-in is at hand."""

    finding: Finding
    stand_in: StandIn

    def segmentation(self) -> Dataset:
        finding, frames = self.finding, _frames(self.finding.segments)
        made = hd.seg.Segmentation(
            source_images=self.stand_in.images,
            pixel_array=frames,
            omit_empty_frames=bool(frames.any()),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[
                self._described(number, segment.label)
                for number, segment in enumerate(finding.segments, start=1)
            ],
            series_instance_uid=self._uid("segmentation series"),
            series_number=_SEGMENTATION_SERIES,
            sop_instance_uid=self._uid("segmentation"),
            instance_number=1,
            manufacturer=_MAKER,
            manufacturer_model_name=_MAKER,
            software_versions=finding.software_version,
            device_serial_number=finding.device_serial,
            content_label="INFARCT",
            content_description=f"Infarct, {self._standing}",
            content_creator_name=self._creator,
            content_date=finding.measured_at.date(),
            content_time=finding.measured_at.time(),
            series_description=f"Infarct segmentation, {self._standing}",
        )
        _settle(made)
        for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
            item.DimensionOrganizationUID = self._uid("dimensions")
        if self.stand_in.frame_numbers:
            _number_frames(made, self.stand_in.frame_numbers)
        return made

    def report(self, segmentation: Dataset) -> Dataset:
        finding = self.finding
        content = hd.sr.MeasurementReport(
            observation_context=hd.sr.ObservationContext(
                observer_person_context=self._person(), observer_device_context=self._device()
            ),
            procedure_reported=_PROCEDURE[finding.source.modality],
            imaging_measurements=[
                self._measured(number, segment, segmentation)
                for number, segment in enumerate(finding.segments, start=1)
            ],
        )
        made = hd.sr.Comprehensive3DSR(
            evidence=[segmentation, *self.stand_in.images],
            content=content,
            series_instance_uid=self._uid("report series"),
            series_number=_REPORT_SERIES,
            sop_instance_uid=self._uid("report"),
            instance_number=1,
            manufacturer=_MAKER,
            manufacturer_model_name=_MAKER,
            software_versions=finding.software_version,
            device_serial_number=finding.device_serial,
            is_complete=True,
            is_final=finding.signed is not None,
            is_verified=False,
            content_date=finding.measured_at.date(),
            content_time=finding.measured_at.time(),
            series_description=f"Infarct volume, {self._standing}",
        )
        _settle(made)
        return made

    def _uid(self, role: str) -> str:
        """UID of an object, another one as soon as the object says anything else of its source."""
        return self.finding.uid_of(f"{role} {self.stand_in.digest}")

    @property
    def _standing(self) -> str:
        """Say whose word the objects are."""
        signed = self.finding.signed
        return f"{signed.read_status} read, signed" if signed else "automatic, unverified"

    @property
    def _creator(self) -> str | None:
        return f"Reader^{self.finding.signed.reader_id}" if self.finding.signed else None

    @property
    def _algorithm_type(self) -> hd.seg.SegmentAlgorithmTypeValues:
        signed = self.finding.signed
        return _ALGORITHM_TYPE[signed.drawing if signed else None]

    @property
    def _is_by_hand(self) -> bool:
        return self._algorithm_type is hd.seg.SegmentAlgorithmTypeValues.MANUAL

    def _described(self, number: int, label: Label) -> hd.seg.SegmentDescription:
        algorithm = hd.AlgorithmIdentificationSequence(
            name=self.finding.method, family=_FAMILY, version=self.finding.software_version
        )
        return hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=_NAME[label],
            segmented_property_category=_ALTERED_STRUCTURE,
            segmented_property_type=_TYPE[label],
            algorithm_type=self._algorithm_type,
            algorithm_identification=None if self._is_by_hand else algorithm,
            tracking_uid=self.finding.tracking_uid_of(label),
            tracking_id=_NAME[label],
            anatomic_regions=[codes.SCT.Brain],
        )

    def _person(self) -> hd.sr.ObserverContext | None:
        if self._creator is None:
            return None
        return hd.sr.ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(
                name=self._creator
            ),
        )

    def _read_status(self) -> list[hd.sr.QualitativeEvaluation] | None:
        signed = self.finding.signed
        if signed is None:
            return None
        value = Code(signed.read_status, _SCHEME, f"Accepted by {signed.read_status} read")
        return [hd.sr.QualitativeEvaluation(name=_READ_STATUS, value=value)]

    def _device(self) -> hd.sr.ObserverContext:
        return hd.sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=_DEVICE_UID,
                name=_MAKER,
                manufacturer_name=_MAKER,
                model_name=_MAKER,
                serial_number=self.finding.device_serial,
            ),
        )

    def _measured(
        self, number: int, segment: Segment, segmentation: Dataset
    ) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
        finding, label = self.finding, segment.label
        algorithm = hd.sr.AlgorithmIdentification(
            name=finding.method, version=finding.software_version
        )
        return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(
                uid=finding.tracking_uid_of(label), identifier=_NAME[label]
            ),
            referenced_segment=self._referenced(number, segment, segmentation),
            finding_category=_ALTERED_STRUCTURE,
            finding_type=_TYPE[label],
            finding_sites=[hd.sr.FindingSite(anatomic_location=codes.SCT.Brain)],
            algorithm_id=None if self._is_by_hand else algorithm,
            measurements=[
                hd.sr.Measurement(name=codes.SCT.Volume, value=segment.volume_ml, unit=_ML)
            ],
            qualitative_evaluations=self._read_status(),
        )

    def _referenced(
        self, number: int, segment: Segment, segmentation: Dataset
    ) -> hd.sr.ReferencedSegment:
        """Refer to a segment and the slices that it lies on; to the series where it is empty.

        Made by hand: highdicom 0.28 asks each frame which segment it shows, and itself writes that
        once for all frames where there is one segment.
        """
        slices = np.flatnonzero(segment.mask.any(axis=(0, 1))).tolist()
        images = [
            hd.sr.SourceImageForSegmentation(
                referenced_sop_class_uid=image.SOPClassUID,
                referenced_sop_instance_uid=image.SOPInstanceUID,
                referenced_frame_numbers=list(frame_numbers) or None,
            )
            for image, frame_numbers in self.stand_in.reference(slices)
        ]
        series = hd.sr.SourceSeriesForSegmentation(self.stand_in.images[0].SeriesInstanceUID)
        return hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=number,
            source_images=images or None,
            source_series=None if images else series,
        )


def _frames(segments: Sequence[Segment]) -> NDArray[np.uint8]:
    """Masks as DICOM orders them: slice, row, column, segment."""
    masks = [segment.mask.transpose(2, 1, 0) for segment in segments]
    return np.stack(masks, axis=-1).astype(np.uint8)


def _number_frames(segmentation: Dataset, frame_numbers: Sequence[int]) -> None:
    """Turn the numbers of a stand-in's frames into those of the true object."""
    for frame in segmentation.PerFrameFunctionalGroupsSequence:
        for derivation in frame.DerivationImageSequence:
            for image in derivation.SourceImageSequence:
                image.ReferencedFrameNumber = frame_numbers[image.ReferencedFrameNumber - 1]


def _settle(made: Dataset) -> None:
    """Put the time of the masks wherever highdicom writes that of now."""
    made.InstanceCreationDate, made.InstanceCreationTime = made.ContentDate, made.ContentTime
    for item in made.ContributingEquipmentSequence:
        item.ContributionDateTime = f"{made.ContentDate}{made.ContentTime}"


def _bytes(made: Dataset) -> bytes:
    stream = BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
