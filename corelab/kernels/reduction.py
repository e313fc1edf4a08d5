"""Coarser copies of an image for decisions that need no fine voxels, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

Factors = tuple[int, int, int]
Scalar = TypeVar("Scalar", bound=np.generic)


def factors_for(
    spacing_mm: Sequence[float], target_mm: Sequence[float], shape: Sequence[int]
) -> Factors:
    """Whole numbers of voxels to join along i, j, k so that blocks come nearest ``target_mm``.

    An axis that is already as coarse stays as it is.
    """
    factors = [
        max(1, min(int(size), round(target / step)))
        for step, target, size in zip(spacing_mm, target_mm, shape, strict=True)
    ]
    return factors[0], factors[1], factors[2]


def reduce_mean(image: NDArray[np.generic], factors: Factors) -> NDArray[np.float32]:
    """Mean of each block of voxels, (I // fi, J // fj, K // fk) float32 array in C order.

    Voxels beyond the last whole block are left out.
    """
    is_whole = np.issubdtype(image.dtype, np.integer) or image.dtype == np.bool_
    total = image
    for axis, factor in enumerate(factors):
        size = image.shape[axis] // factor * factor
        parts = [_every(total, axis, slice(start, size, factor)) for start in range(factor)]
        total = _sum(parts, np.int32 if is_whole else np.float32)
    mean = np.ascontiguousarray(total, dtype=np.float32)
    count = factors[0] * factors[1] * factors[2]
    return mean if count == 1 else mean / np.float32(count)


def expand(coarse: NDArray[Scalar], factors: Factors, shape: Sequence[int]) -> NDArray[Scalar]:
    """Each block's value at every voxel of the block, array of ``shape`` in C order.

    Voxels beyond the last whole block take the value of the nearest one.
    """
    fine = coarse
    for axis in (2, 0, 1):
        index = np.minimum(np.arange(shape[axis]) // factors[axis], coarse.shape[axis] - 1)
        if shape[axis] != coarse.shape[axis] or factors[axis] != 1:
            fine = np.take(fine, index, axis=axis)
    return fine


def interpolate(
    coarse: NDArray[np.float32], factors: Factors, shape: Sequence[int]
) -> NDArray[np.float32]:
    """Linear between the centres of the blocks, float32 array of ``shape``."""
    fine: NDArray[np.float32] = ndimage.affine_transform(
        coarse,
        [1 / factor for factor in factors],
        offset=[-(factor - 1) / 2 / factor for factor in factors],
        output_shape=tuple(shape),
        order=1,
        mode="nearest",
    )
    return fine


def bounding_box(mask: NDArray[np.bool_], margin: Sequence[int]) -> tuple[slice, slice, slice]:
    """Smallest box around a mask that is not empty, ``margin`` voxels wider, inside the image."""
    slices = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(mask.any(axis=others))
        start = max(0, int(found[0]) - margin[axis])
        stop = min(mask.shape[axis], int(found[-1]) + 1 + margin[axis])
        slices.append(slice(start, stop))
    return slices[0], slices[1], slices[2]


def _sum(
    parts: Sequence[NDArray[np.generic]], kind: type[np.int32 | np.float32]
) -> NDArray[np.generic]:
    if len(parts) == 1:
        return parts[0]
    total = parts[0].astype(kind)
    for part in parts[1:]:
        total += part.astype(kind)
    return total


def _every(array: NDArray[np.generic], axis: int, part: slice) -> NDArray[np.generic]:
    index = [slice(None)] * array.ndim
    index[axis] = part
    return array[tuple(index)]
