"""What the QA page knows of a batch: subject codes and visits, nothing that identifies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from corelab.vocab import Hemisphere, Modality, QcFlag


@dataclass(frozen=True, slots=True, kw_only=True)
class QaAccepted:
    """What people signed and the trial accepts, over the mosaic of the automatic mask.

    Parameters
    ----------
    words
        How it came about, and the accepted volume.
    lines_png
        Lines of each mask that it rests on.
    n_hidden
        Slices of them that the mosaic does not show.
    """

    words: str
    lines_png: tuple[bytes, ...]
    n_hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QaRow:
    """One case, or one case or series that was not measured.

    Parameters
    ----------
    subject_code, visit
        Empty where the data could not be assigned.
    modality, hemisphere
        ``None`` where nothing was measured.
    infarct_volume_ml, infarct_volume_low_ml, infarct_volume_high_ml
        ``None`` where nothing was measured; 0.0 is a measured value.
    brain_volume_ml, n_components
        ``None`` where nothing was measured.
    flags
        Why a reader must look.
    is_endpoint_eligible
        Whether the volume may enter the endpoint.
    reason_code, message
        Why nothing was measured; empty for a measured case.
    earlier_ml
        Number and infarct volume of each earlier version of the read, the first one first.
    method
        What the outline was drawn by; empty where nothing was measured.
    image_sha256, mask_sha256
        Of the files of the measured image and of its mask: a verdict is of these. Empty where
        nothing was measured.
    mosaic_webp
        Overlay mosaic without its lines, see ``picture.Layers``.
    lines_png
        Its lines; ``None`` where there are none, or they are drawn into it.
    accepted
        The mask after people's edits; ``None`` where none is accepted.
    mosaic_link
        Where it lies, from the page's folder; shown where the page holds no picture of it.
    """

    subject_code: str
    visit: str
    modality: Modality | None = None
    infarct_volume_ml: float | None = None
    infarct_volume_low_ml: float | None = None
    infarct_volume_high_ml: float | None = None
    brain_volume_ml: float | None = None
    n_components: int | None = None
    hemisphere: Hemisphere | None = None
    flags: tuple[QcFlag, ...] = ()
    is_endpoint_eligible: bool = True
    reason_code: str = ""
    message: str = ""
    earlier_ml: tuple[tuple[int, float], ...] = ()
    method: str = ""
    image_sha256: str = ""
    mask_sha256: str = ""
    mosaic_webp: bytes | None = None
    lines_png: bytes | None = None
    accepted: QaAccepted | None = None
    mosaic_link: str = ""

    def __post_init__(self) -> None:
        """Check that a failure has not become a number."""
        if self.is_measured == bool(self.reason_code):
            raise ValueError("a row has either an infarct volume or a reason code")
        volumes = (
            self.infarct_volume_ml,
            self.infarct_volume_low_ml,
            self.infarct_volume_high_ml,
            self.brain_volume_ml,
        )
        for volume in volumes:
            if volume is not None and not 0 <= volume < math.inf:
                raise ValueError(f"a volume is finite and not negative, found {volume}")

    @property
    def is_measured(self) -> bool:
        """Whether there is an infarct volume."""
        return self.infarct_volume_ml is not None

    @property
    def group(self) -> str:
        """Rows that may be compared with each other: the same visit and modality."""
        return " ".join(part for part in (self.visit, self.modality) if part)

    @property
    def name(self) -> str:
        """Subject code and visit, for people."""
        return f"{self.subject_code or 'not assigned'} {self.visit}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class QaCount:
    """One more number for the head of the page, such as the files received."""

    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QaPage:
    """Everything on the QA page of a batch."""

    trial_id: str
    rows: tuple[QaRow, ...]
    software_version: str
    config_digest: str
    counts: tuple[QaCount, ...] = ()
