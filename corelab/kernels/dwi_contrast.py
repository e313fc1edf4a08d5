"""A diffusion image in units of the patient's own healthy brain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.ranks import median
from corelab.kernels.reduction import interpolate
from corelab.kernels.smoothing import smooth_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corelab.kernels.across import Across

MAD_TO_SIGMA = 1.4826

PARENCHYMA_MM2_S = (300e-6, 1200e-6)
"""Brain tissue at any stage of an infarct and any b-value up to 2000; liquor lies above."""

HEALTHY_ADC_RATIO = (0.82, 1.4)
"""Around the parenchyma's median: outside lie cores of infarcts, and liquor."""

HEALTHY_SIGNAL = 0.5
"""Without ADC: darker than this share of the brain's median is liquor."""

FREE_WATER_RATIO = 4.0
"""Free water has 3000e-6 mm2/s, below four times parenchyma's; more is noise."""

ADC_SMOOTHING_MM = 2.0
"""ADC is the noisier channel, and decisions on it need less detail than borders do."""

SHADING_STEP_MM = (4.0, 4.0, 4.0)
MIN_HEALTHY_SHARE = 0.2
"""Least share of healthy voxels in a block of that size for it to say what is normal there."""

SHADING = ((22.0, 1.15),) * 3 + ((8.0, 1.03),) * 2
"""Rounds of a mean's sigma in mm and how much brighter than its mirror it may be. A wide mean is
coil shading, which may be somewhat one-sided; a narrow one is shading close to the coil, or
tissue that is bright or dark on both sides, and an infarct is neither."""

OUTLIER_SIGMA = 2.5
FIRST_SPREAD = 0.3
"""Least half-width of the first round's window, log signal: shading alone can be as wide."""


class DwiContrast(NamedTuple):
    """How each voxel differs from the patient's healthy brain.

    Attributes
    ----------
    signal : (I, J, K) float32 array
        Diffusion-weighted signal over healthy parenchyma's at the same place (coil shading
        taken out): 1 is normal. 0 outside the brain.
    sigma : float
        Spread of healthy parenchyma's signal: anatomy and noise together.
    adc_ratio : (I, J, K) float32 array or None
        ADC, smoothed by 2 mm in the slice, over the parenchyma's median. ``None`` without
        an ADC map.
    unweighted : (I, J, K) float32 array or None
        What the signal would be without diffusion weighting, over healthy parenchyma's: as on
        b0, coil shading taken out. 0 where ADC is not defined; ``None`` without an ADC map.
    """

    signal: NDArray[np.float32]
    sigma: float
    adc_ratio: NDArray[np.float32] | None
    unweighted: NDArray[np.float32] | None = None

    @property
    def z(self) -> NDArray[np.float32]:
        """Signal as spreads above healthy parenchyma, (I, J, K) float32 array."""
        return (self.signal - np.float32(1)) / np.float32(self.sigma)


def diffusion_contrast(
    dwi: NDArray[np.float32],
    adc_mm2_s: NDArray[np.float32] | None,
    brain: NDArray[np.bool_],
    across: Across,
    *,
    b_value_s_mm2: float,
) -> DwiContrast:
    """Relative signal and relative ADC of a diffusion image.

    Parameters
    ----------
    dwi : (I, J, K) float32 array
        Trace image, any scale.
    adc_mm2_s : (I, J, K) float32 array or None
        ADC map; 0 where undefined.
    brain : (I, J, K) bool array
        Must not be empty.
    across
        The other side of that brain.
    b_value_s_mm2
        Diffusion weighting of ``dwi``.

    Notes
    -----
    Normalising by the main mode, not by the mean, keeps the scale where it is when half a
    hemisphere is infarcted (the histogram fit of ADS; Liu 2021, doi
    10.1038/s43856-021-00062-8). Here the mode is local: a wide mean of the log signal over
    voxels that look healthy, found again after each round; where none do, in the middle of
    a large infarct, it is carried in from around it. An infarct can be so large that it
    looks like shading; shading that one side only has is therefore believed up to 15 %.
    """
    if adc_mm2_s is None:
        return DwiContrast(*_signal(dwi, None, brain, across), adc_ratio=None)
    normal_mm2_s = _normal_mm2_s(adc_mm2_s, brain)
    adc_ratio = _adc_ratio(adc_mm2_s, normal_mm2_s, brain, across.spacing_mm)
    signal, sigma = _signal(dwi, adc_ratio, brain, across)
    excess_mm2_s = np.minimum(adc_mm2_s, np.float32(FREE_WATER_RATIO * normal_mm2_s))
    excess_mm2_s -= np.float32(normal_mm2_s)
    unweighted = signal * np.exp(np.float32(b_value_s_mm2) * excess_mm2_s)
    unweighted[adc_mm2_s <= 0] = 0
    return DwiContrast(signal, sigma, adc_ratio, unweighted)


def _signal(
    dwi: NDArray[np.float32],
    adc_ratio: NDArray[np.float32] | None,
    brain: NDArray[np.bool_],
    across: Across,
) -> tuple[NDArray[np.float32], float]:
    """Signal over healthy parenchyma's without shading, and its robust standard deviation."""
    healthy = _healthy(dwi, adc_ratio, brain)
    floor = np.float32(1e-3) * median(dwi[brain])
    log_signal = np.log(np.maximum(dwi, floor, dtype=np.float32))
    signal = np.exp(log_signal - _shading(log_signal, healthy, across))
    signal /= median(signal[healthy])
    signal[~brain] = 0
    around = signal[healthy]
    around = around[np.abs(around - 1) < 2 * HEALTHY_SIGNAL]
    return signal, max(MAD_TO_SIGMA * float(median(np.abs(around - median(around)))), 1e-3)


def _normal_mm2_s(adc_mm2_s: NDArray[np.float32], brain: NDArray[np.bool_]) -> float:
    """Median ADC of the parenchyma."""
    low, high = PARENCHYMA_MM2_S
    inside = adc_mm2_s[brain]
    parenchyma = inside[(inside > low) & (inside < high)]
    return float(median(parenchyma)) if parenchyma.size else high


def _adc_ratio(
    adc_mm2_s: NDArray[np.float32],
    normal_mm2_s: float,
    brain: NDArray[np.bool_],
    spacing_mm: Sequence[float],
) -> NDArray[np.float32]:
    sigma_mm = (ADC_SMOOTHING_MM, ADC_SMOOTHING_MM, 0.0)
    is_defined = brain & (adc_mm2_s > 0)
    smooth = smooth_within(adc_mm2_s, is_defined, sigma_mm=sigma_mm, spacing_mm=spacing_mm)
    # Where a scanner left ADC out, it says nothing for or against an infarct.
    return np.where(smooth > 0, smooth / np.float32(normal_mm2_s), np.float32(1))


def _healthy(
    dwi: NDArray[np.float32], adc_ratio: NDArray[np.float32] | None, brain: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    if adc_ratio is not None:
        low, high = HEALTHY_ADC_RATIO
        healthy = brain & (dwi > 0) & (adc_ratio > low) & (adc_ratio < high)
        if healthy.any():
            return healthy
    return brain & (dwi > HEALTHY_SIGNAL * median(dwi[brain]))


def _shading(
    log_signal: NDArray[np.float32], healthy: NDArray[np.bool_], across: Across
) -> NDArray[np.float32]:
    """Healthy level of the log signal around each place, (I, J, K) float32 array."""
    grid = across.grid(SHADING_STEP_MM)
    share, level = grid.reduce(log_signal, healthy)
    known = share > min(MIN_HEALTHY_SHARE, float(share.max()) / 2)
    flat = level - median(level[known])
    kept = known & _near_zero(flat, known, FIRST_SPREAD)
    for sigma_mm, one_sided in SHADING:
        mean = smooth_within(flat, share * kept, sigma_mm=sigma_mm, spacing_mm=grid.step_mm)
        flat = flat - np.minimum(mean, grid.mirror(mean) + np.float32(np.log(one_sided)))
        flat -= median(flat[kept])
        kept = known & _near_zero(flat, kept, 0.0)
    return interpolate(level - flat, grid.factors, log_signal.shape)


def _near_zero(
    flat: NDArray[np.float32], among: NDArray[np.bool_], least: float
) -> NDArray[np.bool_]:
    spread = MAD_TO_SIGMA * float(median(np.abs(flat[among])))
    return np.asarray(np.abs(flat) < max(OUTLIER_SIGMA * spread, least, 1e-3))
