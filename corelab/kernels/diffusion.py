"""Diffusion images from others: a trace from directions, an ADC from two, a map's unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.ranks import median

ADC_SCALES = (1.0, 1e-3, 1e-6)
"""Factors to mm2/s that scanners' maps need; 1e-3 and 1e-6 are the usual ones."""

MIN_MEDIAN_MM2_S = 400e-6
MAX_MEDIAN_MM2_S = 1600e-6
"""Whole-brain medians: healthy parenchyma has 650-950e-6, less at high b, more with atrophy."""

MAX_ADC_MM2_S = 4e-3
"""Free water at body temperature has 3.0e-3."""


def geometric_mean(images: Iterable[NDArray[np.generic]]) -> NDArray[np.float32]:
    """Geometric mean of images of one shape, (I, J, K) float32 array.

    Parameters
    ----------
    images
        At least one (I, J, K) array, read one at a time. Where any of them is not above 0
        the mean is 0: a signal that is lost in one direction is no trace.

    Notes
    -----
    Signals ``S0 exp(-b g'Dg)`` of directions g have the geometric mean
    ``S0 exp(-b tr(D)/3)``, the trace image, when the directions are spread evenly
    (:func:`unevenness_of`).
    """
    total: NDArray[np.float64] | None = None
    is_above: NDArray[np.bool_] | None = None
    count = 0
    for image in images:
        signal = np.asarray(image, dtype=np.float64)
        above = signal > 0
        logarithm = np.log(signal, out=np.zeros_like(signal), where=above)
        total = logarithm if total is None else total + logarithm
        is_above = above if is_above is None else is_above & above
        count += 1
    if total is None or is_above is None:
        raise ValueError("a mean needs at least one image")
    return np.where(is_above, np.exp(total / count), 0).astype(np.float32)


def unevenness_of(directions: Sequence[Sequence[float]]) -> float:
    """How far directions are from weighting all axes alike: 0 for an even set, at most 2/3.

    Parameters
    ----------
    directions
        (N, 3) unit vectors; a vector and its opposite count the same.

    Notes
    -----
    The mean of g g' over the directions is a third of the identity exactly when their mean
    diffusivity is tr(D)/3 for every tensor D; this is its largest departure in any axis.
    """
    vectors = np.asarray(directions, dtype=np.float64)
    moments = vectors.T @ vectors / len(vectors)
    return float(np.abs(np.linalg.eigvalsh(moments) - 1 / 3).max())


def compute_adc(
    b0: NDArray[np.generic], dwi: NDArray[np.generic], b_value_s_mm2: float
) -> NDArray[np.float32]:
    """Apparent diffusion coefficient, (I, J, K) float32 array in mm2/s.

    Parameters
    ----------
    b0, dwi : (I, J, K) array
        Signal without and with diffusion weighting, on one grid and one scale.
    b_value_s_mm2
        Difference of the two images' b-values.

    Notes
    -----
    ``ln(S0 / Sb) / b`` (Stejskal and Tanner 1965, doi 10.1063/1.1695690), kept between 0 and
    4e-3 mm2/s. Where a signal is not above 0 the coefficient is undefined: there it is 0, as
    in scanners' own maps.
    """
    reference = np.asarray(b0, dtype=np.float32)
    weighted = np.asarray(dwi, dtype=np.float32)
    is_defined = (reference > 0) & (weighted > 0)
    ratio = np.ones_like(weighted)
    np.divide(reference, weighted, out=ratio, where=is_defined)
    return np.clip(np.log(ratio) / np.float32(b_value_s_mm2), 0, MAX_ADC_MM2_S)


def adc_scale_to_mm2_s(adc: NDArray[np.generic], brain: NDArray[np.bool_]) -> float:
    """Factor that turns a map's values into mm2/s: 1, 1e-3 or 1e-6.

    Parameters
    ----------
    adc : (I, J, K) array
        Apparent diffusion coefficients in an unknown unit.
    brain : (I, J, K) bool array

    Raises
    ------
    UnfitDataError
        ``adc_unit_unknown`` when no factor gives a brain's median, or there are no values.
    """
    inside = adc[brain].astype(np.float64)
    inside = inside[np.isfinite(inside) & (inside > 0)]
    if inside.size == 0:
        raise UnfitDataError(ReasonCode.ADC_UNIT_UNKNOWN, "the ADC map has no value above 0")
    middle = float(median(inside))
    for scale in ADC_SCALES:
        if MIN_MEDIAN_MM2_S <= middle * scale <= MAX_MEDIAN_MM2_S:
            return scale
    raise UnfitDataError(
        ReasonCode.ADC_UNIT_UNKNOWN,
        f"the brain's median ADC is {middle:.3g}; in no usual unit is that "
        f"{MIN_MEDIAN_MM2_S:.1e} to {MAX_MEDIAN_MM2_S:.1e} mm2/s",
    )
