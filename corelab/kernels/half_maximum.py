"""Dark regions grown from seeds to half the depth of their own core.

Halfway between core and healthy tissue lies the true border of a blurred region, however
deep it is; a fixed ratio would enlarge deep regions and cut faint ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import erode_disc, keep_touching, open_disc
from corelab.kernels.reduction import expand, factors_for, reduce_mean

Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]

ROUNDS = 8
SETTLED = 0.005
CORE_MM = 2.0
BRIDGE_MM = 2.0
"""Radius that a region must hold to be followed: cuts leaks along sulci."""

DISTANCE_GRID_MM = 3.0


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
    step : float
        How far the border is moved for the low and the high region.
    reach_mm : float
        No region goes further from its seeds.
    """

    lowest: float
    highest: float
    step: float
    reach_mm: float


class Region(NamedTuple):
    """A region grown from one group of seeds.

    Attributes
    ----------
    mask, low, high : (I, J, K) bool array
        The region, and with its border moved inwards and outwards.
    seed_count : int
        Voxels it grew from.
    core : float
        Median ratio of its core.
    """

    mask: Mask
    low: Mask
    high: Mask
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
    factors = factors_for(spacing_mm, (DISTANCE_GRID_MM,) * 3, mask.shape)
    coarse = reduce_mean(mask, factors) > 0
    if not coarse.any():
        return np.ones_like(mask)
    coarse_mm = [step * factor for step, factor in zip(spacing_mm, factors, strict=True)]
    away = ndimage.distance_transform_edt(~coarse, sampling=coarse_mm)
    return expand(away <= reach_mm, factors, mask.shape)


def _grow(depth: Depth, seeds: Mask, rule: BorderRule) -> Region:
    core = float(np.median(depth.ratio[seeds]))
    border, mask = _at_half_depth(depth, seeds, core, rule)
    for _ in range(ROUNDS):
        inner = erode_disc(mask & depth.deep, CORE_MM, spacing_mm=depth.spacing_mm) | seeds
        earlier, core = core, float(np.median(depth.ratio[inner]))
        if abs(core - earlier) < SETTLED:
            break
        border, mask = _at_half_depth(depth, seeds, core, rule)
    low = _below(depth, border - rule.step, seeds) & mask
    high = _below(depth, border + rule.step, seeds) | mask
    return Region(mask, low, high, int(np.count_nonzero(seeds)), core)


def _at_half_depth(depth: Depth, seeds: Mask, core: float, rule: BorderRule) -> tuple[float, Mask]:
    border = float(np.clip((1 + core) / 2, rule.lowest, rule.highest))
    return border, _below(depth, border, seeds)


def _below(depth: Depth, border: float, seeds: Mask) -> Mask:
    dark = depth.parenchyma & (depth.ratio < border)
    solid = open_disc(dark, BRIDGE_MM, spacing_mm=depth.spacing_mm)
    return keep_touching(solid, seeds & solid)
