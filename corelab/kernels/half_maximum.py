"""Borders at half the depth of a dark region.

Halfway between core and healthy tissue lies the true border of a blurred region, however
deep it is; a fixed ratio would enlarge deep regions and cut faint ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import (
    dilate_disc,
    erode_disc,
    keep_touching,
    numbered_pieces,
    open_disc,
)
from corelab.kernels.reduction import expand, factors_for, interpolate, reduce_mean
from corelab.kernels.smoothing import smooth_within
from corelab.kernels.solidity import share_that_keeps, surroundings
from corelab.kernels.tissue_ct import CtTissue

Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]

ROUNDS = 8
SETTLED = 0.005
CORE_MM = 2.0
BRIDGE_MM = 2.0
"""Radius that a region must hold to be followed: cuts leaks along sulci."""

NEARLY = 0.67
"""Share of a core's depth from which on a place extends the reach of its seeds."""

COARSE_MM = 3.0
SIDE_MM = 6.0
"""Reach over which the density on either side of a border is averaged."""

FINE_MM = 2.0
OTHER_MM = (1.5, 2.5)
"""Smoothing of the density that a border is set in, and what else it might have been."""

GAP_MM = 1.5
"""Width of the blurred border, which belongs to neither side."""

SOLID_WEIGHT = 2.0
"""What a place's surroundings weigh, when a border is set, against its own density."""

MOST_LEANING = 1.5
LEAST_WIDTH = 0.02
"""What one density says at most, in widths of a border, and the least width, as a share of the
healthy density: 0.7 HU."""

BAND_MM = 3.0
"""How far one round may move a border."""


class Depth(NamedTuple):
    """What regions are grown in.

    Attributes
    ----------
    ratio, wide_ratio : (I, J, K) float32 array
        1 in healthy tissue, less in a region; at the scale of a border and at a wider one.
    parenchyma : (I, J, K) bool array
        Where a region may be.
    deep : (I, J, K) bool array
        Where ``ratio`` is not disturbed by neighbours of another kind.
    solid : (I, J, K) bool array
        Where a region may draw its reach from.
    spacing_mm : tuple of 3 float
    """

    ratio: NDArray[np.float32]
    wide_ratio: NDArray[np.float32]
    parenchyma: Mask
    deep: Mask
    solid: Mask
    spacing_mm: Triple


class BorderRule(NamedTuple):
    """Bounds on a border.

    Attributes
    ----------
    lowest, highest : float
        The border's ratio is kept between these.
    reach_mm : float
        No region goes further from its seeds and from what is nearly as deep as they are.
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

    @property
    def size(self) -> int:
        """Number of its voxels."""
        return int(np.count_nonzero(self.mask))


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
    labels, count = numbered_pieces(seeds)
    return [_grow(depth, labels == label, rule) for label in range(1, count + 1)]


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


def settle_border(
    tissue: CtTissue, density: NDArray[np.float32], mask: Mask, *, rounds: int
) -> Mask:
    """Move a border to halfway between the densities on its own two sides, (I, J, K) bool array.

    White matter beside a lesion is darker than grey: the level that a border is halfway to
    is taken from what lies right beside it. Before the last round what surrounds a place counts
    beside its own density, so that noise neither digs holes nor frays the border.

    Parameters
    ----------
    tissue
        Sorted tissues.
    density : (I, J, K) float32 array
        Of any scale, positive.
    mask : (I, J, K) bool array
        Region within a few millimetres of its true border.
    rounds
        How often the border may move by ``BAND_MM`` before the last time.
    """
    fine = _smoothed(tissue, density, FINE_MM)
    for _ in range(rounds):
        own = _sides(tissue, density, mask).leaning(mask, fine)
        mask = _moved(tissue, mask, own + SOLID_WEIGHT * _solidity(tissue, mask) > 0)
    return _moved(tissue, mask, fine < _sides(tissue, density, mask).halfway(mask, 0.0))


def border_range(
    tissue: CtTissue, density: NDArray[np.float32], mask: Mask, *, step: float
) -> tuple[Mask, Mask]:
    """Strictest and widest border that other thresholds and smoothing set, two bool arrays.

    Parameters
    ----------
    tissue, density
        As for :func:`settle_border`.
    mask : (I, J, K) bool array
        Region with a settled border.
    step
        Share of the healthy density by which the threshold moves either way.
    """
    sides = _sides(tissue, density, mask)
    strict, wide = sides.halfway(mask, step), sides.halfway(mask, -step)
    fines = [_smoothed(tissue, density, blur_mm) for blur_mm in OTHER_MM]
    low = _moved(tissue, mask, np.all([fine < strict for fine in fines], axis=0))
    high = _moved(tissue, mask, np.any([fine < wide for fine in fines], axis=0))
    return low, high


class _Sides(NamedTuple):
    """Mean densities inside and outside of a border around every voxel; 0 out of reach."""

    inside: NDArray[np.float32]
    outside: NDArray[np.float32]

    def halfway(self, mask: Mask, step: float) -> NDArray[np.float32]:
        """Middle of both, less a share of the outside; out of reach, what keeps the mask."""
        keeping = np.where(mask, np.float32(np.inf), np.float32(-np.inf))
        is_known = (self.inside > 0) & (self.outside > self.inside)
        halfway = (self.inside + self.outside) / 2 - np.float32(step) * self.outside
        return np.where(is_known, halfway, keeping)

    def leaning(self, mask: Mask, density: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far a density lies on the inner side of halfway, in widths of the border.

        0 halfway, 0.5 as deep as the inside; out of reach, what keeps the mask.
        """
        keeping = np.where(mask, np.float32(MOST_LEANING), np.float32(-MOST_LEANING))
        width = self.outside - self.inside
        is_known = (self.inside > 0) & (width > 0)
        leaning = (self.inside + self.outside) / 2 - density
        np.divide(
            leaning, np.maximum(width, LEAST_WIDTH * self.outside), out=leaning, where=is_known
        )
        return np.where(is_known, np.clip(leaning, -MOST_LEANING, MOST_LEANING), keeping)


def _sides(tissue: CtTissue, density: NDArray[np.float32], mask: Mask) -> _Sides:
    size = tissue.spacing_mm
    inner = erode_disc(mask, GAP_MM, spacing_mm=size)
    outer = ~dilate_disc(mask, GAP_MM, spacing_mm=size)
    return _Sides(
        inside=_side_level(tissue, density, inner, SIDE_MM),
        outside=_side_level(tissue, density, outer, 0.0),
    )


def _smoothed(
    tissue: CtTissue, density: NDArray[np.float32], sigma_mm: float
) -> NDArray[np.float32]:
    sigma = (sigma_mm, sigma_mm, 0)
    return smooth_within(density, tissue.weight, sigma_mm=sigma, spacing_mm=tissue.spacing_mm)


def _moved(tissue: CtTissue, mask: Mask, dark: Mask) -> Mask:
    size = tissue.spacing_mm
    inner = erode_disc(mask, BAND_MM, spacing_mm=size)
    outer = dilate_disc(mask, BAND_MM, spacing_mm=size)
    moved = ((dark & outer) | inner) & tissue.parenchyma
    solid = open_disc(moved, GAP_MM, spacing_mm=size)
    return keep_touching(solid, solid & erode_disc(mask, CORE_MM, spacing_mm=size))


def _solidity(tissue: CtTissue, mask: Mask) -> NDArray[np.float32]:
    """How much more of a region is around a place than around its border."""
    near = surroundings(mask, tissue.parenchyma, spacing_mm=tissue.spacing_mm)
    return near - np.float32(share_that_keeps(mask, tissue.parenchyma, near))


def _side_level(
    tissue: CtTissue, density: NDArray[np.float32], side: Mask, across_mm: float
) -> NDArray[np.float32]:
    """Mean density of one side around every voxel; 0 where that side is out of reach."""
    factors = factors_for(tissue.spacing_mm, (COARSE_MM, COARSE_MM, 0.0), side.shape)
    coarse_mm = [step * factor for step, factor in zip(tissue.spacing_mm, factors, strict=True)]
    weight = tissue.weight * side
    share = reduce_mean(weight, factors)
    total = reduce_mean(weight * density, factors)
    mean = np.zeros_like(share)
    np.divide(total, share, out=mean, where=share > 0)
    sigma = (SIDE_MM, SIDE_MM, across_mm)
    smooth = smooth_within(mean, share, sigma_mm=sigma, spacing_mm=coarse_mm)
    return interpolate(smooth, factors, side.shape)


def _grow(depth: Depth, seeds: Mask, rule: BorderRule) -> Region:
    core = float(np.median(depth.ratio[seeds]))
    ground = _within_reach_of_depth(depth, seeds, core, rule)
    mask = _at_half_depth(ground, seeds, core, rule)
    for _ in range(ROUNDS):
        inner = erode_disc(mask & depth.deep, CORE_MM, spacing_mm=depth.spacing_mm) | seeds
        earlier, core = core, float(np.median(depth.ratio[inner]))
        if abs(core - earlier) < SETTLED:
            break
        mask = _at_half_depth(ground, seeds, core, rule)
    return Region(mask, int(np.count_nonzero(seeds)), core)


def _within_reach_of_depth(depth: Depth, seeds: Mask, core: float, rule: BorderRule) -> Depth:
    """Leave only the parenchyma near seeds, and near what is nearly as deep and near them."""
    nearly = depth.solid & (depth.wide_ratio < 1 - NEARLY * (1 - core))
    anchors = seeds
    near = within_reach(anchors, rule.reach_mm, spacing_mm=depth.spacing_mm)
    for _ in range(ROUNDS):
        more = seeds | (nearly & near)
        if np.count_nonzero(more) == np.count_nonzero(anchors):
            break
        anchors = more
        near = within_reach(anchors, rule.reach_mm, spacing_mm=depth.spacing_mm)
    return depth._replace(parenchyma=depth.parenchyma & near)


def _at_half_depth(depth: Depth, seeds: Mask, core: float, rule: BorderRule) -> Mask:
    border = float(np.clip((1 + core) / 2, rule.lowest, rule.highest))
    dark = depth.parenchyma & (depth.ratio < border)
    solid = open_disc(dark, BRIDGE_MM, spacing_mm=depth.spacing_mm)
    return keep_touching(solid, seeds & solid)
