"""The identified side: what a site sent, before anything crosses to the blinded side.

A :class:`Series` says who, when and where from; it lives in memory and in the vault only.
``blinding.release`` is the one way from a :class:`Stack` to a ``Volume``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.vocab import Case, Contrast, Derivation, Modality, Problem, QcFlag, ValueScale


class SeriesKind(StrEnum):
    """What a 3-D part of a DICOM series is, whether or not it can be measured."""

    CT = "CT"
    CT_BONE_KERNEL = "CT bone kernel"
    CT_CONTRAST = "CT with contrast agent"
    CT_REFORMATTED = "CT reformatted"
    B0 = "b0"
    TRACE = "DWI trace"
    DIRECTION = "DWI one direction"
    ADC = "ADC"
    FLAIR = "FLAIR"
    OTHER_MR = "other MR"
    SCOUT = "scout"
    DERIVED = "derived image"
    NOT_AN_IMAGE = "not a head CT or MR image"


CT_KINDS = frozenset(
    {
        SeriesKind.CT,
        SeriesKind.CT_BONE_KERNEL,
        SeriesKind.CT_CONTRAST,
        SeriesKind.CT_REFORMATTED,
    }
)


StudyKey = tuple[str, str]
"""Patient and study: what one case's series have in common."""


SeriesKey = tuple[str, str]
"""Study and series."""


class IdentifierKind(StrEnum):
    """What an identifying text is; the leak audit searches each kind by its own rule."""

    NAME = "name"
    NUMBER = "number"
    UID = "uid"
    MOMENT = "moment"
    PLACE = "place"
    DEVICE = "device"
    DESCRIPTION = "description"
    CODE = "code"
    FILE_NAME = "file name"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One text that a delivery carried and that may not cross."""

    text: str
    kind: IdentifierKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who, when and from where. Never leaves the vault.

    ``texts`` holds every identifying text that the files carry (names, addresses,
    descriptions, device strings, dates, codes), each once: what the leak audit looks for.
    """

    patient_id: str
    study_uid: str
    series_uid: str
    acquired_at: datetime | None
    series_number: int | None
    description: str
    texts: tuple[Identifier, ...]

    @property
    def study_key(self) -> StudyKey:
        """Patient and study; spaces around an identifier mean nothing."""
        return self.patient_id.strip(), self.study_uid

    @property
    def series_key(self) -> SeriesKey:
        """Study and series."""
        return self.study_uid, self.series_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One slice: where its pixels lie and where it stands.

    Slope and intercept turn stored numbers into the ``value_scale`` of the series.
    """

    path: Path
    index: int
    position_mm: tuple[float, float, float]
    rescale_slope: float
    rescale_intercept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something cannot be used; ``message`` is fit for the blinded side."""

    reason: ReasonCode
    message: str
    evidence: str = ""

    @classmethod
    def of(cls, error: UnfitDataError) -> Refusal:
        """Refusal for what an error says."""
        return cls(reason=error.reason, message=error.message, evidence=error.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where a stack's voxels lie: RAS+ mm, slices along k in ascending position."""

    shape: tuple[int, int, int]
    affine: tuple[tuple[float, float, float, float], ...]
    slice_positions_mm: tuple[float, ...] | None
    slice_spacing_mm: float
    tilt_deg: float

    @property
    def coverage_mm(self) -> float:
        """Height of the stack along the normal, end slices counted whole."""
        return self.slice_spacing_mm * self.shape[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One 3-D part of a DICOM series: one orientation, one contrast, one b-value.

    ``refusal`` is set when the part cannot be measured; ``grid`` is then possibly ``None``.
    ``frames`` are in the order of k. ``gradient`` is the unit vector of a diffusion direction
    in the vendor's axes, empty where there is none or it is not told. ``flags`` say what a
    reader must know of a usable part. ``is_lossy``: some frames were ever compressed with loss.
    """

    identity: Identity
    kind: SeriesKind
    modality: str
    frames: tuple[Frame, ...]
    grid: Grid | None
    b_value_s_mm2: float | None
    kilovolts: float | None
    slice_thickness_mm: float | None
    transfer_syntax_uid: str
    files: tuple[Path, ...]
    refusal: Refusal | None
    value_scale: ValueScale = ValueScale.STORED
    gradient: tuple[float, ...] = ()
    flags: tuple[QcFlag, ...] = ()
    is_lossy: bool = False

    @property
    def contrast(self) -> Contrast | None:
        """The contrast a case could use this part for."""
        return _CONTRAST_OF_KIND.get(self.kind)

    @property
    def shows(self) -> Contrast | None:
        """What this part shows, whether or not a case could use it; no images show nothing."""
        return self.contrast or _SHOWN_BY_OTHER_KIND.get(self.kind)


_CONTRAST_OF_KIND = {
    SeriesKind.CT: Contrast.CT,
    SeriesKind.CT_REFORMATTED: Contrast.CT,
    SeriesKind.TRACE: Contrast.DWI,
    SeriesKind.B0: Contrast.B0,
    SeriesKind.ADC: Contrast.ADC,
    SeriesKind.FLAIR: Contrast.FLAIR,
}
_SHOWN_BY_OTHER_KIND = {
    SeriesKind.CT_BONE_KERNEL: Contrast.CT_BONE_KERNEL,
    SeriesKind.CT_CONTRAST: Contrast.CT_CONTRAST,
    SeriesKind.DIRECTION: Contrast.DWI_DIRECTION,
    SeriesKind.OTHER_MR: Contrast.OTHER_MR,
}


class Attribute(NamedTuple):
    """One attribute that an object holds, without its value.

    ``tags`` ends in its own tag; before it stand those of the sequences that it lies in.
    """

    tags: tuple[int, ...]
    vr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LooseFile:
    """What belongs to no series: not DICOM, not to be read, or no file at all.

    ``path`` is the file's own, or lies below the path of the archive that holds it.
    """

    path: Path
    refusal: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Everything found under one incoming folder: nothing is left out.

    ``n_files`` = files of all series + loose files + ``duplicates`` + ``ignored``
    (DICOMDIR, empty folders' helper files and the like). A readable archive counts as its
    members, one that cannot be read as one file; the readable ones are the ``archives``.
    ``skipped`` are no files: links, pipes, devices, and folders that cannot be opened.
    ``attributes`` are those of each object.
    """

    series: tuple[Series, ...]
    loose: tuple[LooseFile, ...]
    skipped: tuple[LooseFile, ...]
    n_files: int
    duplicates: tuple[Path, ...] = ()
    ignored: tuple[Path, ...] = ()
    archives: tuple[Path, ...] = ()
    attributes: Mapping[Path, tuple[Attribute, ...]] = field(default_factory=dict)

    @property
    def n_duplicates(self) -> int:
        """Number of files that came before."""
        return len(self.duplicates)

    @property
    def n_ignored(self) -> int:
        """Number of files that are known to hold no image."""
        return len(self.ignored)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """A series with its pixels decoded: rescaled values on the grid of the series.

    Parameters
    ----------
    series
        The identified part that the values come from; its ``grid`` is not ``None``.
    data : (I, J, K) array
        int16 HU for CT (padding set to -1024), float32 for MR.
    decoder
        Name and version of the decoder that was used, and of the one that agreed with it; how
        a contradiction between header and words was settled.
    has_bits_outside
        Whether words held more than the header says is stored, so that values hang on it.
    """

    series: Series
    data: NDArray[np.generic]
    decoder: str
    has_bits_outside: bool = False


class Outcome(StrEnum):
    """What becomes of a series."""

    USED = "used"
    NOT_NEEDED = "not needed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesVerdict:
    """What becomes of one series; ``why`` is fit for the blinded side.

    ``refusal`` is why it is held back, as far as that is told by a reason code.
    """

    series: Series
    case: Case | None
    outcome: Outcome
    why: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """One image of a case and the series it is made of: one, or several that are joined."""

    contrast: Contrast
    sources: tuple[Series, ...]
    derivation: Derivation = Derivation.AS_DELIVERED

    @property
    def b_value_s_mm2(self) -> float | None:
        """Mean b-value of the sources, which vary a little with the direction."""
        values = [part.b_value_s_mm2 for part in self.sources if part.b_value_s_mm2 is not None]
        return sum(values) / len(values) if values else None

    @property
    def is_lossy(self) -> bool:
        """Whether any pixel of it was ever compressed with loss."""
        return any(part.is_lossy for part in self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVersion:
    """Which pixels a case was measured on: ``number`` counts up when a site sends others.

    ``part`` names the image within its series.
    """

    study_uid: str
    series_uid: str
    part: str
    number: int
    digest: str

    @property
    def is_measured(self) -> bool:
        """Whether the infarct is measured on this image, and not only seen beside it."""
        return self.part.split(" ", maxsplit=1)[0] in {m.contrast for m in Modality}

    @property
    def place(self) -> tuple[str, str, str]:
        """Which image this is, whatever its pixels."""
        return self.study_uid, self.series_uid, self.part


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseVersion:
    """What one version of a case's read rests on.

    ``sources`` are the pixels that it was measured on, ``received`` the series that there were to
    choose from.
    """

    number: int
    sources: frozenset[SourceVersion]
    received: frozenset[SeriesKey]

    @property
    def series(self) -> frozenset[SeriesKey]:
        """Series that it was measured on."""
        return frozenset((source.study_uid, source.series_uid) for source in self.sources)

    @property
    def measured_studies(self) -> frozenset[str]:
        """Studies of the image that the infarct was measured on."""
        return frozenset(source.study_uid for source in self.sources if source.is_measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePlan:
    """One case and the images that it will be measured on, small enough to travel.

    ``hours_from_reference`` lie between the trial's reference time and the measured study, to
    0.1 h; ``None`` where either time is not known. ``version`` is the number of the read that it
    will make.
    """

    case: Case
    modality: Modality
    images: tuple[PlannedImage, ...]
    choice: str
    flags: tuple[QcFlag, ...]
    hours_from_reference: float | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a batch will do with a delivery: every series is in ``verdicts`` once."""

    cases: tuple[CasePlan, ...]
    verdicts: tuple[SeriesVerdict, ...]
    problems: tuple[Problem, ...]
