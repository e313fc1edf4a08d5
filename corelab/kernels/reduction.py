"""Coarser copies of an image for decisions that need no fine voxels, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Factors = tuple[int, int, int]
Scalar = TypeVar("Scalar", bound=np.generic)

AXES = (0, 1, 2)
SLAB_VOXELS = 1 << 22
"""Voxels that are summed at a time."""

TURNED_ROWS = 4
"""Rows along j that are copied at a time from one order of memory to the other."""


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


def scaled(spacing_mm: Sequence[float], factors: Factors) -> tuple[float, float, float]:
    """Size of a block of voxels, mm."""
    i, j, k = (float(step) * factor for step, factor in zip(spacing_mm, factors, strict=True))
    return i, j, k


def reduce_mean(
    image: NDArray[np.generic], factors: Factors, bounds: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """Mean of each block of voxels, (I // fi, J // fj, K // fk) float32 array, image's order.

    Voxels beyond the last whole block are left out.

    Parameters
    ----------
    image : (I, J, K) array
    factors
        Voxels to join along i, j and k.
    bounds
        Values are taken as no lower and no higher than these two, where given.
    """
    if factors == (1, 1, 1) and bounds is None:
        return float32_copy(image)
    shape = [size // factor for size, factor in zip(image.shape, factors, strict=True)]
    mean = np.empty(shape, dtype=np.float32)
    axis = int(np.argmax(np.abs(image.strides)))
    # Sums of a whole thin-slice volume would take several times its memory.
    blocks = max(1, SLAB_VOXELS * shape[axis] // max(1, image.size))
    for start in range(0, shape[axis], blocks):
        stop = min(start + blocks, shape[axis])
        fine = _every(image, axis, slice(start * factors[axis], stop * factors[axis]))
        held = fine if bounds is None else np.clip(fine, *bounds)
        _lay(_block_means(held, factors), _every(mean, axis, slice(start, stop)))
    return mean


def float32_copy(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Copy in float32 with neighbours along k together in memory, (I, J, K) array."""
    copy = np.empty(image.shape, dtype=np.float32)
    _lay(image, copy)
    return copy


def expand(coarse: NDArray[Scalar], factors: Factors, shape: Sequence[int]) -> NDArray[Scalar]:
    """Each block's value at every voxel of the block, array of ``shape`` in the coarse order.

    Voxels beyond the last whole block take the value of the nearest one.
    """
    fine = coarse
    for axis in _short_runs_first(coarse):
        if shape[axis] != coarse.shape[axis] or factors[axis] != 1:
            index = np.minimum(np.arange(shape[axis]) // factors[axis], coarse.shape[axis] - 1)
            fine = _take(fine, index, axis)
    return fine


def interpolate(
    coarse: NDArray[np.float32], factors: Factors, shape: Sequence[int]
) -> NDArray[np.float32]:
    """Linear between the centres of the blocks, float32 array of ``shape`` in the coarse order.

    Beyond the outermost centres values stay as they are there.
    """
    fine = coarse
    for axis in _short_runs_first(coarse):
        if shape[axis] == coarse.shape[axis] and factors[axis] == 1:
            continue
        last = coarse.shape[axis] - 1
        place = (np.arange(shape[axis]) - (factors[axis] - 1) / 2) / factors[axis]
        place = np.clip(place, 0, last)
        lower = np.minimum(place.astype(np.intp), max(last - 1, 0))
        share = (place - lower).astype(np.float32).reshape([-1 if a == axis else 1 for a in AXES])
        base = _take(fine, lower, axis)
        ahead = _take(fine, np.minimum(lower + 1, last), axis)
        ahead -= base
        ahead *= share
        ahead += base
        fine = ahead
    return fine


def order_of(array: NDArray[np.generic]) -> Literal["C", "F"]:
    """Whether neighbours along k ("C") or along i ("F") lie together in memory.

    Arrays as read from files have slices that lie together ("F"); kernels keep the order they
    are given, since an operation on two orders at once takes several times as long.
    """
    return "F" if abs(array.strides[0]) < abs(array.strides[-1]) else "C"


def values_in(image: NDArray[Scalar], mask: NDArray[np.bool_]) -> NDArray[Scalar]:
    """Masked values in the order they lie in memory, which is several times as quick."""
    return image.T[mask.T] if order_of(image) == "F" else image[mask]


def bounding_box(mask: NDArray[np.bool_], margin: Sequence[int]) -> tuple[slice, slice, slice]:
    """Smallest box around a mask that is not empty, ``margin`` voxels wider, inside the image."""
    # Whole planes along the slowest axis are looked through first, then one on top of the other.
    turned = mask.T if order_of(mask) == "F" else mask
    flat = np.any(turned, axis=0)
    filled = [np.any(turned, axis=(1, 2)), np.any(flat, axis=1), np.any(flat, axis=0)]
    slices = []
    for axis, marked in enumerate(filled[::-1] if order_of(mask) == "F" else filled):
        found = np.flatnonzero(marked)
        start = max(0, int(found[0]) - margin[axis])
        stop = min(mask.shape[axis], int(found[-1]) + 1 + margin[axis])
        slices.append(slice(start, stop))
    return slices[0], slices[1], slices[2]


def _block_means(image: NDArray[np.generic], factors: Factors) -> NDArray[np.float32]:
    is_whole = np.issubdtype(image.dtype, np.integer) or image.dtype == np.bool_
    count = factors[0] * factors[1] * factors[2]
    total = _whole_sums(image, factors, count) if is_whole else _sums(image, factors, AXES)
    return np.asarray(total.astype(np.float32, copy=False) / np.float32(count))


def _whole_sums(image: NDArray[np.generic], factors: Factors, count: int) -> NDArray[np.generic]:
    """Sum each block of whole numbers, whose order does not matter: long runs of memory first."""
    slow_first = AXES[::-1] if order_of(image) == "F" else AXES
    if image.dtype == np.bool_:
        few = np.uint8 if count <= np.iinfo(np.uint8).max else np.int32
        return _sums(image.view(np.uint8), factors, slow_first, few)
    return _sums(image, factors, slow_first, np.int32)


def _sums(
    image: NDArray[np.generic],
    factors: Factors,
    axes: Sequence[int],
    kind: type[np.int32 | np.uint8 | np.float32] = np.float32,
) -> NDArray[np.generic]:
    """Sum of each block, axis by axis; an image of one voxel a block stays as it is."""
    total = image
    for axis in axes:
        factor, size = factors[axis], image.shape[axis] // factors[axis] * factors[axis]
        parts = [_every(total, axis, slice(start, size, factor)) for start in range(factor)]
        total = parts[0]
        for n, part in enumerate(parts[1:]):
            # The first sum makes an array of our own, into which the others go.
            total = np.add(total, part, out=total if n else None, dtype=kind, casting="unsafe")
    return total


def _lay(values: NDArray[np.generic], into: NDArray[np.float32]) -> None:
    """Copy values; where memory runs the other way, a few rows at a time is four times as quick."""
    rows = TURNED_ROWS if order_of(values) != order_of(into) else max(1, into.shape[1])
    for j in range(0, into.shape[1], rows):
        into[:, j : j + rows] = values[:, j : j + rows]


def _every(array: NDArray[Scalar], axis: int, part: slice) -> NDArray[Scalar]:
    index = [slice(None)] * array.ndim
    index[axis] = part
    return array[tuple(index)]


def _short_runs_first(array: NDArray[np.generic]) -> tuple[int, int, int]:
    """Axes in the order in which they are to grow, so that the last one copies long runs."""
    return (0, 1, 2) if order_of(array) == "F" else (2, 1, 0)


def _take(array: NDArray[Scalar], index: NDArray[np.intp], axis: int) -> NDArray[Scalar]:
    """Entries along an axis, in the array's own order."""
    if order_of(array) == "F":
        return np.take(array.T, index, axis=2 - axis).T
    return np.take(array, index, axis=axis)
