"""The domain's words: codes, closed sets and the small records that stages hand on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

SubjectCode = NewType("SubjectCode", str)
VisitLabel = NewType("VisitLabel", str)


class Contrast(StrEnum):
    """What one 3-D image shows; also its suffix in file names.

    Nothing is measured on the last four: they are converted for looking.
    """

    CT = "ct"
    DWI = "dwi"
    ADC = "adc"
    B0 = "b0"
    FLAIR = "flair"
    CT_BONE_KERNEL = "ctbone"
    CT_CONTRAST = "ctcontrast"
    DWI_DIRECTION = "dwidirection"
    OTHER_MR = "mr"


class Modality(StrEnum):
    """What an infarct is measured on."""

    DWI = "DWI"
    NCCT = "NCCT"

    @property
    def contrast(self) -> Contrast:
        """The image that the mask lies on."""
        return Contrast.DWI if self is Modality.DWI else Contrast.CT


class ValueScale(StrEnum):
    """What the numbers of an image are."""

    STORED = "stored"
    HOUNSFIELD = "hounsfield"
    DISPLAYED = "displayed"
    FLOATING_POINT = "floating_point"


class Derivation(StrEnum):
    """How an image came about on our side."""

    AS_DELIVERED = "as_delivered"
    GEOMETRIC_MEAN_OF_DIRECTIONS = "geometric_mean_of_directions"
    COMPUTED_FROM_B0_AND_TRACE = "computed_from_b0_and_trace"


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
    TRACE_COMPUTED = "trace_computed"
    UNEVEN_SLICES = "uneven_slices"
    GANTRY_TILT = "gantry_tilt"
    COVERAGE_SHORT = "coverage_short"
    VISIT_BY_ORDER = "visit_by_order"
    SECOND_CHOICE_MODALITY = "second_choice_modality"
    SERIES_WAS_SPLIT = "series_was_split"
    OVERLAPPING_SLICES = "overlapping_slices"
    SLICES_MAY_BE_MISSING = "slices_may_be_missing"
    REFORMATTED = "reformatted"
    HU_UNUSUAL = "hu_unusual"
    METAL_NEAR_BRAIN = "metal_near_brain"
    EXECUTABLE_PREAMBLE = "executable_preamble"
    LOSSY_PIXELS = "lossy_pixels"
    BITS_OUTSIDE_STORED = "bits_outside_stored"
    SOURCE_CHANGED = "source_changed"
    SECOND_STUDY = "second_study"
    OTHER_SERIES = "other_series"
    BELOW_DETECTION = "below_detection"
    OLD_INFARCT_SUSPECTED = "old_infarct_suspected"
    BLOOD_OUTSIDE_INFARCT = "blood_outside_infarct"
    SKULL_OPEN = "skull_open"
    FLAIR_USED = "flair_used"
    MODALITIES_DIFFER = "modalities_differ"


class QaVerdict(StrEnum):
    """What a QA reviewer says of a scan and its mask."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    FAIL = "fail"
    NOT_ASSESSABLE = "not_assessable"


class QaReason(StrEnum):
    """Why a QA reviewer does not simply pass a scan and its mask."""

    MOTION = "motion"
    BEAM_HARDENING = "beam_hardening"
    CUT_OFF = "cut_off"
    WRONG_SERIES = "wrong_series"
    MASK_LEAK = "mask_leak"
    MISSED_INFARCT = "missed_infarct"
    OTHER = "other"


class QaConfidence(StrEnum):
    """How sure a QA reviewer is of a verdict."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


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
    ``n_directions`` counts the diffusion directions that were joined to one image, and
    ``adc_scale_to_mm2_s`` turns an ADC map's values into mm²/s. ``decoder`` names our own
    software that read the pixels, and how it settled a contradiction with the header.
    """

    contrast: Contrast
    kilovolts: float | None = None
    b_value_s_mm2: float | None = None
    slice_thickness_mm: float | None = None
    value_scale: ValueScale | None = None
    derivation: Derivation = Derivation.AS_DELIVERED
    n_directions: int | None = None
    adc_scale_to_mm2_s: float | None = None
    decoder: str | None = None
    is_lossy: bool = False
    has_bits_outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One connected piece of an infarct."""

    volume_ml: float
    centre_mm: tuple[float, float, float]


class Absence(StrEnum):
    """Why a secondary value is an empty cell; what each means stands in ``store.schema``."""

    NO_INFARCT = "no_infarct"
    BILATERAL = "bilateral"
    CT_ONLY = "ct_only"
    ADC_ABSENT = "adc_absent"
    PLANE_MISMATCH = "plane_mismatch"
    VENTRICLES_NOT_FOUND = "ventricles_not_found"
    TOO_LITTLE_TISSUE = "too_little_tissue"
    TOO_LITTLE_CSF = "too_little_csf"
    OLDER_VERSION = "older_version"
    READ_BY_PEOPLE = "read_by_people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swelling:
    """Secondary numbers of a case, none of them a part of its infarct volume.

    ``None`` is not defined here; ``absent`` then says why, by the name of the value.
    ``nwu_window_hu`` is the window of ``nwu_percent``. ``midline_shift_mm`` is positive
    towards the patient's right.
    """

    nwu_percent: float | None
    nwu_unwindowed_percent: float | None
    nwu_window_hu: tuple[float, float] | None
    oedema_corrected_volume_ml: float | None
    csf_ratio: float | None
    midline_shift_mm: float | None
    hemisphere_share_percent: float | None
    absent: tuple[tuple[str, Absence], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The numbers of one infarct mask, volumes rounded to 0.0001 mL.

    ``voxel_volume_mm3`` and ``slice_spacing_mm`` are medians over slices; where slices are
    uneven the volume itself is still the sum over each slice's own height. ``swelling`` is
    ``None`` in records of versions that did not measure it.
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
    swelling: Swelling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationRecord:
    """How a case's infarct mask was made, beside the mask files themselves.

    ``adc_scale_to_mm2_s`` turns the delivered ADC into mm²/s; ``None`` when none was delivered.
    ``adc_derivation`` says how the ADC that was segmented on came about; ``None`` without one.
    """

    modality: Modality
    method: str
    parameters: tuple[tuple[str, float], ...]
    hemisphere: Hemisphere
    flags: tuple[QcFlag, ...]
    adc_scale_to_mm2_s: float | None = None
    adc_derivation: Derivation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defacing:
    """Proof that the face was taken off the released images and no infarct changed by it.

    ``kept_mm`` is what was left around the dilated brain mask (``kernels.face``).
    ``removed_ml`` is what changed in the image that lost most; ``min_distance_mm`` lies between
    the brain mask and the nearest voxel that changed in any image, ``None`` where none did.
    """

    kept_mm: float
    removed_ml: float
    min_distance_mm: float | None
    infarct_volume_ml_before: float
    infarct_volume_ml_after: float
    is_identical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """SHA-256 of one file of a case, by its role."""

    role: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One assessment of one case, with all that its number rests on.

    ``case_key`` is the digest of the delivered files, the settings and the software version:
    a case whose key is unchanged need not be measured again. Made of what a site sent, it is
    kept in the vault alone and is empty in a read from OUT. ``is_endpoint_eligible`` is false
    where the pixels were ever compressed with loss and the trial does not allow that.
    ``hours_from_reference`` lie between the trial's reference time and the scan; ``None`` where
    they are not known.
    ``deface`` is ``None`` where the images were released whole.
    ``version`` counts up when a case that has a read is measured on other sources.
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
    software_version: str
    config_digest: str
    case_key: str = ""
    adc_derivation: Derivation | None = None
    is_endpoint_eligible: bool = True
    hours_from_reference: float | None = None
    deface: Defacing | None = None
    version: int = 1

    @property
    def case(self) -> Case:
        """The case that was read."""
        return Case(self.subject_code, self.visit)

    def sha256_of(self, role: str) -> str:
        """SHA-256 of a file that the read rests on; empty where the record does not say."""
        return next((digest.sha256 for digest in self.digests if digest.role == role), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One row of ``problems.csv``: a case or series that was not measured, and why."""

    subject_code: str
    visit: str
    reason_code: str
    message: str


class EndpointReason(StrEnum):
    """Why a volume may not enter the endpoint; what each means stands in ``store.schema``."""

    LOSSY_PIXELS = "lossy_pixels"
    READS_AWAITED = "reads_awaited"
    AMENDMENT_AWAITED = "amendment_awaited"
    COMPARISON_AWAITED = "comparison_awaited"
    ADJUDICATION_AWAITED = "adjudication_awaited"
    IMAGE_CHANGED = "image_changed"
    NOT_ASSESSABLE = "not_assessable"
    QA_FAIL = "qa_fail"
    QA_NOT_ASSESSABLE = "qa_not_assessable"
    QUERY_OPEN = "query_open"
    NOT_RELEASED = "not_released"
    EXCLUDED = "excluded"
    LEDGER_BROKEN = "ledger_broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedValue:
    """What people say of a case, once it is accepted.

    Without a volume the scan is not assessable, and ``why_not`` says why. ``n_components`` and
    ``hemisphere`` are ``None`` also where a mean is accepted of reads that differ in them.
    """

    read_status: ReadStatus
    infarct_volume_ml: float | None
    haemorrhage_in_infarct_ml: float | None
    n_components: int | None
    hemisphere: Hemisphere | None
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReading:
    """What people have made of a case so far: a value once one is accepted, and what is open.

    ``image_sha256`` is of the image that they read; ``None`` where none is to be read.
    """

    case: Case
    image_sha256: str | None
    value: AcceptedValue | None
    reasons: tuple[EndpointReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanVersion:
    """One signed version of one person's read, as ``reads.csv`` shows it; no free text.

    ``stands`` where it is the reader's last word on the image that counts, ``is_accepted`` where
    the accepted value rests on it.
    """

    read_id: str
    reader: str
    purpose: str
    case: Case
    modality: Modality
    version: int
    stands: bool
    is_accepted: bool
    result: str
    reasons: tuple[str, ...]
    infarct_volume_ml: float | None
    haemorrhage_in_infarct_ml: float | None
    n_components: int | None
    hemisphere: Hemisphere | None
    image_sha256: str
    mask_sha256: str | None
    software_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictGiven:
    """One verdict of a QA reviewer, as the tables show it; no free text.

    ``stands`` where it is the reviewer's last word on the image that counts.
    """

    case: Case
    rater: str
    verdict: QaVerdict
    reasons: tuple[str, ...]
    image_sha256: str
    mask_sha256: str
    stands: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """All that people have read, for the tables.

    ``is_lost`` where the ledger cannot be read or breaks a rule: what people made of any case is
    not known, and no automatic volume may pass for theirs.
    """

    is_lost: bool = False
    readings: tuple[CaseReading, ...] = ()
    versions: tuple[HumanVersion, ...] = ()
    verdicts: tuple[VerdictGiven, ...] = ()
