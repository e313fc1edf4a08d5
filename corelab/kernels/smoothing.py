"""Smoothing that keeps to a mask: what lies outside has no say in what is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.reduction import order_of

if TYPE_CHECKING:
    from collections.abc import Sequence

TRUNCATE_SIGMA = 3.0
"""Where the kernel ends, in sigma; 0.3 % of a Gaussian lies beyond."""

CLOSE_VOXELS = 1 << 16
"""Voxels that are worked on at a time: they and their sums fit into a core's own cache."""

MIN_WEIGHT = 1e-3
"""Share of the kernel that must lie on the mask; below it float32 division is noise."""

Beyond = Literal["edge", "constant"]
"""What lies beyond an image's end: its last value, or 0."""


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
    return _gaussian(image, _sigmas_voxel(sigma_mm, spacing_mm), "edge")


def smooth_within(
    image: NDArray[np.generic],
    mask: NDArray[np.generic],
    *,
    sigma_mm: Sequence[float] | float,
    spacing_mm: Sequence[float],
    share: NDArray[np.float32] | None = None,
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
    share : (I, J, K) float32 array
        What :func:`share_within` tells of this mask, where several images are smoothed in it.

    Notes
    -----
    Normalised convolution: Knutsson and Westin, CVPR 1993, doi 10.1109/CVPR.1993.341081.
    """
    sigmas = _sigmas_voxel(sigma_mm, spacing_mm)
    weight = mask.astype(np.float32)
    total = _gaussian(image.astype(np.float32) * weight, sigmas, "constant")
    if share is None:
        share = _gaussian(weight, sigmas, "constant")
    smoothed = np.zeros_like(total)
    np.divide(total, share, out=smoothed, where=share > MIN_WEIGHT)
    return smoothed


def share_within(
    mask: NDArray[np.generic], *, sigma_mm: Sequence[float] | float, spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Share of the kernel around each voxel that lies on the mask, (I, J, K) float32 array.

    Parameters as for :func:`smooth_within`.
    """
    return _gaussian(mask, _sigmas_voxel(sigma_mm, spacing_mm), "constant")


def halo_voxels(sigma_mm: float, step_mm: float) -> int:
    """How many voxels the kernel looks at on either side along an axis.

    Parameters
    ----------
    sigma_mm, step_mm
        Standard deviation and voxel size along that axis, mm.
    """
    return int(TRUNCATE_SIGMA * sigma_mm / step_mm + 0.5)


def _sigmas_voxel(
    sigma_mm: Sequence[float] | float, spacing_mm: Sequence[float]
) -> tuple[float, ...]:
    sigmas = np.broadcast_to(np.asarray(sigma_mm, dtype=np.float64), (3,))
    return tuple(float(value) for value in sigmas / np.asarray(spacing_mm[:3], dtype=np.float64))


def _gaussian(
    image: NDArray[np.generic], sigmas_voxel: tuple[float, ...], beyond: Beyond
) -> NDArray[np.float32]:
    smoothed = image.astype(np.float32)
    for axis, sigma in enumerate(sigmas_voxel):
        # Below 0.2 voxel the sampled kernel is a single 1.
        if sigma > 0.2:  # noqa: PLR2004 - exp(-1 / (2 * 0.2 ** 2)) is 4e-6
            smoothed = _along(smoothed, _half_kernel(sigma), axis, beyond)
    return smoothed


def _half_kernel(sigma_voxel: float) -> NDArray[np.float32]:
    """Weights at distances 0, 1, ... in voxels; both halves together sum to 1."""
    reach = halo_voxels(sigma_voxel, 1.0)
    weights = np.exp(-0.5 * np.square(np.arange(reach + 1) / sigma_voxel))
    return np.asarray(weights / (2 * weights.sum() - 1), dtype=np.float32)


def _along(
    image: NDArray[np.float32], half_kernel: NDArray[np.float32], axis: int, beyond: Beyond
) -> NDArray[np.float32]:
    """Weighted sum along one axis, in the image's own order of memory.

    Every voxel's sum is taken in the same order, wherever it lies: a part of an image gives
    the same numbers as the whole.
    """
    if order_of(image) == "F":
        return _along(image.T, half_kernel, 2 - axis, beyond).T
    reach, size = half_kernel.size - 1, image.shape[axis]
    rows = np.ascontiguousarray(image).reshape(int(np.prod(image.shape[:axis])), size, -1)
    smoothed = np.empty_like(rows)
    # As many rows, and as long a part of them, as stay close to the processor.
    width = max(1, min(rows.shape[2], CLOSE_VOXELS // size))
    height = max(1, CLOSE_VOXELS // (size * width))
    for row in range(0, rows.shape[0], height):
        for start in range(0, rows.shape[2], width):
            part = np.s_[row : row + height, :, start : start + width]
            _weighted_sum(_padded(rows[part], reach, beyond), half_kernel, out=smoothed[part])
    return smoothed.reshape(image.shape)


def _padded(rows: NDArray[np.float32], reach: int, beyond: Beyond) -> NDArray[np.float32]:
    """Rows with what lies beyond them; numpy's own padding takes longer than the sums."""
    padded = np.empty((rows.shape[0], rows.shape[1] + 2 * reach, rows.shape[2]), np.float32)
    padded[:, reach : reach + rows.shape[1]] = rows
    padded[:, :reach] = rows[:, :1] if beyond == "edge" else 0
    padded[:, reach + rows.shape[1] :] = rows[:, -1:] if beyond == "edge" else 0
    return padded


def _weighted_sum(
    padded: NDArray[np.float32], half_kernel: NDArray[np.float32], *, out: NDArray[np.float32]
) -> None:
    reach, size = half_kernel.size - 1, out.shape[1]
    # The smallest weights first, which keeps the rounding of the sum small.
    total = padded[:, :size] + padded[:, 2 * reach :]
    total *= half_kernel[reach]
    pair = np.empty_like(total)
    for away in range(reach - 1, 0, -1):
        before, after = reach - away, reach + away
        np.add(padded[:, before : before + size], padded[:, after : after + size], out=pair)
        pair *= half_kernel[away]
        total += pair
    np.multiply(padded[:, reach : reach + size], half_kernel[0], out=pair)
    np.add(total, pair, out=out)
