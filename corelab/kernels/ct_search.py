"""Where on a head CT there is infarct beyond doubt, and what hangs together with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.ct_wide import WideView, find_wide_regions, upright_groups
from corelab.kernels.half_maximum import BorderRule, Depth, Region, grow_regions, within_reach
from corelab.kernels.midline import Midline, find_midline, mirror
from corelab.kernels.mirror_ratio import (
    HALO_MM,
    MirrorRatio,
    Shares,
    distrust_uneven_slices,
    mirror_ratio,
)
from corelab.kernels.morphology import (
    close_disc,
    dilate_disc,
    erode_disc,
    fill_holes,
    keep_larger_than,
    keep_touching,
    largest_component,
)
from corelab.kernels.reduction import expand, factors_for, reduce_mean
from corelab.kernels.tissue_ct import ACROSS, CtTissue, pixel_noise_hu, sort_tissue

Mask = NDArray[np.bool_]

COARSE_MM = 3.0
HALF = 0.5
PARTED_MM = 20.0
"""Half the widest bone between two parts of a brain: the petrous ridge is 20-25 mm thick."""

PARTED_SHARE = 0.88
"""Share that brain fills of its own outline, gaps closed, below which bone parts it."""

VENTRICLE_DEPTH_MM = 15.0
"""Depth below the skull from which on wide fluid is a ventricle's: fissures lie higher."""

WALL_MM = 6.0
"""How far from a ventricle leukoaraiosis and its partial volume reach as a rule."""

BASE_MM = 60.0
"""From the foramen magnum to the orbital roofs is less."""

SUSPECTED = 0.86
SUSPECTED_ML = 4.0
"""Ratio below which the largest group at the base may be an infarct, and no unevenness, and
its least volume: a cerebellar one fills a good part of its slices. Streaks are many and small."""

APART_MM = 4.0
MORE_ML = 12.0
"""A faint region counts that holds so much beyond this distance from what was found before."""


class Scan(NamedTuple):
    """A head CT made ready for the search.

    Attributes
    ----------
    tissue : CtTissue
    midline : Midline
        In the millimetres of the tissues' grid.
    solid : (I, J, K) bool array
        Parenchyma away from sulci and, in the neighbouring slices too, from wide fluid.
    deep : (I, J, K) bool array
        The part of it that is away from the border of the brain, too.
    streaked : (K,) bool array
        Slices too noisy to start from.
    base : (K,) bool array
        Slices through the base of the skull.
    walls : (I, J, K) bool array
        What lies on the ventricles, in the neighbouring slices too.
    """

    tissue: CtTissue
    midline: Midline
    solid: Mask
    deep: Mask
    streaked: NDArray[np.bool_]
    base: NDArray[np.bool_]
    walls: Mask


class Findings(NamedTuple):
    """What a search found.

    Attributes
    ----------
    regions : list of Region
        Each grown from one group of seeds.
    ratio : MirrorRatio
        What they were found in.
    """

    regions: list[Region]
    ratio: MirrorRatio

    @property
    def core(self) -> float:
        """Mean ratio of the regions' cores; there must be one."""
        counts = [region.seed_count for region in self.regions]
        return float(np.average([region.core for region in self.regions], weights=counts))

    def union(self) -> Mask:
        """All regions in one, (I, J, K) bool array; there must be one."""
        return np.asarray(np.any([region.mask for region in self.regions], axis=0))


def prepare_scan(
    image_hu: NDArray[np.float32],
    brain: Mask,
    spacing_mm: tuple[float, float, float],
    p: CtParameters,
    *,
    shear: float,
) -> Scan:
    """Sorted tissues, mid-sagittal plane and places fit for seeds.

    Parameters
    ----------
    image_hu : (I, J, K) float32 array, HU
    brain : (I, J, K) bool array
    spacing_mm
        Voxel size along i, j and k, mm.
    p
        Numbers of the method.
    shear
        Shift of the slices along j, mm for each mm along their normal.
    """
    tissue = sort_tissue(image_hu, brain, spacing_mm)
    noise = pixel_noise_hu(image_hu, tissue)
    told = noise[np.isfinite(noise)]
    typical = float(np.median(told)) if told.size else 0.0
    solid = _solid(tissue, p)
    return Scan(
        tissue=tissue,
        midline=find_midline(brain, spacing_mm, shear=shear),
        solid=solid,
        deep=solid & _inner(tissue, p),
        streaked=~(noise <= p.noisy_slice * typical),
        base=_through_the_base(brain, spacing_mm),
        walls=_walls(tissue),
    )


def find_regions(scan: Scan, p: CtParameters) -> Findings:
    """Infarcted regions, roughly outlined.

    Searched three times, first for what cannot be missed: what one search found, and its
    mirror, do not count as healthy in the next, so that a large infarct does not hide in its
    own statistics.

    Parameters
    ----------
    scan
        The head.
    p
        Numbers of the method.
    """
    known = np.zeros_like(scan.deep)
    clear = p._replace(seed_rungs=p.seed_rungs[:1], faintest_min_ml=np.inf)
    shares = Shares.of(scan.tissue)
    ratio = _ratio(scan, known, shares)
    findings = _search(scan, ratio, clear)
    for _ in range(2):
        earlier, known = known, _known(findings, scan)
        if not np.array_equal(known, earlier):
            ratio = _ratio(scan, known, shares)
        suspected = suspected_at_the_base(scan, ratio)
        trusted = distrust_uneven_slices(ratio, scan.base, scan.deep, suspected)
        findings = _search(scan, trusted, p)
        if not findings.regions:
            break
    return findings


def _through_the_base(brain: Mask, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Slices up to the highest in which bone parts the brain, (K,) bool array."""
    factors = factors_for(spacing_mm, (COARSE_MM, COARSE_MM, 0.0), brain.shape)
    coarse = reduce_mean(brain, factors) >= HALF
    coarse_mm = [step * factor for step, factor in zip(spacing_mm, factors, strict=True)]
    margin = int(np.ceil(PARTED_MM / min(coarse_mm[:2]))) + 1
    coarse = np.pad(coarse, ((margin, margin), (margin, margin), (0, 0)))
    areas = coarse.sum(axis=(0, 1))
    whole = fill_holes(close_disc(coarse, PARTED_MM, spacing_mm=coarse_mm)).sum(axis=(0, 1))
    filled = np.flatnonzero(areas)
    lowest_mm = (np.arange(len(areas)) - filled[0]) * spacing_mm[2]
    parted = (areas < PARTED_SHARE * whole) & (lowest_mm < BASE_MM)
    return np.asarray(np.arange(len(areas)) <= np.max(np.flatnonzero(parted), initial=-1))


def _walls(tissue: CtTissue) -> Mask:
    ventricles = tissue.wide_fluid & (tissue.depth_mm > VENTRICLE_DEPTH_MM)
    slices = max(1, round(WALL_MM / tissue.spacing_mm[2]))
    across = ndimage.binary_dilation(ventricles, ACROSS, iterations=slices)
    return dilate_disc(across, WALL_MM, spacing_mm=tissue.spacing_mm)


def suspected_at_the_base(scan: Scan, ratio: MirrorRatio) -> Mask:
    """Find the largest dark group at the base of the skull, and its mirror, (I, J, K) bool array.

    Parameters
    ----------
    scan
        The head.
    ratio
        Of its densities.
    """
    step = scan.tissue.spacing_mm
    dark = scan.deep & scan.base & (ratio.seed < SUSPECTED)
    group = keep_larger_than(largest_component(dark), SUSPECTED_ML / scan.tissue.voxel_ml)
    if not group.any():
        return group
    largest = dilate_disc(group, HALO_MM, spacing_mm=step)
    return largest | (mirror(largest, scan.midline, step) >= HALF)


def _known(findings: Findings, scan: Scan) -> Mask:
    """Leave out of what was found what at the skull's base continues nothing above it."""
    if not findings.regions:
        return np.zeros_like(scan.deep)
    found, base = findings.union(), scan.base
    above = int(np.count_nonzero(base))
    if above in (0, len(base)):
        return found & ~base
    return np.where(base, found & found[:, :, above, np.newaxis], found)


def _solid(tissue: CtTissue, p: CtParameters) -> Mask:
    step = tissue.spacing_mm
    wide = ndimage.binary_dilation(tissue.wide_fluid, ACROSS)
    clear = erode_disc(tissue.brain & ~tissue.fluid, p.sulcus_clearance_mm, spacing_mm=step)
    return clear & ~dilate_disc(wide, p.ventricle_clearance_mm, spacing_mm=step)


def _inner(tissue: CtTissue, p: CtParameters) -> Mask:
    inside = ndimage.binary_erosion(tissue.brain, ACROSS, border_value=1)
    return erode_disc(inside, p.edge_clearance_mm, spacing_mm=tissue.spacing_mm)


def _ratio(scan: Scan, known: Mask, shares: Shares) -> MirrorRatio:
    return mirror_ratio(scan.tissue, scan.midline, lesion=known, deep=scan.deep, shares=shares)


def _search(scan: Scan, ratio: MirrorRatio, p: CtParameters) -> Findings:
    tissue = scan.tissue
    highest = min(p.border_highest, 1 - p.border_spreads * ratio.spread)
    rule = BorderRule(p.border_lowest, max(p.border_lowest, highest), p.border_reach_mm)
    depth = Depth(
        ratio=ratio.border,
        wide_ratio=ratio.seed,
        parenchyma=tissue.parenchyma,
        deep=scan.deep,
        solid=scan.solid,
        spacing_mm=tissue.spacing_mm,
    )
    believed = [
        region
        for region in grow_regions(depth, _seeds(scan, ratio, p), rule)
        if _is_believed(region, tissue.voxel_ml, p)
    ]
    regions = [region for region in believed if not _lines_a_ventricle(region, scan, p)]
    return Findings(regions + _faint_regions(scan, Findings(believed, ratio), p), ratio)


def _faint_regions(scan: Scan, known: Findings, p: CtParameters) -> list[Region]:
    """Large faint regions that go well beyond what is known of deeper ones.

    Where the largest of those is deep, they have its borders, and what is wide around it is
    its own blur.
    """
    if known.regions and max(known.regions, key=lambda region: region.size).core < p.faint_core:
        return []
    factors = known.ratio.coarse.factors
    view = _wide_view(scan, known.ratio)
    covered = np.zeros_like(view.fit)
    if known.regions:
        others = reduce_mean(known.union(), factors) > HALF
        covered = within_reach(others, APART_MM, spacing_mm=view.spacing_mm)
    regions = []
    for wide in find_wide_regions(view, p):
        mask = expand(wide.mask, factors, scan.deep.shape) & scan.tissue.parenchyma
        region = Region(mask, wide.seed_count * int(np.prod(factors)), wide.core)
        more_ml = np.count_nonzero(wide.mask & ~covered) * view.voxel_ml
        if more_ml >= MORE_ML and not _lines_a_ventricle(region, scan, p):
            regions.append(region)
    return regions


def _wide_view(scan: Scan, ratio: MirrorRatio) -> WideView:
    coarse = ratio.coarse

    def mostly(mask: Mask) -> Mask:
        return reduce_mean(mask, coarse.factors) > HALF

    return WideView(
        ratio=ratio.wide,
        fit=mostly(scan.deep) & ~scan.streaked,
        judged=mostly(ratio.judged),
        parenchyma=mostly(scan.tissue.parenchyma),
        plane=coarse.plane,
        spacing_mm=coarse.spacing_mm,
    )


def _is_believed(region: Region, voxel_ml: float, p: CtParameters) -> bool:
    """Whether a region has seeds enough for its size, and is deep, or large for one so faint."""
    seed_ml, region_ml = region.seed_count * voxel_ml, region.size * voxel_ml
    if region_ml < p.small_ml and seed_ml < p.small_min_ml:
        return False
    if region.core <= p.faint_core or seed_ml >= p.faint_min_ml:
        return True
    return region.core <= p.faintest_core and region_ml >= p.faintest_min_ml


def _lines_a_ventricle(region: Region, scan: Scan, p: CtParameters) -> bool:
    """Whether a small region lies on a ventricle for the most part, as leukoaraiosis does."""
    on_walls = float(np.count_nonzero(region.mask & scan.walls))
    is_small = region.size * scan.tissue.voxel_ml < p.wall_max_ml
    return is_small and on_walls > p.wall_share * region.size


def _seeds(scan: Scan, ratio: MirrorRatio, p: CtParameters) -> Mask:
    fit = scan.deep & (ratio.level < p.seed_level)
    fit[:, :, scan.streaked] = False
    seeds = np.zeros_like(fit)
    for rung in p.seed_rungs:
        bound = max(p.seed_lowest, min(rung.highest, 1 - rung.spreads * ratio.spread))
        groups = keep_larger_than(fit & (ratio.seed < bound), rung.min_ml / scan.tissue.voxel_ml)
        # A wider group around stronger seeds would only blur where their region begins.
        fresh = groups & ~keep_touching(groups, seeds & groups)
        seeds |= upright_groups(fresh, scan.tissue.spacing_mm, p.seed_flatness)
    return seeds
