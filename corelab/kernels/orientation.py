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


def shear_of(affine: NDArray[np.float64], orientation: Orientation) -> float:
    """Shift of the slices towards the front, mm for each mm up along their normal.

    The tangent of a gantry's tilt; 0 for a stack that is not axial.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel index to RAS+ mm, slices along k.
    orientation
        Of that affine.
    """
    if orientation.axes[2] != 2:  # noqa: PLR2004 - k is the slice axis
        return 0.0
    front, step = affine[:3, orientation.axes[1]], affine[:3, 2]
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    height = abs(float(step @ normal)) / float(np.linalg.norm(normal))
    sign = -1 if orientation.flips[1] != orientation.flips[2] else 1
    return sign * float(step @ front) / float(np.linalg.norm(front)) / height


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
