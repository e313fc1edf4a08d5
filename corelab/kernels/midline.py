"""The mid-sagittal plane of a head, found as the plane that its shape mirrors best in.

Only shape is looked at (a brain mask, a head mask, a skull map): an infarct or a shift of
the midline structures moves densities inside the skull, but not the skull.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.reduction import bounding_box, factors_for, reduce_mean
from corelab.kernels.smoothing import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID_MM = 4.0
ROUGH = (10.0, 3)
"""Blur in mm and thinning of the places compared: catches 15 mm and 15 degrees off."""

FINE = (4.0, 2)
SHARP = (2.0, 1)

MAX_STEPS = 12
SETTLED = 1e-4
"""A step (in grid units or slope) below which the plane no longer moves: 0.01 degree."""

SLOPE_STEP = 0.01
OFFSET_STEP_MM = 0.5
MAX_SLOPE = 0.6
"""tan of 31 degrees: no scanned head lies more oblique."""

OUTLIER_SHARE = 0.15
"""Residual, of the largest weight, from which a place counts less (craniectomy, a cut head)."""


class Midline(NamedTuple):
    """A plane in grid millimetres (voxel index times spacing).

    Attributes
    ----------
    normal : tuple of 3 float
        Unit vector across the plane along i, j, k; its first entry is positive, so that it
        points the way i grows.
    distance_mm : float
        ``normal . point`` of every point in the plane.
    mismatch_mm : float
        Mean distance between the shape's border and its mirrored border.
    """

    normal: tuple[float, float, float]
    distance_mm: float
    mismatch_mm: float

    @property
    def yaw_deg(self) -> float:
        """Turn of the head about the foot-head axis; 0 when it looks along j."""
        return float(np.degrees(np.arctan2(-self.normal[1], self.normal[0])))

    @property
    def roll_deg(self) -> float:
        """Lean of the head towards a shoulder; 0 when it stands along k."""
        return float(np.degrees(np.arctan2(-self.normal[2], self.normal[0])))


def find_midline(weight: NDArray[np.generic], spacing_mm: Sequence[float]) -> Midline:
    """Find the plane that ``weight`` mirrors best in.

    Parameters
    ----------
    weight : (I, J, K) bool or float array
        What should look alike on both sides, 0 or more, of any modality: a brain mask as a
        rule; its values are compared with their mirror.
    spacing_mm
        Voxel size along i, j and k, mm.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when ``weight`` is 0 everywhere.

    Notes
    -----
    Gauss-Newton on the difference between the blurred weight and its mirror, over offset,
    yaw and roll, coarse to fine, with Geman-McClure weights against one-sided defects.
    Pitch leaves the plane where it is.
    """
    if not weight.any():
        raise UnfitDataError(ReasonCode.HEAD_NOT_FOUND, "no midline: the brain mask is empty")
    factors = factors_for(spacing_mm, (GRID_MM,) * 3, weight.shape)
    grid_mm = np.multiply(spacing_mm, factors)
    # Centre of the first block, in the millimetres of the fine grid.
    origin_mm = (np.array(factors) - 1) / 2 * np.asarray(spacing_mm)
    coarse = reduce_mean(weight, factors)
    box = bounding_box(coarse > 0, [int(12 / step) + 1 for step in grid_mm])
    origin_mm = origin_mm + [part.start * step for part, step in zip(box, grid_mm, strict=True)]
    return _fit(coarse[box], grid_mm.astype(np.float32), origin_mm)


def mirror(
    image: NDArray[np.generic], midline: Midline, spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Mirrored image, (I, J, K) float32 array, linear between voxels.

    Holds 0 where the mirrored place lies outside the image; a mask comes back as shares.

    Parameters
    ----------
    image : (I, J, K) array
    midline
        The plane, in the same grid millimetres.
    spacing_mm
        Voxel size along i, j and k, mm.
    """
    step = np.asarray(spacing_mm, dtype=np.float64)
    normal = np.array(midline.normal)
    reflection = np.eye(3) - 2 * np.outer(normal, normal)
    mirrored: NDArray[np.float32] = ndimage.affine_transform(
        image.astype(np.float32),
        reflection * step / step[:, np.newaxis],
        offset=2 * midline.distance_mm * normal / step,
        order=1,
        mode="constant",
    )
    return mirrored


def side_of(
    midline: Midline, shape: Sequence[int], spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Signed distance of every voxel from the plane, (I, J, K) float32 array, mm.

    Positive on the side that i grows to, which in RAS+ order is the patient's right.
    """
    steps = [
        component * step * np.arange(size, dtype=np.float32)
        for component, step, size in zip(midline.normal, spacing_mm, shape, strict=True)
    ]
    i, j, k = np.ix_(*steps)
    return np.asarray(i + j + k - midline.distance_mm, dtype=np.float32)


class _Shape(NamedTuple):
    """A blurred weight, and the places (3, n) it is compared with its mirror at."""

    values: NDArray[np.float32]
    here: NDArray[np.float32]
    places_mm: NDArray[np.float32]
    step_mm: NDArray[np.float32]
    pivot_mm: NDArray[np.float32]


def _blurred(
    weight: NDArray[np.float32], step_mm: NDArray[np.float32], blur_mm: float, thinning: int
) -> _Shape:
    values = gaussian(weight, blur_mm, spacing_mm=[float(step) for step in step_mm])
    places = np.indices(weight.shape, dtype=np.float32) * step_mm[:, None, None, None]
    pivot = places.reshape(3, -1) @ (weight.ravel() / weight.sum())
    thin = places[:, ::thinning, ::thinning].reshape(3, -1)
    return _Shape(values, values[::thinning, ::thinning].ravel(), thin, step_mm, pivot)


def _fit(
    weight: NDArray[np.float32], step_mm: NDArray[np.float32], origin_mm: NDArray[np.float64]
) -> Midline:
    rough = _blurred(weight, step_mm, *ROUGH)
    plane = _descend(rough, np.array([0.0, *_first_slopes(weight, step_mm)]))
    fine = _blurred(weight, step_mm, *FINE)
    plane = _descend(fine, plane)
    normal = _normal(plane)
    distance = float(normal @ (fine.pivot_mm + origin_mm) + normal[0] * plane[0])
    mismatch_mm = _mismatch_mm(_blurred(weight, step_mm, *SHARP), plane)
    return Midline((float(normal[0]), float(normal[1]), float(normal[2])), distance, mismatch_mm)


def _mismatch_mm(shape: _Shape, plane: NDArray[np.float64]) -> float:
    """Mean width of the difference along the border of the shape."""
    slopes = [np.gradient(shape.values, axis=a) / shape.step_mm[a] for a in range(3)]
    border = float(np.sqrt(sum(np.square(slope) for slope in slopes)).sum())
    return float(np.abs(_difference(shape, plane)).sum()) / border if border > 0 else 0.0


def _first_slopes(weight: NDArray[np.float32], step_mm: NDArray[np.float32]) -> list[float]:
    """Slopes of the long in-plane axis (heads are longer than wide) and an upright head."""
    flat = weight.sum(axis=2, dtype=np.float64)
    share = flat / flat.sum()
    i, j = (axis * step for axis, step in zip(np.indices(flat.shape), step_mm, strict=False))
    i, j = i - (i * share).sum(), j - (j * share).sum()
    yaw = 0.5 * np.arctan2(2 * (i * j * share).sum(), ((j**2 - i**2) * share).sum())
    return [float(np.clip(np.tan(yaw), -MAX_SLOPE, MAX_SLOPE)), 0.0]


def _normal(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    normal = np.array([1.0, -plane[1], -plane[2]])
    return np.asarray(normal / np.linalg.norm(normal))


def _difference(shape: _Shape, plane: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weight minus mirrored weight at every place."""
    normal = _normal(plane).astype(np.float32)
    distance = normal @ shape.pivot_mm + normal[0] * np.float32(plane[0])
    gap = normal @ shape.places_mm - distance
    mirrored_mm = shape.places_mm - 2 * normal[:, np.newaxis] * gap
    mirrored_at = mirrored_mm / shape.step_mm[:, np.newaxis]
    mirrored = ndimage.map_coordinates(shape.values, mirrored_at, order=1, mode="nearest")
    return np.asarray(shape.here - mirrored)


def _descend(shape: _Shape, plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gauss-Newton steps from ``plane`` (offset in mm, yaw slope, roll slope)."""
    probe = np.array([OFFSET_STEP_MM, SLOPE_STEP, SLOPE_STEP])
    limit = OUTLIER_SHARE * float(shape.values.max())
    for _ in range(MAX_STEPS):
        here = _difference(shape, plane)
        slopes = [
            (_difference(shape, plane + probe * axis) - here) / size
            for axis, size in zip(np.eye(3), probe, strict=True)
        ]
        jacobian = np.stack(slopes, axis=1).astype(np.float64)
        trust = 1 / np.square(1 + np.square(here / limit))
        weighted = jacobian * trust[:, np.newaxis]
        hessian = weighted.T @ jacobian
        hessian += 1e-6 * np.diag(np.diag(hessian)) + 1e-12 * np.eye(3)
        step = -np.linalg.solve(hessian, weighted.T @ here)
        plane = plane + np.clip(step, [-10.0, -0.1, -0.1], [10.0, 0.1, 0.1])
        plane[1:] = np.clip(plane[1:], -MAX_SLOPE, MAX_SLOPE)
        if np.abs(step).max() < SETTLED:
            break
    return plane
