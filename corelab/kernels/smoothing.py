"""Smoothing that keeps to a mask: what lies outside has no say in what is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

TRUNCATE_SIGMA = 3.0
"""Where the kernel ends, in sigma; 0.3 % of a Gaussian lies beyond."""

MIN_WEIGHT = 1e-3
"""Share of the kernel that must lie on the mask; below it float32 division is noise."""


def gaussian(
    image: NDArray[np.generic], sigma_mm: Sequence[float] | float, *, spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Gaussian-smoothed copy of an image, (I, J, K) float32 array, edge values carried on.

    Parameters
    ----------
    image : (I, J, K) array
    sigma_mm
        Standard deviation, one for all axes or one an axis, mm; 0 leaves an axis alone.
    spacing_mm
        Voxel size along i, j and k, mm.
    """
    return _gaussian(image, _sigmas_voxel(sigma_mm, spacing_mm), "nearest")


def smooth_within(
    image: NDArray[np.generic],
    mask: NDArray[np.generic],
    *,
    sigma_mm: Sequence[float] | float,
    spacing_mm: Sequence[float],
) -> NDArray[np.float32]:
    """Weighted Gaussian mean of the masked voxels, (I, J, K) float32 array.

    Also defined outside the mask, as far as the kernel reaches it; 0 further away.

    Parameters
    ----------
    image : (I, J, K) array
        Values where the mask is 0 are not looked at; they may be anything but NaN.
    mask : (I, J, K) bool or float array
        Weight of each voxel, 0 to 1.
    sigma_mm
        Standard deviation, one for all axes or one an axis, mm; 0 leaves an axis alone.
    spacing_mm
        Voxel size along i, j and k, mm.

    Notes
    -----
    Normalised convolution: Knutsson and Westin, CVPR 1993, doi 10.1109/CVPR.1993.341081.
    """
    sigmas = _sigmas_voxel(sigma_mm, spacing_mm)
    weight = mask.astype(np.float32)
    total = _gaussian(image.astype(np.float32) * weight, sigmas, "constant")
    share = _gaussian(weight, sigmas, "constant")
    smoothed = np.zeros_like(total)
    np.divide(total, share, out=smoothed, where=share > MIN_WEIGHT)
    return smoothed


def _sigmas_voxel(
    sigma_mm: Sequence[float] | float, spacing_mm: Sequence[float]
) -> tuple[float, ...]:
    sigmas = np.broadcast_to(np.asarray(sigma_mm, dtype=np.float64), (3,))
    return tuple(float(value) for value in sigmas / np.asarray(spacing_mm[:3], dtype=np.float64))


def _gaussian(
    image: NDArray[np.generic], sigmas_voxel: tuple[float, ...], mode: str
) -> NDArray[np.float32]:
    smoothed = image.astype(np.float32)
    for axis, sigma in enumerate(sigmas_voxel):
        # Below 0.2 voxel the sampled kernel is a single 1.
        if sigma > 0.2:  # noqa: PLR2004 - exp(-1 / (2 * 0.2 ** 2)) is 4e-6
            smoothed = ndimage.gaussian_filter1d(
                smoothed, sigma, axis=axis, mode=mode, truncate=TRUNCATE_SIGMA
            )
    return smoothed
