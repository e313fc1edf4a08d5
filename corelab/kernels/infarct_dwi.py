"""Infarct on diffusion-weighted MRI: bright on the trace, one-sided, dark on ADC while acute.

Seeds are certain infarct: above the patient's own parenchyma and above the brightest tissue
around the mirrored place, the more the nearer their ADC is to normal. From seeds the mask grows
to where half of a voxel is infarct, told from its brightness between the lesion's core and the
tissue beside it; liquor in it, which its ADC tells, is made up for.
What grew far beyond its seeds has no border of its own (shading, cortex, the skirt of a
susceptibility artefact) and is dropped whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.across import Across
from corelab.kernels.diffusion import compute_adc
from corelab.kernels.dwi_contrast import diffusion_contrast
from corelab.kernels.dwi_evidence import gather_evidence, perturbed
from corelab.kernels.dwi_lesion import (
    TOUCHING,
    Lesion,
    accept,
    grow,
    keep_joined,
    pieces_of,
    weight_of,
)
from corelab.kernels.dwi_mixture import find_core, find_mixture
from corelab.kernels.dwi_parameters import DEFAULTS, BrightSeed, DwiParameters
from corelab.kernels.dwi_scar import has_scar
from corelab.kernels.dwi_seeds import find_seeds
from corelab.kernels.infarct import Infarct
from corelab.kernels.midline import find_midline, side_of
from corelab.kernels.morphology import IN_PLANE_FACES, close_disc, dilate_disc, erode_disc
from corelab.kernels.ranks import median
from corelab.kernels.reduction import bounding_box
from corelab.vocab import Hemisphere, QcFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BrightSeed", "DwiImages", "DwiParameters", "segment_infarct_dwi"]

BLOOD_B0_RATIO = 0.6
"""Blood is darker on b0 than this share of parenchyma (0.2-0.5 in echo-planar images)."""

BLOOD_RIM_MM = 3.0
"""Widest rim between blood and infarct, where the two mix to the brightness of brain."""

BLOOD_ENCLOSED_SHARE = 0.35
"""Least share of a dark piece's border beside the infarct, the rest being sulci as a rule;
vessels and air cells lie outside."""

APART_MM = 4.0
"""Least gap between an infarct and what counts as a further component of its shower."""

HIGH_REACH_MM = 4.0
"""``high`` is the same lesion drawn generously, not another one that it leaks into."""

EDGE_MM = 2.0
MISMATCH_MM = 3.0
"""Mean distance between the brain's border and its mirrored border; 1-2 mm in healthy heads."""

BILATERAL_SHARE = 0.1
BILATERAL_MIN_ML = 0.5
"""``bilateral`` when the lesser side reaches both."""

UNSURE_SHARE = 0.75
UNSURE_MIN_ML = 2.0
"""``low_confidence`` when high - low exceeds both."""


class DwiImages(NamedTuple):
    """The images of one diffusion scan, on one grid.

    Attributes
    ----------
    dwi : (I, J, K) float32 array
        Trace image, any scale.
    adc_mm2_s : (I, J, K) float32 array or None
        ADC map; 0 where undefined. Computed from ``b0`` where it is ``None``.
    b0 : (I, J, K) float32 array or None
        Image without diffusion weighting, on the trace's scale.
    b_value_s_mm2 : float
        Diffusion weighting of the trace.
    flair : (I, J, K) float32 array or None
        FLAIR brought to the same grid, any scale; 0 where it shows nothing. Has a say late.
    """

    dwi: NDArray[np.float32]
    adc_mm2_s: NDArray[np.float32] | None
    b0: NDArray[np.float32] | None
    b_value_s_mm2: float
    flair: NDArray[np.float32] | None = None


def segment_infarct_dwi(
    images: DwiImages,
    brain: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    parameters: DwiParameters = DEFAULTS,
    *,
    shear: float = 0.0,
) -> Infarct:
    """Infarct, its blood and its range on a diffusion scan.

    Parameters
    ----------
    images
        Trace, and ADC and b0 where they exist, on one grid.
    brain : (I, J, K) bool array
        Brain mask on that grid.
    spacing_mm
        Voxel size along i, along j and along the slices' normal, mm.
    parameters
        The method's choices.
    shear
        Shift of the slices along j, mm for each mm along their normal.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the brain mask is empty.
    """
    if not brain.any():
        raise UnfitDataError(ReasonCode.HEAD_NOT_FOUND, "the brain mask is empty")
    box = bounding_box(brain, (1, 1, 1))
    cropped = _cropped(images, box)
    inside = brain[box]
    across = Across(inside.shape, spacing_mm, find_midline(inside, spacing_mm, shear=shear))
    lesion = _lesion(cropped, inside, across, parameters)
    certain = accept(lesion, grow(lesion, shift=0))
    grown = certain | _company(lesion, certain)
    mask, blood = _with_blood(lesion, grown, cropped.b0)
    low = (grow(_perturbed(lesion, 1), shift=1) & mask) | blood
    reach = dilate_disc(mask, HIGH_REACH_MM, spacing_mm=spacing_mm)
    high = (keep_joined(grow(_perturbed(lesion, -1), shift=-1), mask) & reach) | mask
    found = _Found(mask, low, high, _hemisphere(lesion, mask))
    return Infarct(
        mask=_uncropped(mask, box, brain.shape),
        blood=_uncropped(blood, box, brain.shape),
        low=_uncropped(low, box, brain.shape),
        high=_uncropped(high, box, brain.shape),
        hemisphere=found.hemisphere,
        flags=_flags(lesion, found, images),
    )


class _Found(NamedTuple):
    """The masks on the cropped grid, and their side."""

    mask: NDArray[np.bool_]
    low: NDArray[np.bool_]
    high: NDArray[np.bool_]
    hemisphere: Hemisphere


def _perturbed(lesion: Lesion, shift: int) -> Lesion:
    """Lesion with smoothing and plane a little different, and the seeds that they give."""
    evidence = perturbed(lesion.evidence, lesion.contrast, lesion.brain, lesion.across, shift=shift)
    seeds = find_seeds(evidence, lesion.brain, lesion.parameters)
    return lesion._replace(evidence=evidence, seeds=seeds)


def _cropped(images: DwiImages, box: tuple[slice, slice, slice]) -> DwiImages:
    dwi = _clean(images.dwi[box])
    b0, flair = (None if part is None else _clean(part[box]) for part in (images.b0, images.flair))
    adc = None if images.adc_mm2_s is None else _clean(images.adc_mm2_s[box])
    if adc is None and b0 is not None:
        adc = compute_adc(b0, dwi, images.b_value_s_mm2)
    return DwiImages(dwi, adc, b0, images.b_value_s_mm2, flair)


def _clean(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Contiguous float32 copy with 0 where there is no number."""
    return np.nan_to_num(part.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _uncropped(
    part: NDArray[np.bool_], box: tuple[slice, slice, slice], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    whole = np.zeros(shape, dtype=bool)
    whole[box] = part
    return whole


def _lesion(
    images: DwiImages,
    brain: NDArray[np.bool_],
    across: Across,
    parameters: DwiParameters,
) -> Lesion:
    contrast = diffusion_contrast(
        images.dwi, images.adc_mm2_s, brain, across, b_value_s_mm2=images.b_value_s_mm2
    )
    flair = images.flair if parameters.is_late else None
    evidence = gather_evidence(contrast, brain, across, flair)
    seeds = find_seeds(evidence, brain, parameters)
    core = find_core(contrast, seeds, across)
    mixture = find_mixture(contrast, evidence, core, brain=brain, across=across)
    return Lesion(contrast, evidence, brain, across, parameters, seeds, mixture)


def _company(lesion: Lesion, certain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Further small components, believed sooner beside a certain infarct, (I, J, K) bool."""
    nothing = np.zeros_like(certain)
    least = lesion.parameters.company_ml / lesion.voxel_ml
    if np.count_nonzero(certain) < least:
        return nothing
    asked = lesion.parameters.in_company
    away = lesion.brain & ~dilate_disc(certain, APART_MM, spacing_mm=lesion.across.spacing_mm)
    seeds = find_seeds(lesion.evidence, away, asked)
    further = lesion._replace(parameters=asked, brain=away, seeds=seeds)
    pieces = pieces_of(seeds)
    seeds = (weight_of(further, pieces) >= asked.min_weight)[pieces.labels]
    if not seeds.any():
        return nothing
    core = find_core(lesion.contrast, seeds | lesion.seeds, lesion.across)
    mixture = find_mixture(lesion.contrast, lesion.evidence, core, brain=away, across=lesion.across)
    further = further._replace(seeds=seeds, mixture=mixture)
    found = pieces_of(accept(further, grow(further, shift=0)))
    return (found.labels > 0) & (found.sizes < least)[found.labels]


def _with_blood(
    lesion: Lesion, mask: NDArray[np.bool_], b0: NDArray[np.float32] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Infarct with its blood and the rim between them, and the blood alone, (I, J, K) bool.

    Blood is a dark piece on both images beside the infarct. Without b0, trace and ADC tell what
    it would show.
    """
    unweighted = lesion.contrast.unweighted if b0 is None else b0 / median(b0[lesion.brain])
    if unweighted is None or not mask.any():
        return mask, np.zeros_like(mask)
    spacing_mm = lesion.across.spacing_mm
    dark = lesion.brain & (lesion.contrast.signal < 1) & (unweighted < BLOOD_B0_RATIO)
    blood = _enclosed(dark, dilate_disc(mask & ~dark, BLOOD_RIM_MM, spacing_mm=spacing_mm))
    if not blood.any():
        return mask, blood
    closed = close_disc(mask | blood, BLOOD_RIM_MM, spacing_mm=spacing_mm)
    rim = closed & dilate_disc(blood, BLOOD_RIM_MM, spacing_mm=spacing_mm) & lesion.brain
    return mask | blood | (rim & ~lesion.evidence.is_csf), blood


def _enclosed(dark: NDArray[np.bool_], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pieces whose in-slice border lies near the infarct for the most part, (I, J, K) bool."""
    labels, count = ndimage.label(dark, structure=TOUCHING)
    ring = ndimage.grey_dilation(labels, footprint=IN_PLANE_FACES)
    ring[dark] = 0
    beside = np.bincount(ring[near], minlength=count + 1)
    if not beside[1:].any():
        return np.zeros_like(dark)
    keep = beside > BLOOD_ENCLOSED_SHARE * np.bincount(ring.ravel(), minlength=count + 1)
    keep[0] = False
    return np.asarray(keep[labels])


def _hemisphere(lesion: Lesion, mask: NDArray[np.bool_]) -> Hemisphere:
    if not mask.any():
        return Hemisphere.NONE
    side_mm = side_of(lesion.across.midline, mask.shape, lesion.across.spacing_mm)
    right = int(np.count_nonzero(mask & (side_mm > 0)))
    left = int(np.count_nonzero(mask)) - right
    lesser = min(left, right)
    least = max(BILATERAL_SHARE * (left + right), BILATERAL_MIN_ML / lesion.voxel_ml)
    if lesser >= least:
        return Hemisphere.BILATERAL
    return Hemisphere.RIGHT if right > left else Hemisphere.LEFT


def _flags(lesion: Lesion, found: _Found, images: DwiImages) -> tuple[QcFlag, ...]:
    p = lesion.parameters
    low_ml, mask_ml, high_ml = (
        np.count_nonzero(part) * lesion.voxel_ml for part in (found.low, found.mask, found.high)
    )
    inner = erode_disc(lesion.brain, EDGE_MM, spacing_mm=lesion.across.spacing_mm)
    first, last = p.b_value_range_s_mm2
    raised = {
        QcFlag.NO_INFARCT_FOUND: mask_ml == 0,
        QcFlag.LOW_CONFIDENCE: high_ml - low_ml > max(UNSURE_MIN_ML, UNSURE_SHARE * mask_ml),
        QcFlag.BILATERAL: found.hemisphere is Hemisphere.BILATERAL,
        QcFlag.TOUCHES_MASK_EDGE: bool((found.mask & ~inner).any()),
        QcFlag.PLANE_MISMATCH: lesion.across.midline.mismatch_mm > MISMATCH_MM,
        QcFlag.OLD_INFARCT_SUSPECTED: has_scar(lesion, found.mask),
        QcFlag.B_VALUE_OUTSIDE_RANGE: not first <= images.b_value_s_mm2 <= last,
        QcFlag.ADC_COMPUTED: images.adc_mm2_s is None and images.b0 is not None,
        QcFlag.ADC_ABSENT: images.adc_mm2_s is None and images.b0 is None,
        QcFlag.FLAIR_USED: lesion.evidence.flair_ratio is not None,
    }
    return tuple(flag for flag, is_raised in raised.items() if is_raised)
