"""How far an infarct's rough outline moves when the mid-sagittal plane moves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.midline import Midline
from corelab.kernels.mirror_ratio import BORDER_MM, REFERENCE_MM, Coarse
from corelab.kernels.morphology import dilate_disc
from corelab.kernels.reduction import expand, reduce_mean

Mask = NDArray[np.bool_]

SHIFT_MM = 1.0
TURN_DEG = 1.0
"""As far as two readers' planes lie apart."""

REACH_MM = 3.0
"""Beyond the mask, for what another plane gains."""

HALF = 0.5


class RoughOutline(NamedTuple):
    """An infarct before its border is set.

    Attributes
    ----------
    mask : (I, J, K) bool array
    gained, lost : (I, J, K) bool array
        Beside the mask and in it: places that some moved plane takes in or leaves out.
    """

    mask: Mask
    gained: Mask
    lost: Mask

    def cropped(self, box: tuple[slice, slice, slice]) -> RoughOutline:
        """Outline inside a box."""
        return RoughOutline(self.mask[box], self.gained[box], self.lost[box])


def with_plane_range(coarse: Coarse, found: Mask, border: float) -> RoughOutline:
    """Outline with the places that change sides when the plane moves by 1 mm or 1 degree.

    Parameters
    ----------
    coarse
        Evened densities and the plane.
    found : (I, J, K) bool array
        Rough outline; holds at least one voxel.
    border
        Ratio below which a place belongs to it.
    """
    inside = reduce_mean(found, coarse.factors) > HALF
    centre_mm = _centre_mm(inside, coarse)
    dark = [
        moved.lacking(BORDER_MM, REFERENCE_MM) < border
        for moved in (coarse, *(coarse._replace(plane=p) for p in _planes(coarse.plane, centre_mm)))
    ]
    some, every = np.any(dark, axis=0), np.all(dark, axis=0)
    near = dilate_disc(inside, REACH_MM, spacing_mm=coarse.spacing_mm)
    gained = near & ~inside & some & ~dark[0]
    lost = inside & dark[0] & ~every
    return RoughOutline(
        mask=found,
        gained=expand(gained, coarse.factors, found.shape) & ~found,
        lost=expand(lost, coarse.factors, found.shape) & found,
    )


def _centre_mm(inside: Mask, coarse: Coarse) -> NDArray[np.float64]:
    """Middle of the head's densities in the plane's own upright millimetres."""
    weight = coarse.share
    at = [
        float((weight.sum(axis=tuple({0, 1, 2} - {axis})) @ np.arange(size)) / weight.sum()) * step
        for axis, (size, step) in enumerate(zip(inside.shape, coarse.spacing_mm, strict=True))
    ]
    return np.array([at[0], at[1] + coarse.plane.shear * at[2], at[2]])


def _planes(plane: Midline, centre_mm: NDArray[np.float64]) -> list[Midline]:
    """Planes to either side, and turned either way about the head's middle."""
    shifted = [plane._replace(distance_mm=plane.distance_mm + sign * SHIFT_MM) for sign in (-1, 1)]
    away_mm = float(np.dot(plane.normal, centre_mm)) - plane.distance_mm
    turned = []
    for sign in (-1, 1):
        angle = np.radians(sign * TURN_DEG)
        i, j, k = plane.normal
        normal = (
            float(i * np.cos(angle) - j * np.sin(angle)),
            float(i * np.sin(angle) + j * np.cos(angle)),
            k,
        )
        distance_mm = float(np.dot(normal, centre_mm)) - away_mm
        turned.append(plane._replace(normal=normal, distance_mm=distance_mm))
    return shifted + turned
