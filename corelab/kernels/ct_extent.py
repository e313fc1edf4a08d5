"""How far an infarct on CT extends, once it is known where one is.

What was grown from seeds ends where a slice, a bleed or noise lies between them and the rest. From
here on the infarct is one solid body: whether a place belongs to it is told by what it lacks,
against what the infarct lacks around it, and by how much of its surroundings belong. All of it
happens on the coarse grid of the mirror.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.mirror_ratio import BORDER_MM, REFERENCE_MM, Coarse
from corelab.kernels.morphology import keep_touching
from corelab.kernels.reduction import expand, reduce_mean
from corelab.kernels.smoothing import smooth_within
from corelab.kernels.solidity import surroundings
from corelab.kernels.tissue_ct import CtTissue

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]

HALF = 0.5
ROUNDS = 8
"""How often the whole is told anew from what it is, at most."""

MIRROR_SHARE = 0.6
"""How much of what the mirror lacks is expected here, too: so much do the halves of a brain have
in common at this scale; one is the mirror alone, 0 the level of the healthy tissue alone."""

DEPTH_MM = 15.0
"""Reach over which an infarct's depth is averaged: its parts are not equally deep."""

LEAST_LACK = 0.02
"""Depth below which nothing is told from noise: 0.7 HU."""

BORDER_SHARE = 0.45
"""Share of infarct around a place on its border, which bulges outwards: at half it would shrink."""

REACHED = 0.15
"""Least share of infarct around a place that may be taken in."""


def extent_of(tissue: CtTissue, coarse: Coarse, found: Mask) -> Mask:
    """Where an infarct that was found lies as a whole, (I, J, K) bool array.

    Parameters
    ----------
    tissue
        Sorted tissues.
    coarse
        Evened densities and the plane.
    found : (I, J, K) bool array
        What was grown from seeds.
    """
    factors = coarse.factors
    part = reduce_mean(found, factors) > HALF
    fit = reduce_mean(tissue.parenchyma, factors)
    ground = reduce_mean(tissue.brain & ~tissue.fluid, factors) > HALF
    lacking = coarse.below_expected(BORDER_MM, REFERENCE_MM, MIRROR_SHARE)
    for _ in range(ROUNDS):
        if not part.any():
            break
        own = np.clip(lacking / _depth(lacking, coarse, part) - HALF, -1, 1)
        near = surroundings(part, fit, spacing_mm=coarse.spacing_mm)
        grown = ground & (near > REACHED) & (own + near > BORDER_SHARE)
        earlier, part = part, keep_touching(grown, grown & part)
        if np.array_equal(part, earlier):
            break
    whole = expand(part, factors, found.shape) & (tissue.parenchyma | tissue.bright)
    return whole if whole.any() else found


def _depth(lacking: Map, coarse: Coarse, part: Mask) -> Map:
    """Average what the infarct lacks around each place."""
    near = smooth_within(
        lacking, part * coarse.share, sigma_mm=DEPTH_MM, spacing_mm=coarse.spacing_mm
    )
    near[near == 0] = np.median(lacking[part])
    return np.maximum(near, np.float32(LEAST_LACK))
