"""Array order: any acquired order to right-front-top (RAS+) and back, without resampling."""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class Orientation(NamedTuple):
    """How an array's axes lie in the head.

    Attributes
    ----------
    axes : tuple of int
        Array axis that runs closest to right-left, back-front and foot-head.
    flips : tuple of bool
        Whether that axis runs against right, front and top.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]


def orientation_of(affine: NDArray[np.float64]) -> Orientation:
    """Find the order of axes that lies closest to RAS+.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel index to RAS+ mm.
    """
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)

    def closeness(order: tuple[int, ...]) -> float:
        return float(sum(abs(columns[world, axis]) for world, axis in enumerate(order)))

    i, j, k = max(permutations(range(3)), key=closeness)
    return Orientation(
        axes=(i, j, k),
        flips=(bool(columns[0, i] < 0), bool(columns[1, j] < 0), bool(columns[2, k] < 0)),
    )


def to_ras(image: NDArray[Scalar], orientation: Orientation) -> NDArray[Scalar]:
    """View of an image in RAS+ order.

    Parameters
    ----------
    image : (I, J, K) array
        Image in acquired order.
    orientation
        Of that image.
    """
    ordered = image.transpose(orientation.axes)
    return ordered[tuple(slice(None, None, -1 if flip else 1) for flip in orientation.flips)]


def from_ras(image: NDArray[Scalar], orientation: Orientation) -> NDArray[Scalar]:
    """View of an image in RAS+ order, back in acquired order.

    Parameters
    ----------
    image : (I, J, K) array
        Image in RAS+ order.
    orientation
        Of the acquired image.
    """
    unflipped = image[tuple(slice(None, None, -1 if flip else 1) for flip in orientation.flips)]
    return unflipped.transpose(tuple(int(axis) for axis in np.argsort(orientation.axes)))
