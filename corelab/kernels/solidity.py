"""How far a place lies inside a region, told by what surrounds it.

An infarct is one solid body, noise is not: what surrounds a place counts beside its own density,
over a distance that suits the body's size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.reduction import factors_for, interpolate, reduce_mean, scaled
from corelab.kernels.smoothing import smooth_within

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]

GRID_MM = 3.0
REACH_SHARE = 0.3
REACH_MM = (4.0, 9.0)
"""Smoothing of a region, as a share of the radius of the ball that holds as much, and its bounds:
a wider reach rounds off the corners of a small infarct."""


def surroundings(
    mask: Mask, fit: NDArray[np.generic], *, spacing_mm: tuple[float, float, float]
) -> Map:
    """Share of each place's surroundings that is in a region, (I, J, K) float32 array, 0 to 1.

    Parameters
    ----------
    mask : (I, J, K) bool array
        The region.
    fit : (I, J, K) bool or float array
        Where a region may be, or how much of each voxel: fluid, blood and bone have no say.
    spacing_mm
        Voxel size along i, j and k, mm.

    Notes
    -----
    To cut such a share again and again moves a border as its curvature does: Merriman, Bence and
    Osher, J Comput Phys 1994;112:334, doi 10.1006/jcph.1994.1105.
    """
    factors = factors_for(spacing_mm, (GRID_MM, GRID_MM, 0.0), mask.shape)
    known = reduce_mean(fit, factors)
    inside = np.zeros_like(known)
    np.divide(reduce_mean(mask * fit, factors), known, out=inside, where=known > 0)
    volume_mm3 = float(np.count_nonzero(mask)) * float(np.prod(spacing_mm))
    radius_mm = (3 / (4 * np.pi) * volume_mm3) ** (1 / 3)
    reach_mm = float(np.clip(REACH_SHARE * radius_mm, *REACH_MM))
    near = smooth_within(inside, known, sigma_mm=reach_mm, spacing_mm=scaled(spacing_mm, factors))
    return interpolate(near, factors, mask.shape)


def share_that_keeps(mask: Mask, fit: Mask, near: Map) -> float:
    """Share of surroundings above which as many places lie as a region has.

    A border cut there moves to be smooth, but takes in as much as it gives up: one cut at half
    would shrink whatever bulges outwards.

    Parameters
    ----------
    mask, fit : (I, J, K) bool array
        The region, and where it may be.
    near : (I, J, K) float32 array
        What :func:`surroundings` tells of it.
    """
    shares = near[fit]
    count = int(np.count_nonzero(mask & fit))
    return float(np.partition(shares, -count)[-count]) if count else 1.0
