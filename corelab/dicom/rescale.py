"""From stored numbers to an image's values: the standard's rescale and Philips' own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from corelab.dicom.element import Elements
from corelab.errors import ReasonCode
from corelab.series import Refusal
from corelab.vocab import ValueScale

_LARGEST = 1e9
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale:
    """Slope and intercept, and Philips' scale slope: ``None`` where not given, NaN if unread."""

    slope: float | None
    intercept: float | None
    scale_slope: float | None


# Most slices of a series share one record, which then crosses processes once.
_shared_rescale = lru_cache(maxsize=_REMEMBERED)(Rescale)


def read_rescale(standard: Elements, real_world: Elements, private: Elements) -> Rescale:
    """Rescale of one frame.

    Parameters
    ----------
    standard
        Where RescaleSlope (0028,1053) stands.
    real_world
        The frame's item of RealWorldValueMappingSequence (0040,9096), or what holds it.
    private
        Where Philips' MR scale slope (2005,100E) stands.

    Notes
    -----
    Real-world values are looked at only where Philips gives no rescale, which some of its
    exports replace by them: else they may be of another unit than the images beside.
    """
    slope, intercept = standard.number("RescaleSlope"), standard.number("RescaleIntercept")
    tag = private.private_tag(0x2005, "Philips MR Imaging DD 001", 0x0E)
    scale_slope = private.number(tag, "FL")
    if slope is None and intercept is None and scale_slope is not None:
        nested = real_world.item("RealWorldValueMappingSequence") or real_world
        slope = nested.number("RealWorldValueSlope")
        intercept = nested.number("RealWorldValueIntercept")
    return _shared_rescale(slope=slope, intercept=intercept, scale_slope=scale_slope)


def scale_refusal(rescales: Sequence[Rescale]) -> Refusal | None:
    """Why the slices of a signal image share no scale, ``None`` where they do."""
    absent = sum(rescale.scale_slope is None for rescale in rescales)
    if absent == len(rescales):
        return None
    wrong = sum(not _is_usable(rescale.scale_slope) for rescale in rescales)
    if not wrong:
        return None
    message = f"the scale slope of {wrong} of {len(rescales)} slices is absent, 0 or no number"
    return Refusal(reason=ReasonCode.RESCALE_INVALID, message=message)


def signal_scale(rescales: Sequence[Rescale]) -> ValueScale:
    """Scale that the values of a signal image are given on.

    Philips scales each image for display; only floating point values compare between slices,
    b-values and echoes (Chenevert 2014, doi 10.1593/tlo.13811).
    """
    if rescales[0].scale_slope is not None:
        return ValueScale.FLOATING_POINT
    return map_scale(rescales)


def map_scale(rescales: Sequence[Rescale]) -> ValueScale:
    """Scale of a quantitative map: as displayed, for its unit belongs to that."""
    is_plain = all(r.slope in {None, 1.0} and r.intercept in {None, 0.0} for r in rescales)
    return ValueScale.STORED if is_plain else ValueScale.DISPLAYED


def to_scale(rescale: Rescale, scale: ValueScale) -> tuple[float, float]:
    """Slope and intercept from stored numbers to a scale.

    With rescale slope RS, intercept RI and scale slope SS the displayed value is
    DV = stored * RS + RI, the floating point value FP = DV / (RS * SS).
    """
    slope = 1.0 if rescale.slope is None else rescale.slope
    intercept = 0.0 if rescale.intercept is None else rescale.intercept
    if scale is not ValueScale.FLOATING_POINT or rescale.scale_slope is None or slope == 0:
        return slope, intercept
    return 1.0 / rescale.scale_slope, intercept / (slope * rescale.scale_slope)


def _is_usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and 1 / _LARGEST < abs(value) < _LARGEST
