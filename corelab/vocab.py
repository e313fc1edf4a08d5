"""The domain's words: codes, closed sets and the small records that stages hand on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

SubjectCode = NewType("SubjectCode", str)
VisitLabel = NewType("VisitLabel", str)


class Contrast(StrEnum):
    """What one 3-D image shows; also its suffix in file names."""

    CT = "ct"
    DWI = "dwi"
    ADC = "adc"
    B0 = "b0"
    FLAIR = "flair"


class Modality(StrEnum):
    """What an infarct is measured on."""

    DWI = "DWI"
    NCCT = "NCCT"

    @property
    def contrast(self) -> Contrast:
        """The image that the mask lies on."""
        return Contrast.DWI if self is Modality.DWI else Contrast.CT


class Label(StrEnum):
    """Names of the mask labels, value order as in :data:`LABEL_VALUE`."""

    INFARCT = "infarct"
    BLOOD_IN_INFARCT = "blood_in_infarct"


LABEL_VALUE: dict[Label, int] = {Label.INFARCT: 1, Label.BLOOD_IN_INFARCT: 2}


class Hemisphere(StrEnum):
    """Side of the infarct, as the patient's own left and right."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    NONE = "none"


class ReadStatus(StrEnum):
    """Who stands behind an accepted volume."""

    AUTO = "auto"
    SINGLE = "single"
    DOUBLE = "double"
    ADJUDICATED = "adjudicated"


class QcFlag(StrEnum):
    """Why a reader must look; joined by ``;`` in ``volumes.csv``."""

    NO_INFARCT_FOUND = "no_infarct_found"
    LOW_CONFIDENCE = "low_confidence"
    BILATERAL = "bilateral"
    TOUCHES_MASK_EDGE = "touches_mask_edge"
    BRAIN_VOLUME_UNUSUAL = "brain_volume_unusual"
    PLANE_MISMATCH = "plane_mismatch"
    B_VALUE_OUTSIDE_RANGE = "b_value_outside_range"
    ADC_COMPUTED = "adc_computed"
    ADC_ABSENT = "adc_absent"
    UNEVEN_SLICES = "uneven_slices"
    GANTRY_TILT = "gantry_tilt"
    COVERAGE_SHORT = "coverage_short"
    VISIT_BY_ORDER = "visit_by_order"
    SECOND_CHOICE_MODALITY = "second_choice_modality"
    SOURCE_CHANGED = "source_changed"


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """One subject code at one visit: the unit of batch work and of reading."""

    subject_code: SubjectCode
    visit: VisitLabel

    @property
    def stem(self) -> str:
        """``sub-<code>_ses-<visit>``, the start of every file name of the case."""
        return f"sub-{self.subject_code}_ses-{self.visit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """What may be known of a scan on the blinded side: bounded numbers, closed words.

    ``None`` means that the scanner did not say, or that it does not apply.
    """

    contrast: Contrast
    kilovolts: float | None = None
    b_value_s_mm2: float | None = None
    slice_thickness_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One connected piece of an infarct."""

    volume_ml: float
    centre_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The numbers of one infarct mask, volumes rounded to 0.0001 mL.

    ``voxel_volume_mm3`` and ``slice_spacing_mm`` are medians over slices; where slices are
    uneven the volume itself is still the sum over each slice's own height.
    """

    infarct_volume_ml: float
    infarct_volume_low_ml: float
    infarct_volume_high_ml: float
    haemorrhage_in_infarct_ml: float
    brain_volume_ml: float
    voxel_volume_mm3: float
    slice_spacing_mm: float
    components: tuple[Component, ...]
    slice_areas_cm2: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationRecord:
    """How a case's infarct mask was made, beside the mask files themselves.

    ``adc_scale_to_mm2_s`` turns the delivered ADC into mm²/s; ``None`` when none was delivered.
    """

    modality: Modality
    method: str
    parameters: tuple[tuple[str, float], ...]
    hemisphere: Hemisphere
    flags: tuple[QcFlag, ...]
    adc_scale_to_mm2_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """SHA-256 of one file of a case, by its role."""

    role: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One assessment of one case, with all that its number rests on.

    ``case_key`` is the digest of the delivered files, the settings and the software version:
    a case whose key is unchanged need not be measured again.
    """

    trial_id: str
    subject_code: SubjectCode
    visit: VisitLabel
    reader: str
    modality: Modality
    measurement: Measurement
    hemisphere: Hemisphere
    qc_flags: tuple[QcFlag, ...]
    read_status: ReadStatus
    method: str
    parameters: tuple[tuple[str, float], ...]
    adc_scale_to_mm2_s: float | None
    digests: tuple[Digest, ...]
    choice: str
    case_key: str
    software_version: str
    config_digest: str

    @property
    def case(self) -> Case:
        """The case that was read."""
        return Case(self.subject_code, self.visit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One row of ``problems.csv``: a case or series that was not measured, and why."""

    subject_code: str
    visit: str
    reason_code: str
    message: str
