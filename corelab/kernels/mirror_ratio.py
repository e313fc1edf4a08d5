"""Density of the parenchyma against the same place on the other side of the head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.midline import Midline, mirror
from corelab.kernels.morphology import dilate_disc
from corelab.kernels.reduction import factors_for, interpolate, reduce_mean
from corelab.kernels.smoothing import gaussian, smooth_within
from corelab.kernels.tissue_ct import CtTissue, across_slices, even_depths, even_slices

BORDER_MM = 3.0
SEED_MM = 5.0
REFERENCE_MM = 5.0
"""Smoothing of the lesion's border, of its seeds, and of the mirrored side: a wider mirror
absorbs that the halves of a brain are not copies of each other."""

REFERENCE_GRID_MM = 3.0
BRIGHTEST_REFERENCE = 1.10
"""Grey over mixed tissue (37 / 33 HU): a mirror above it is beam hardening, not tissue."""

PRIOR_WEIGHT = 0.02
"""Share of plain brain mixed into the reference, which counts only where nothing else is."""

HALO_MM = 6.0
MIN_SLICE_VOXELS = 200
UNEVEN = 1.3
"""A slice this many times as uneven as the scan is believed in full."""


class MirrorRatio(NamedTuple):
    """Local density over its mirror; 1 is healthy.

    Attributes
    ----------
    border : (I, J, K) float32 array
        Ratio at the scale a border is set on; 1 outside the parenchyma.
    seed : (I, J, K) float32 array
        Ratio at the wider scale a lesion is found on; 1 outside the parenchyma.
    level : (I, J, K) float32 array
        Density at the seed scale, over that of the slice's healthy parenchyma.
    judged : (I, J, K) bool array
        Healthy deep parenchyma.
    spread : float
        Robust standard deviation of ``seed`` there.
    """

    border: NDArray[np.float32]
    seed: NDArray[np.float32]
    level: NDArray[np.float32]
    judged: NDArray[np.bool_]
    spread: float


def mirror_ratio(
    tissue: CtTissue, midline: Midline, *, lesion: NDArray[np.bool_], deep: NDArray[np.bool_]
) -> MirrorRatio:
    """Ratio of local to mirrored density, with levels and spread from outside the lesion.

    Parameters
    ----------
    tissue
        Sorted tissues.
    midline
        Mid-sagittal plane in the millimetres of the tissues' grid.
    lesion : (I, J, K) bool array
        What is known to be lesion so far; it and its mirror do not count as healthy.
    deep : (I, J, K) bool array
        Parenchyma away from fluid and skull, where the spread is taken.
    """
    step = tissue.spacing_mm
    halo = dilate_disc(lesion, HALO_MM, spacing_mm=step) if lesion.any() else lesion
    healthy = ~halo
    if lesion.any():
        healthy &= mirror(halo, midline, step) < 0.5  # noqa: PLR2004 - half a voxel
    in_slice = even_slices(tissue, healthy)
    relative = even_depths(tissue, in_slice, healthy)
    reference = _reference(relative, tissue, midline)
    parenchyma = tissue.brain & ~tissue.fluid
    border = _over(_local(relative, tissue, BORDER_MM), reference, parenchyma)
    seed = _over(_local(relative, tissue, SEED_MM), reference, parenchyma)
    judged = deep & healthy
    return MirrorRatio(
        border=border,
        seed=seed,
        level=_local(in_slice, tissue, SEED_MM),
        judged=judged,
        spread=_spread(seed[judged] if judged.any() else seed[deep]),
    )


def distrust_uneven_slices(ratio: MirrorRatio) -> MirrorRatio:
    """Ratios drawn towards 1 in slices that are more uneven than the scan as a whole.

    Between the petrous bones healthy tissue is as uneven as an infarct is deep.

    Parameters
    ----------
    ratio
        Taken with the lesion known, which would make its own slices uneven.
    """
    trust = np.ones(ratio.seed.shape[2], dtype=np.float32)
    for k in range(len(trust)):
        ratios = ratio.seed[:, :, k][ratio.judged[:, :, k]]
        if ratios.size >= MIN_SLICE_VOXELS:
            trust[k] = min(1.0, UNEVEN * ratio.spread / max(_spread(ratios), 1e-6))
    return ratio._replace(border=1 - trust * (1 - ratio.border), seed=1 - trust * (1 - ratio.seed))


def _local(relative: NDArray[np.float32], tissue: CtTissue, sigma_mm: float) -> NDArray[np.float32]:
    step = tissue.spacing_mm
    sigma = across_slices(sigma_mm, step)
    return smooth_within(relative, tissue.weight, sigma_mm=sigma, spacing_mm=step)


def _over(
    local: NDArray[np.float32], reference: NDArray[np.float32], parenchyma: NDArray[np.bool_]
) -> NDArray[np.float32]:
    ratio = np.ones_like(local)
    np.divide(local, reference, out=ratio, where=parenchyma & (local > 0))
    return ratio


def _reference(
    relative: NDArray[np.float32], tissue: CtTissue, midline: Midline
) -> NDArray[np.float32]:
    """Mirrored local mean, computed on a coarse grid that its smoothness allows."""
    step = np.array(tissue.spacing_mm)
    target = (REFERENCE_GRID_MM, REFERENCE_GRID_MM, 0.0)
    factors = factors_for(tissue.spacing_mm, target, relative.shape)
    coarse_mm = [float(size) for size in step * factors]
    sigma = across_slices(REFERENCE_MM, coarse_mm)
    total = gaussian(reduce_mean(relative * tissue.weight, factors), sigma, spacing_mm=coarse_mm)
    share = gaussian(reduce_mean(tissue.weight, factors), sigma, spacing_mm=coarse_mm)
    plane = midline.seen_from((np.array(factors) - 1) / 2 * step)
    mirrored = mirror(total + PRIOR_WEIGHT, plane, coarse_mm)
    weight = mirror(share + PRIOR_WEIGHT, plane, coarse_mm)
    reference = np.ones_like(mirrored)
    np.divide(mirrored, weight, out=reference, where=weight > PRIOR_WEIGHT / 2)
    return np.minimum(interpolate(reference, factors, relative.shape), BRIGHTEST_REFERENCE)


def _spread(ratios: NDArray[np.float32]) -> float:
    """Robust standard deviation."""
    if ratios.size == 0:
        return 0.0
    lower, upper = np.percentile(ratios, [25, 75])
    return float(upper - lower) / 1.349
