"""What a reader may say of a scan, and what keeps it from being signed."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Result(StrEnum):
    """What a read found."""

    INFARCT = "infarct"
    NO_INFARCT = "no_infarct"
    NOT_ASSESSABLE = "not_assessable"


class Unassessable(StrEnum):
    """Why a scan cannot be read."""

    MOTION = "motion"
    METAL_ARTEFACT = "metal_artefact"
    NOISE = "noise"
    COVERAGE_SHORT = "coverage_short"
    CONTRAST_STAINING = "contrast_staining"
    BLOOD_HIDES_INFARCT = "blood_hides_infarct"
    NOT_A_HEAD = "not_a_head"
    OTHER = "other"


UNASSESSABLE_WORDS: dict[Unassessable, str] = {
    Unassessable.MOTION: "the head moved",
    Unassessable.METAL_ARTEFACT: "metal hides the tissue",
    Unassessable.NOISE: "too much noise",
    Unassessable.COVERAGE_SHORT: "part of the brain was not scanned",
    Unassessable.CONTRAST_STAINING: "contrast agent stains the tissue",
    Unassessable.BLOOD_HIDES_INFARCT: "blood hides the border of the infarct",
    Unassessable.NOT_A_HEAD: "the image does not show a head as it should",
    Unassessable.OTHER: "another reason, as the comment says",
}
"""The reasons as a screen shows them."""


class SigningFault(StrEnum):
    """Why a result cannot be signed as it is."""

    INFARCT_WITHOUT_VOLUME = "infarct_without_volume"
    VOLUME_WITHOUT_INFARCT = "volume_without_infarct"
    VOLUME_NOT_ASSESSABLE = "volume_not_assessable"
    REASON_MISSING = "reason_missing"
    REASON_NOT_ASKED = "reason_not_asked"
    COMMENT_MISSING = "comment_missing"


FAULT_WORDS: dict[SigningFault, str] = {
    SigningFault.INFARCT_WITHOUT_VOLUME: (
        "the mask is empty: an infarct needs more than 0 mL; where there is none, say 'no infarct'"
    ),
    SigningFault.VOLUME_WITHOUT_INFARCT: "'no infarct' needs an empty mask of 0 mL",
    SigningFault.VOLUME_NOT_ASSESSABLE: "what is not assessable has neither mask nor volume",
    SigningFault.REASON_MISSING: "'not assessable' needs at least one reason",
    SigningFault.REASON_NOT_ASKED: "reasons go with 'not assessable' only",
    SigningFault.COMMENT_MISSING: "the reason 'other' needs a comment",
}
"""The faults as a screen shows them."""


def signing_faults(
    result: Result,
    *,
    infarct_volume_ml: float | None,
    reasons: Collection[Unassessable],
    comment: str = "",
) -> tuple[SigningFault, ...]:
    """Everything that keeps a result from being signed; empty where it may be.

    Parameters
    ----------
    result
        What the reader found.
    infarct_volume_ml
        Volume of the mask, mL; ``None`` without a mask.
    reasons
        Why the scan is not assessable.
    comment
        What the reader wrote beside it.
    """
    found = list(_volume_faults(result, infarct_volume_ml))
    is_unread = result is Result.NOT_ASSESSABLE
    if is_unread and not reasons:
        found.append(SigningFault.REASON_MISSING)
    if reasons and not is_unread:
        found.append(SigningFault.REASON_NOT_ASKED)
    if Unassessable.OTHER in reasons and not comment.strip():
        found.append(SigningFault.COMMENT_MISSING)
    return tuple(found)


def _volume_faults(result: Result, volume_ml: float | None) -> tuple[SigningFault, ...]:
    if result is Result.INFARCT:
        is_sound, fault = (volume_ml or 0.0) > 0, SigningFault.INFARCT_WITHOUT_VOLUME
    elif result is Result.NO_INFARCT:
        is_sound, fault = volume_ml == 0, SigningFault.VOLUME_WITHOUT_INFARCT
    else:
        is_sound, fault = volume_ml is None, SigningFault.VOLUME_NOT_ASSESSABLE
    return () if is_sound else (fault,)
