"""Infarct on a follow-up non-contrast head CT, found against the other side of the head.

An infarct is a compact region of parenchyma that is darker than its mirror and darker than
healthy parenchyma. Seeds are the places that say so beyond doubt; each group grows to half
its own depth, takes in the blood that it holds and gives up the fluid it runs into. A
second pass measures what is healthy without the infarct of the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.half_maximum import BorderRule, Depth, Region, grow_regions
from corelab.kernels.infarct import Infarct
from corelab.kernels.midline import Midline, find_midline, side_of
from corelab.kernels.mirror_ratio import MirrorRatio, mirror_ratio
from corelab.kernels.morphology import (
    close_disc,
    dilate_disc,
    erode_disc,
    fill_small_holes,
    keep_larger_than,
    keep_touching,
    open_disc,
)
from corelab.kernels.reduction import Factors, bounding_box, expand, factors_for, reduce_mean
from corelab.kernels.tissue_ct import CtTissue, fluid_level_hu, pixel_noise_hu, sort_tissue
from corelab.vocab import Hemisphere, QcFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]

WORK_MM = (1.0, 1.0, 2.5)
HU_RANGE = (-20, 120)
"""Bone and air at the brain's border must not outweigh it."""

ACROSS = np.zeros((3, 3, 3), dtype=bool)
ACROSS[1, 1] = True

MARGIN_MM = 4.0
HALF = 0.5
HOLE_MM2 = 60.0
SMOOTH_MM = 1.5
BLOOD_REACH_MM = 3.0
BLOOD_RIM_MM = 2.0
BLOOD_BORDER_HU = 42.0
"""Halfway between an infarct (21 HU) and clot (62 HU)."""

BLOOD_HELD_SHARE = 0.4
"""Share of a bleed's surroundings that is infarct, from which on the infarct holds it."""

MISMATCH_MM = 3.0
"""A plane whose mirrored outline misses by more is no mirror for densities."""

BILATERAL_ML = 3.0
BILATERAL_SHARE = 0.33
UNSURE_CORE = 0.85
UNSURE_SPREAD = 0.08
UNSURE_ML = 1.0


class CtParameters(NamedTuple):
    """Numbers of the method.

    A net water uptake of 22 % (median at 24 h, MR CLEAN, repub.eur.nl/pub/136304) puts the
    core of a visible infarct at a ratio of 0.78 to its mirror and its border at 0.89; at one
    week 0.73 and 0.865.

    Attributes
    ----------
    seed_highest, seed_lowest, seed_spreads : float
        A seed's ratio lies below ``1 - seed_spreads * spread``, kept between the other two:
        ``spread`` is the standard deviation of healthy deep parenchyma on this scan.
    seed_level : float
        A seed is also darker than this share of its slice's healthy parenchyma.
    sulcus_clearance_mm, ventricle_clearance_mm, edge_clearance_mm : float
        How far a seed keeps from fluid, from wide fluid in its own and the neighbouring
        slices, and from the border of the brain: partial volume is dark too.
    seed_min_ml : float
        Smallest group of seeds.
    seed_flatness : float
        Least height of a group over the root of its largest section: artefacts fill slices.
    faint_core, faint_min_ml : float
        A region whose core is brighter than the first needs as many seeds as the second.
    noisy_slice : float
        A slice this many times as noisy as the median holds streaks and grows no seeds.
    border : BorderRule
        Bounds on the border between infarct and healthy tissue.
    border_spreads : float
        The border stays this many standard deviations below healthy.
    close_mm : float
        Half the width of gaps (vessels, effaced sulci) that the infarct closes.
    blood_min_ml, component_min_ml : float
        Smaller bleeds and pieces are dropped.
    """

    seed_highest: float = 0.85
    seed_lowest: float = 0.70
    seed_spreads: float = 3.0
    seed_level: float = 0.90
    sulcus_clearance_mm: float = 2.5
    ventricle_clearance_mm: float = 4.0
    edge_clearance_mm: float = 3.0
    seed_min_ml: float = 0.7
    seed_flatness: float = 0.4
    faint_core: float = 0.80
    faint_min_ml: float = 3.0
    noisy_slice: float = 1.5
    border: BorderRule = BorderRule(lowest=0.75, highest=0.92, step=0.02, reach_mm=12.0)
    border_spreads: float = 1.3
    close_mm: float = 3.0
    blood_min_ml: float = 0.1
    component_min_ml: float = 0.5


DEFAULT = CtParameters()


class _Scan(NamedTuple):
    """The head on the working grid, with what does not change between the passes."""

    tissue: CtTissue
    midline: Midline
    deep: Mask
    streaked: NDArray[np.bool_]
    factors: Factors
    voxel_ml: float


class _Found(NamedTuple):
    """What a pass found, on the working grid."""

    mask: Mask
    low: Mask
    high: Mask
    blood: Mask
    core: float
    spread: float


def segment_infarct_ct(
    image_hu: NDArray[np.generic],
    brain: Mask,
    spacing_mm: Sequence[float],
    parameters: CtParameters = DEFAULT,
) -> Infarct:
    """Infarct of a follow-up head CT, on the image's own grid.

    Parameters
    ----------
    image_hu : (I, J, K) array, HU
    brain : (I, J, K) bool array
        Inside of the skull, see :func:`corelab.kernels.brain_ct.brain_mask_ct`.
    spacing_mm
        Voxel size along i, j and k, mm.
    parameters
        Numbers of the method.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the brain mask is empty.
    """
    if not brain.any():
        raise UnfitDataError(ReasonCode.HEAD_NOT_FOUND, "the brain mask is empty")
    margin = [int(np.ceil(MARGIN_MM / step)) for step in spacing_mm[:2]]
    box = bounding_box(brain, (*margin, 0))
    scan = _scan(image_hu[box], brain[box], spacing_mm, parameters)
    found = _search(scan, _search(scan, None, parameters), parameters)

    def on_the_full_grid(mask: Mask) -> Mask:
        full = np.zeros(image_hu.shape, dtype=bool)
        full[box] = expand(mask, scan.factors, image_hu[box].shape) & brain[box]
        return full

    hemisphere, flags = _findings(scan, found)
    return Infarct(
        mask=on_the_full_grid(found.mask),
        blood=on_the_full_grid(found.blood),
        low=on_the_full_grid(found.low),
        high=on_the_full_grid(found.high),
        hemisphere=hemisphere,
        flags=flags,
    )


def _scan(
    image_hu: NDArray[np.generic], brain: Mask, spacing_mm: Sequence[float], p: CtParameters
) -> _Scan:
    factors = factors_for(spacing_mm, WORK_MM, image_hu.shape)
    i, j, k = (step * factor for step, factor in zip(spacing_mm, factors, strict=True))
    image = reduce_mean(np.clip(image_hu, *HU_RANGE), factors)
    inside = reduce_mean(brain, factors) > HALF
    tissue = sort_tissue(image, inside, (i, j, k))
    noise = pixel_noise_hu(image, tissue)
    typical = float(np.median(noise[np.isfinite(noise)])) if np.isfinite(noise).any() else 0.0
    return _Scan(
        tissue=tissue,
        midline=find_midline(inside, (i, j, k)),
        deep=_deep(tissue, p),
        streaked=~(noise <= p.noisy_slice * typical),
        factors=factors,
        voxel_ml=i * j * k / 1000,
    )


def _deep(tissue: CtTissue, p: CtParameters) -> Mask:
    """Parenchyma that no fluid and no bone lends partial volume, in plane or across."""
    step = tissue.spacing_mm
    wide = ndimage.binary_dilation(tissue.wide_fluid, ACROSS)
    inside = ndimage.binary_erosion(tissue.brain, ACROSS, border_value=1)
    clear = erode_disc(tissue.brain & ~tissue.fluid, p.sulcus_clearance_mm, spacing_mm=step)
    clear &= ~dilate_disc(wide, p.ventricle_clearance_mm, spacing_mm=step)
    return clear & erode_disc(inside, p.edge_clearance_mm, spacing_mm=step)


def _search(scan: _Scan, earlier: _Found | None, p: CtParameters) -> _Found:
    """One pass; what an earlier pass found does not count as healthy."""
    tissue = scan.tissue
    nothing = np.zeros_like(tissue.brain)
    known = nothing if earlier is None else earlier.high
    if earlier is not None and not known.any():
        return earlier
    ratio = mirror_ratio(tissue, scan.midline, lesion=known, deep=scan.deep)
    highest = max(p.border.lowest, min(p.border.highest, 1 - p.border_spreads * ratio.spread))
    depth = Depth(ratio.border, tissue.brain & ~tissue.fluid, scan.deep, tissue.spacing_mm)
    seeds = _seeds(scan, ratio, p)
    regions = [
        region
        for region in grow_regions(depth, seeds, p.border._replace(highest=highest))
        if region.core <= p.faint_core or region.seed_count * scan.voxel_ml >= p.faint_min_ml
    ]
    if not regions:
        return _Found(nothing, nothing, nothing, nothing, 1.0, ratio.spread)
    return _finish(scan, regions, ratio.spread, p)


def _seeds(scan: _Scan, ratio: MirrorRatio, p: CtParameters) -> Mask:
    step = scan.tissue.spacing_mm
    bound = min(p.seed_highest, max(p.seed_lowest, 1 - p.seed_spreads * ratio.spread))
    dark = scan.deep & (ratio.seed < bound) & (ratio.level < p.seed_level)
    dark[:, :, scan.streaked] = False
    seeds = keep_larger_than(dark, p.seed_min_ml / scan.voxel_ml)
    labels, _ = ndimage.label(seeds)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        group = labels[box] == label
        section_mm2 = float(group.sum(axis=(0, 1)).max()) * step[0] * step[1]
        if group.shape[2] * step[2] < p.seed_flatness * np.sqrt(section_mm2):
            seeds[box] &= ~group
    return seeds


def _finish(scan: _Scan, regions: list[Region], spread: float, p: CtParameters) -> _Found:
    weights = [region.seed_count for region in regions]
    core = float(np.average([region.core for region in regions], weights=weights))
    grown = np.any([region.mask for region in regions], axis=0)
    blood = _blood_held(scan, grown, p)
    mask = _shaped(scan, grown, blood, p)
    low = _shaped(scan, np.any([region.low for region in regions], axis=0), blood & mask, p)
    high = _shaped(scan, np.any([region.high for region in regions], axis=0), blood, p)
    return _Found(mask, low & mask, high | mask, blood & mask, core, spread)


def _blood_held(scan: _Scan, grown: Mask, p: CtParameters) -> Mask:
    """Bleeds that the infarct holds, or borders on for a good part."""
    tissue, step = scan.tissue, scan.tissue.spacing_mm
    solid = open_disc(tissue.bright, SMOOTH_MM, spacing_mm=step)
    bleeds = keep_larger_than(solid, p.blood_min_ml / scan.voxel_ml)
    if not bleeds.any():
        return bleeds
    around = dilate_disc(bleeds, BLOOD_REACH_MM, spacing_mm=step) & tissue.brain
    shell = around & ~bleeds
    near = dilate_disc(grown, BLOOD_REACH_MM, spacing_mm=step)
    labels, count = ndimage.label(around)
    whole = np.bincount(labels[shell], minlength=count + 1)
    held = np.bincount(labels[shell & near], minlength=count + 1)
    inside = held >= BLOOD_HELD_SHARE * np.maximum(whole, 1)
    inside[0] = False
    core = bleeds & inside[labels]
    return dilate_disc(core, BLOOD_RIM_MM, spacing_mm=step) & (tissue.hu > BLOOD_BORDER_HU)


def _shaped(scan: _Scan, grown: Mask, blood: Mask, p: CtParameters) -> Mask:
    """Gaps closed, fluid given up, slivers and crumbs dropped."""
    tissue, step = scan.tissue, scan.tissue.spacing_mm
    if not grown.any():
        return grown | blood
    whole = close_disc(grown | blood, p.close_mm, spacing_mm=step) & tissue.brain
    whole = fill_small_holes(whole, HOLE_MM2 / (step[0] * step[1]))
    core_hu = float(np.median(tissue.hu[grown]))
    fluid = tissue.hu < (fluid_level_hu(tissue) + core_hu) / 2
    solid = open_disc(whole & ~fluid & ~tissue.wide_fluid, SMOOTH_MM, spacing_mm=step)
    kept = keep_touching(solid, grown & solid)
    return keep_larger_than(kept, p.component_min_ml / scan.voxel_ml)


def _findings(scan: _Scan, found: _Found) -> tuple[Hemisphere, tuple[QcFlag, ...]]:
    if not found.mask.any():
        return Hemisphere.NONE, (QcFlag.NO_INFARCT_FOUND,)
    side_mm = side_of(scan.midline, found.mask.shape, scan.tissue.spacing_mm)
    right_ml = float(np.count_nonzero(found.mask & (side_mm > 0))) * scan.voxel_ml
    total_ml = float(np.count_nonzero(found.mask)) * scan.voxel_ml
    lesser_ml = min(right_ml, total_ml - right_ml)
    hemisphere = Hemisphere.RIGHT if right_ml > total_ml / 2 else Hemisphere.LEFT
    flags = []
    if lesser_ml >= BILATERAL_ML or lesser_ml >= max(UNSURE_ML, BILATERAL_SHARE * total_ml):
        hemisphere = Hemisphere.BILATERAL
        flags.append(QcFlag.BILATERAL)
    if found.core > UNSURE_CORE or found.spread > UNSURE_SPREAD or total_ml < UNSURE_ML:
        flags.append(QcFlag.LOW_CONFIDENCE)
    ends = np.flatnonzero(scan.tissue.brain.any(axis=(0, 1)))[[0, -1]]
    if found.mask[:, :, ends].any():
        flags.append(QcFlag.TOUCHES_MASK_EDGE)
    if scan.midline.mismatch_mm > MISMATCH_MM:
        flags.append(QcFlag.PLANE_MISMATCH)
    return hemisphere, tuple(flags)
