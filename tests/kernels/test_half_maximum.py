from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.half_maximum import (
    BorderRule,
    Depth,
    border_range,
    grow_regions,
    settle_border,
    within_reach,
)
from corelab.kernels.overlap import dice
from corelab.kernels.tissue_ct import sort_tissue

SPACING_MM = (1.0, 1.0, 5.0)
SHAPE = (90, 90, 5)
RULE = BorderRule(lowest=0.6, highest=0.95, reach_mm=40.0)
DISC_MM = 20.0


def a_disc(radius_mm: float = DISC_MM) -> NDArray[np.bool_]:
    i, j, _ = np.indices(SHAPE)
    return np.asarray(np.hypot(i - 45, j - 45) <= radius_mm)


def depth_of(ratio: NDArray[np.float32]) -> Depth:
    whole = np.ones(SHAPE, dtype=bool)
    return Depth(ratio, ratio, whole, whole, whole, SPACING_MM)


def blurred(drop: float) -> Depth:
    ratio = ndimage.gaussian_filter(1 - drop * a_disc().astype(np.float32), (3, 3, 0))
    return depth_of(ratio.astype(np.float32))


@pytest.mark.parametrize("drop", [0.15, 0.25, 0.4, 0.6])
def test_a_blurred_disc_keeps_its_size_however_deep_it_is(drop: float) -> None:
    (region,) = grow_regions(blurred(drop), a_disc(5), RULE)
    assert region.mask.sum() == pytest.approx(a_disc().sum(), rel=0.04)
    assert region.core == pytest.approx(1 - drop, abs=0.02)


def test_each_group_of_seeds_grows_its_own_region() -> None:
    ratio = np.ones(SHAPE, dtype=np.float32)
    ratio[10:30, 10:30] = 0.6
    ratio[50:80, 50:80] = 0.8
    seeds = np.zeros(SHAPE, dtype=bool)
    seeds[18:22, 18:22] = True
    seeds[63:67, 63:67] = True
    deep, faint = grow_regions(depth_of(ratio), seeds, RULE)
    assert deep.core == pytest.approx(0.6)
    assert faint.core == pytest.approx(0.8)
    assert not (deep.mask & faint.mask).any()
    assert deep.seed_count == 4 * 4 * 5


def test_without_seeds_nothing_grows() -> None:
    assert grow_regions(blurred(0.3), np.zeros(SHAPE, dtype=bool), RULE) == []


def test_a_thin_bridge_is_not_followed() -> None:
    ratio = np.ones(SHAPE, dtype=np.float32)
    ratio[10:30, 10:30] = 0.6
    ratio[30:60, 19:21] = 0.6
    ratio[60:80, 10:30] = 0.6
    seeds = np.zeros(SHAPE, dtype=bool)
    seeds[18:22, 18:22] = True
    (region,) = grow_regions(depth_of(ratio), seeds, RULE)
    assert not region.mask[60:].any()


def test_no_region_goes_beyond_the_reach_of_its_depth() -> None:
    away = np.hypot(*(np.indices(SHAPE)[:2] - 45))
    ratio = np.where(away < 8, 0.6, 0.76).astype(np.float32)
    (region,) = grow_regions(depth_of(ratio), a_disc(3), RULE._replace(reach_mm=6.0))
    assert region.mask[45, 45 + 11, 2]
    assert not (region.mask & ~a_disc(8 + 6 + 3)).any()


def test_what_is_nearly_as_deep_extends_the_reach() -> None:
    (region,) = grow_regions(blurred(0.4), a_disc(3), RULE._replace(reach_mm=6.0))
    assert region.mask.sum() == pytest.approx(a_disc().sum(), rel=0.04)


def test_reach_is_counted_across_slices_too() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[45, 45, 2] = True
    near = within_reach(mask, 6.0, spacing_mm=SPACING_MM)
    assert near[45, 45, 1]
    assert near[45, 45, 3]
    assert not near[45, 45, 0]
    assert not near[45, 60, 2]


@pytest.mark.parametrize("start_mm", [17.0, 20.0, 23.0])
def test_a_border_settles_where_the_density_is_half_way(start_mm: float) -> None:
    image = np.where(a_disc(), 21, 34).astype(np.float32)
    image[:40][~a_disc()[:40]] = 29
    image = ndimage.gaussian_filter(image, (1, 1, 0))
    brain = a_disc(40)
    tissue = sort_tissue(image, brain, SPACING_MM)
    settled = settle_border(tissue, tissue.hu, a_disc(start_mm), rounds=3)
    assert settled.sum() == pytest.approx(a_disc().sum(), rel=0.05)
    assert (settled & ~a_disc(22)).sum() == 0


def test_noise_digs_no_holes() -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(5).normal(0, 1, SHAPE), (1.5, 1.5, 0))
    image = np.where(a_disc(), 25, 33) + 4 * noise / noise.std()
    tissue = sort_tissue(image.astype(np.float32), a_disc(40), SPACING_MM)
    settled = settle_border(tissue, tissue.hu, a_disc(18), rounds=3)
    assert settled[a_disc(14)].mean() > 0.99
    assert dice(settled, a_disc()) > 0.92


def test_a_range_encloses_the_border_and_widens_with_its_step() -> None:
    image = ndimage.gaussian_filter(np.where(a_disc(), 21.0, 34.0), (2, 2, 0))
    tissue = sort_tissue(image.astype(np.float32), a_disc(40), SPACING_MM)
    low, high = border_range(tissue, tissue.hu, a_disc(), step=0.05)
    lower, higher = border_range(tissue, tissue.hu, a_disc(), step=0.08)
    assert not (lower & ~low).any()
    assert not (high & ~higher).any()
    assert lower.sum() < low.sum() < a_disc().sum() < high.sum() < higher.sum()


def test_nothing_stays_nothing() -> None:
    tissue = sort_tissue(np.full(SHAPE, 33, dtype=np.float32), a_disc(40), SPACING_MM)
    assert not settle_border(tissue, tissue.hu, np.zeros(SHAPE, dtype=bool), rounds=2).any()
