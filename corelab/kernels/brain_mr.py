"""Where the brain lies in a diffusion image, b0 or trace, with or without its skull."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.morphology import (
    close_disc,
    dilate_disc,
    erode_disc,
    fill_holes,
    keep_larger_than,
    largest_component,
)
from corelab.kernels.ranks import median, percentile
from corelab.kernels.smoothing import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_BRAIN_ML = 200.0
"""Less than any measurable part of an adult brain."""

MAX_BRAIN_ML = 2500.0
"""More than any brain; the largest adult intracranial volumes are below 2000 mL."""

STRIPPED_ZERO_SHARE = 0.3
"""Share of the image that one background value must fill before it can be a stripped one."""

STRIPPED_RIM_RATIO = 0.35
"""Rim over inside brightness: scalp under fat suppression lies near 0.1-0.25, cortex near 1."""

BORDER_HEIGHT = 0.4
"""Height of the brain's border between background and brain.

Below one half, so that coil shading does not cost cortex; scalp and muscle lie below 0.3.
"""

SMOOTHING_MM = 1.5
DETACH_MM = 5.0
CLOSE_MM = 6.0
RIM_MM = 3.0
BRIGHT_CAP = 1.5
"""Liquor, eyes and infarcts count as this many times the brain, so that none sets a threshold."""

CAP_ROUNDS = 3
"""Rounds of cap and threshold until both agree."""

MIN_PIECE_SHARE = 0.01
"""Of a stripped brain: smaller pieces are dropped."""


def brain_mask_mr(image: NDArray[np.generic], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Brain, brain stem and the liquor between them, (I, J, K) bool array.

    Parameters
    ----------
    image : (I, J, K) array
        b0 (preferred) or diffusion trace, any scale. Already skull-stripped images, whose
        outside is one constant, keep their own outline.
    spacing_mm
        Voxel size along i, j and k, mm.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when nothing in the image has the size of a brain.

    Notes
    -----
    The idea of median-Otsu (smooth, threshold, detach, keep the largest piece; dipy), with
    the threshold at a fixed height between background and brain once Otsu has found both.
    """
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    if values.min() == values.max():
        raise UnfitDataError(ReasonCode.HEAD_NOT_FOUND, "the image holds one value only")
    support = _support(values)
    if _is_stripped(values, support, spacing_mm):
        brain = fill_holes(keep_larger_than(support, MIN_PIECE_SHARE * support.sum()))
    else:
        brain = _brain_in_head(
            gaussian(values, (SMOOTHING_MM, SMOOTHING_MM, 0), spacing_mm=spacing_mm), spacing_mm
        )
    _check_size(brain, spacing_mm)
    return brain


def _support(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Everything that differs from the value in most corners of the image."""
    corners = values[:: max(values.shape[0] - 1, 1), :: max(values.shape[1] - 1, 1)]
    return np.asarray(values != median(corners))


def _is_stripped(
    values: NDArray[np.float32], support: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> bool:
    """Whether the support ends in bright tissue, as a skull-stripped brain does."""
    if not support.any() or support.mean() > 1 - STRIPPED_ZERO_SHARE:
        return False
    # Background noise of a few grey levels differs from the corners too.
    body = largest_component(support)
    if _volume_ml(body, spacing_mm) <= MAX_BRAIN_ML:
        body = fill_holes(body)
    if _volume_ml(body, spacing_mm) > MAX_BRAIN_ML:
        return False
    inside = erode_disc(body, RIM_MM, spacing_mm=spacing_mm)
    if not inside.any():
        return False
    rim = body & ~inside
    return bool(median(values[rim]) > STRIPPED_RIM_RATIO * median(values[inside]))


def _brain_in_head(smooth: NDArray[np.float32], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Largest bright body once thin bridges to eyes and scalp are cut."""
    bright = smooth > _border_level(smooth)
    core = largest_component(erode_disc(bright, DETACH_MM, spacing_mm=spacing_mm))
    regrown = dilate_disc(core, DETACH_MM + max(spacing_mm[:2]), spacing_mm=spacing_mm) & bright
    closed = close_disc(regrown, CLOSE_MM, spacing_mm=spacing_mm)
    return fill_holes(closed)


def _border_level(smooth: NDArray[np.float32]) -> float:
    """Brightness of the brain's border: set by brain and background, not by liquor or lesion."""
    sample = smooth[::2, ::2].ravel()
    level = float(threshold_otsu(np.minimum(sample, percentile(sample, 99))))
    for _ in range(CAP_ROUNDS):
        capped = np.minimum(sample, BRIGHT_CAP * _median_above(sample, level))
        level = float(threshold_otsu(capped))
    background = float(median(sample[sample <= level]))
    return background + BORDER_HEIGHT * (_median_above(sample, level) - background)


def _median_above(sample: NDArray[np.float32], level: float) -> float:
    above = sample[sample > level]
    if above.size == 0:
        raise UnfitDataError(ReasonCode.HEAD_NOT_FOUND, "nothing stands out from the background")
    return float(median(above))


def _volume_ml(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> float:
    return float(mask.sum() * np.prod(np.asarray(spacing_mm[:3], dtype=np.float64))) / 1000


def _check_size(brain: NDArray[np.bool_], spacing_mm: Sequence[float]) -> None:
    brain_ml = _volume_ml(brain, spacing_mm)
    if not MIN_BRAIN_ML <= brain_ml <= MAX_BRAIN_ML:
        raise UnfitDataError(
            ReasonCode.HEAD_NOT_FOUND,
            f"the brightest body has {brain_ml:.0f} mL, a brain has "
            f"{MIN_BRAIN_ML:.0f} to {MAX_BRAIN_ML:.0f} mL",
        )
