"""Kernels over slabs of a big volume, in parallel threads: the door to dask.array.

A slab is a run of slices. A kernel that looks at neighbouring slices states how far (its halo);
each slab gets as many slices more on either side, and none beyond the volume's own ends, so
that the result is that of the whole volume voxel for voxel.

It pays in wall time only, and only where a core would stand idle: a batch's workers have one
thread each and a case for every core (``python -m benchmarks.slabs``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.reduction import Factors, reduce_mean

if TYPE_CHECKING:
    from dask.array import Array as DaskArray

Result = TypeVar("Result", bound=np.generic)


def over_slabs(
    kernel: Callable[..., NDArray[Result]],
    *images: NDArray[np.generic],
    kind: type[Result],
    halo: int,
    height: int,
    n_threads: int,
) -> NDArray[Result]:
    """Apply a kernel to the whole of some images, slab by slab.

    Parameters
    ----------
    kernel
        Takes as many (I, J, k) arrays as there are images and returns one of their shape; what
        it returns for a slice depends on no slice further away than ``halo``.
    images
        (I, J, K) arrays of one shape.
    kind
        What the kernel returns.
    halo
        Slices that the kernel looks at on either side, as it states.
    height
        Slices of a slab; slabs thinner than the halo are joined with their neighbours.
    n_threads
        Slabs that are worked on at a time.

    Returns
    -------
    (I, J, K) array
        Its slices together in memory.
    """
    import dask.array as da  # noqa: PLC0415 - slow to load, and hardly ever needed

    i, j, k = images[0].shape
    parts = [_in_slabs(image, height) for image in images]
    whole = da.map_overlap(
        _turned(kernel),
        *parts,
        depth={0: min(halo, k)},
        boundary="none",
        dtype=kind,
        meta=np.empty((0, 0, 0), dtype=kind),
    )
    result = np.empty((k, j, i), dtype=kind)
    da.store(whole, result, lock=False, scheduler="threads", num_workers=n_threads)
    return result.T


def reduce_mean_over_slabs(
    image: NDArray[np.generic],
    factors: Factors,
    bounds: tuple[float, float] | None = None,
    *,
    height: int,
    n_threads: int,
) -> NDArray[np.float32]:
    """Mean of each block of voxels, as ``reduce_mean`` finds it, slab by slab.

    Parameters
    ----------
    image, factors, bounds
        As :func:`corelab.kernels.reduction.reduce_mean` takes them.
    height
        Slices of a slab; as many as whole blocks have are taken.
    n_threads
        Slabs that are worked on at a time.
    """
    import dask.array as da  # noqa: PLC0415 - slow to load, and hardly ever needed

    i, j, k = (size // factor for size, factor in zip(image.shape, factors, strict=True))
    blocks = max(1, height // factors[2])
    parts = _in_slabs(image[:, :, : k * factors[2]], blocks * factors[2])
    means = da.map_blocks(
        _turned(lambda part: reduce_mean(part, factors, bounds)),
        parts,
        chunks=(tuple(min(blocks, k - start) for start in range(0, k, blocks)) or (0,), (j,), (i,)),
        dtype=np.float32,
        meta=np.empty((0, 0, 0), dtype=np.float32),
    )
    result = np.empty((k, j, i), dtype=np.float32)
    da.store(means, result, lock=False, scheduler="threads", num_workers=n_threads)
    return result.T


def _in_slabs(image: NDArray[np.generic], height: int) -> DaskArray:
    """(k, j, i) array of slabs: Dask copies slabs in C order, which keeps their slices whole."""
    import dask.array as da  # noqa: PLC0415 - as above

    return da.from_array(image.T, chunks=(height, *image.T.shape[1:]), name=False)


def _turned(kernel: Callable[..., NDArray[Result]]) -> Callable[..., NDArray[Result]]:
    """Return the kernel as it applies to (k, j, i) arrays."""
    return lambda *parts: kernel(*(part.T for part in parts)).T
