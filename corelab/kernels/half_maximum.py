"""Borders at half the depth of a dark region.

Halfway between core and healthy tissue lies the true border of a blurred region, however
deep it is; a fixed ratio would enlarge deep regions and cut faint ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import dilate_disc, erode_disc, keep_touching, open_disc
from corelab.kernels.reduction import (
    bounding_box,
    expand,
    factors_for,
    interpolate,
    reduce_mean,
)
from corelab.kernels.smoothing import smooth_within
from corelab.kernels.tissue_ct import CtTissue

Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]

ROUNDS = 8
SETTLED = 0.005
CORE_MM = 2.0
BRIDGE_MM = 2.0
"""Radius that a region must hold to be followed: cuts leaks along sulci."""

COARSE_MM = 3.0
SIDE_MM = 6.0
"""Reach over which the density on either side of a border is averaged."""

FINE_MM = 2.0
GAP_MM = 1.5
"""Width of the blurred border, which belongs to neither side."""

BAND_MM = 3.0
"""How far one round may move a border."""

MARGIN_MM = 20.0


class Depth(NamedTuple):
    """What regions are grown in.

    Attributes
    ----------
    ratio : (I, J, K) float32 array
        1 in healthy tissue, less in a region.
    parenchyma : (I, J, K) bool array
        Where a region may be.
    deep : (I, J, K) bool array
        Where ``ratio`` is not disturbed by neighbours of another kind.
    spacing_mm : tuple of 3 float
    """

    ratio: NDArray[np.float32]
    parenchyma: Mask
    deep: Mask
    spacing_mm: Triple


class BorderRule(NamedTuple):
    """Bounds on a border.

    Attributes
    ----------
    lowest, highest : float
        The border's ratio is kept between these.
    reach_mm : float
        No region goes further from its seeds.
    """

    lowest: float
    highest: float
    reach_mm: float


class Region(NamedTuple):
    """A region grown from one group of seeds.

    Attributes
    ----------
    mask : (I, J, K) bool array
    seed_count : int
        Voxels it grew from.
    core : float
        Median ratio of its core.
    """

    mask: Mask
    seed_count: int
    core: float


def grow_regions(depth: Depth, seeds: Mask, rule: BorderRule) -> list[Region]:
    """One region for each connected group of seeds; regions may overlap.

    Parameters
    ----------
    depth
        What to grow in.
    seeds : (I, J, K) bool array
    rule
        Bounds on the borders.
    """
    if not seeds.any():
        return []
    near = within_reach(seeds, rule.reach_mm, spacing_mm=depth.spacing_mm)
    ground = depth._replace(parenchyma=depth.parenchyma & near)
    labels, count = ndimage.label(seeds)
    return [_grow(ground, labels == label, rule) for label in range(1, count + 1)]


def within_reach(mask: Mask, reach_mm: float, *, spacing_mm: Triple) -> Mask:
    """Voxels within about ``reach_mm`` of a mask in space, (I, J, K) bool array.

    Parameters
    ----------
    mask : (I, J, K) bool array
        Holds at least one voxel.
    reach_mm
        Counted on a 3 mm grid.
    spacing_mm
        Voxel size along i, j and k, mm.
    """
    factors = factors_for(spacing_mm, (COARSE_MM,) * 3, mask.shape)
    coarse = reduce_mean(mask, factors) > 0
    if not coarse.any():
        return np.ones_like(mask)
    coarse_mm = [step * factor for step, factor in zip(spacing_mm, factors, strict=True)]
    away = ndimage.distance_transform_edt(~coarse, sampling=coarse_mm)
    return expand(away <= reach_mm, factors, mask.shape)


def settle_border(tissue: CtTissue, mask: Mask, *, rounds: int, step: float = 0.0) -> Mask:
    """Move a border to halfway between the densities on its own two sides, (I, J, K) bool array.

    White matter beside a lesion is darker than grey: the level that a border is halfway to
    is taken from what lies right beside it.

    Parameters
    ----------
    tissue
        Sorted tissues.
    mask : (I, J, K) bool array
        Region within a few millimetres of its true border.
    rounds
        How often the border may move by ``BAND_MM``.
    step
        Share of the healthy density by which the border is set stricter (positive).
    """
    if not mask.any():
        return mask
    margin = [int(MARGIN_MM / size) for size in tissue.spacing_mm[:2]]
    box = bounding_box(mask, (*margin, 0))
    local = tissue.cropped(box)
    sigma = (FINE_MM, FINE_MM, 0)
    fine = smooth_within(local.hu, local.weight, sigma_mm=sigma, spacing_mm=local.spacing_mm)
    settled = mask[box]
    for _ in range(rounds):
        settled = _moved(local, fine, settled, step)
    whole = np.zeros_like(mask)
    whole[box] = settled
    return whole


def _moved(local: CtTissue, fine: NDArray[np.float32], mask: Mask, step: float) -> Mask:
    size = local.spacing_mm
    inside = _side_level(local, erode_disc(mask, GAP_MM, spacing_mm=size), SIDE_MM)
    outside = _side_level(local, ~dilate_disc(mask, GAP_MM, spacing_mm=size), 0.0)
    halfway = (inside + outside) / 2 - step * outside
    band = dilate_disc(mask, BAND_MM, spacing_mm=size)
    band &= ~erode_disc(mask, BAND_MM, spacing_mm=size)
    band &= (inside > 0) & (outside > inside)
    moved = np.where(band, fine < halfway, mask) & local.parenchyma
    solid = open_disc(moved, GAP_MM, spacing_mm=size)
    return keep_touching(solid, solid & erode_disc(mask, CORE_MM, spacing_mm=size))


def _side_level(local: CtTissue, side: Mask, across_mm: float) -> NDArray[np.float32]:
    """Mean density of one side around every voxel; 0 where that side is out of reach."""
    factors = factors_for(local.spacing_mm, (COARSE_MM, COARSE_MM, 0.0), side.shape)
    coarse_mm = [step * factor for step, factor in zip(local.spacing_mm, factors, strict=True)]
    weight = local.weight * side
    share = reduce_mean(weight, factors)
    total = reduce_mean(weight * local.hu, factors)
    mean = np.zeros_like(share)
    np.divide(total, share, out=mean, where=share > 0)
    sigma = (SIDE_MM, SIDE_MM, across_mm)
    smooth = smooth_within(mean, share, sigma_mm=sigma, spacing_mm=coarse_mm)
    return interpolate(smooth, factors, side.shape)


def _grow(depth: Depth, seeds: Mask, rule: BorderRule) -> Region:
    core = float(np.median(depth.ratio[seeds]))
    mask = _at_half_depth(depth, seeds, core, rule)
    for _ in range(ROUNDS):
        inner = erode_disc(mask & depth.deep, CORE_MM, spacing_mm=depth.spacing_mm) | seeds
        earlier, core = core, float(np.median(depth.ratio[inner]))
        if abs(core - earlier) < SETTLED:
            break
        mask = _at_half_depth(depth, seeds, core, rule)
    return Region(mask, int(np.count_nonzero(seeds)), core)


def _at_half_depth(depth: Depth, seeds: Mask, core: float, rule: BorderRule) -> Mask:
    border = float(np.clip((1 + core) / 2, rule.lowest, rule.highest))
    dark = depth.parenchyma & (depth.ratio < border)
    solid = open_disc(dark, BRIDGE_MM, spacing_mm=depth.spacing_mm)
    return keep_touching(solid, seeds & solid)
