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
from corelab.recall import recalled

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID_MM = 4.0
ROUGH = (10.0, 3)
"""Blur in mm and thinning of the places compared: catches 15 mm and 15 degrees off."""

FINE = (4.0, 2)
SHARP = (2.0, 1)

MAX_STEPS = 12
SETTLED = 1e-3
"""A step (mm, or slope) below which the plane is left alone: steps about halve, so that all
that would follow moves it by some 0.005 mm at the skull."""

SLOPE_STEP = 0.01
OFFSET_STEP_MM = 0.5
MAX_SLOPE = 0.6
"""tan of 31 degrees: no scanned head lies more oblique."""

OUTLIER_SHARE = 0.15
"""Residual, of the largest weight, from which a place counts less (craniectomy, a cut head)."""


class Midline(NamedTuple):
    """A plane in a grid's millimetres (voxel index times spacing, sheared where slices are).

    Attributes
    ----------
    normal : tuple of 3 float
        Unit vector across the plane along i, j and the slices' normal; its first entry is
        positive, so that it points the way i grows.
    distance_mm : float
        ``normal . point`` of every point in the plane.
    mismatch_mm : float
        Mean distance between the shape's border and its mirrored border.
    shear : float
        How far slices are shifted along j, in mm for each mm along their normal: the
        tangent of a gantry's tilt.
    """

    normal: tuple[float, float, float]
    distance_mm: float
    mismatch_mm: float
    shear: float = 0.0

    def seen_from(self, origin_mm: Sequence[float] | NDArray[np.float64]) -> Midline:
        """Return the same plane in the millimetres of a part that starts at ``origin_mm``."""
        i, j, k = (float(part) for part in origin_mm)
        moved = float(np.dot(self.normal, (i, j + self.shear * k, k)))
        return self._replace(distance_mm=self.distance_mm - moved)

    @property
    def yaw_deg(self) -> float:
        """Turn about the foot-head axis; 0 looking along j, positive towards growing i."""
        return float(np.degrees(np.arctan2(-self.normal[1], self.normal[0])))

    @property
    def roll_deg(self) -> float:
        """Lean towards a shoulder; 0 standing along k, positive towards growing i."""
        return float(np.degrees(np.arctan2(-self.normal[2], self.normal[0])))


@recalled(last=1)
def find_midline(
    weight: NDArray[np.generic], spacing_mm: Sequence[float], *, shear: float = 0.0
) -> Midline:
    """Find the plane that ``weight`` mirrors best in.

    Parameters
    ----------
    weight : (I, J, K) bool or float array
        What should look alike on both sides, 0 or more, of any modality: a brain mask as a
        rule; its values are compared with their mirror.
    spacing_mm
        Voxel size along i, along j and along the slices' normal, mm.
    shear
        Shift of the slices along j, mm for each mm along their normal; 0 without gantry tilt.

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
    coarse = reduce_mean(weight, factors)
    box = bounding_box(coarse > 0, [int(12 / step) + 1 for step in grid_mm])
    # Centre of the first block, in the millimetres of the fine grid.
    first_mm = (np.array(factors) - 1) / 2 * np.asarray(spacing_mm)
    first_mm = first_mm + [part.start * step for part, step in zip(box, grid_mm, strict=True)]
    return _fit(coarse[box], grid_mm.astype(np.float32), shear).seen_from(-first_mm)


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
    upright = np.eye(3)
    upright[1, 2] = midline.shear
    sheared = np.linalg.inv(upright)
    reflection = sheared @ (np.eye(3) - 2 * np.outer(normal, normal)) @ upright
    turn = reflection * step / step[:, np.newaxis]
    offset = 2 * midline.distance_mm * (sheared @ normal) / step
    values = image.astype(np.float32)
    if image.dtype == np.bool_:
        return _mirrored_part(values, turn, offset)
    mirrored: NDArray[np.float32] = ndimage.affine_transform(
        values, turn, offset=offset, order=1, mode="constant"
    )
    return mirrored


def side_of(
    midline: Midline, shape: Sequence[int], spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Signed distance of every voxel from the plane, (I, J, K) float32 array, mm.

    Positive on the side that i grows to, which in RAS+ order is the patient's right.
    """
    across = (*midline.normal[:2], midline.normal[2] + midline.shear * midline.normal[1])
    steps = [
        component * step * np.arange(size, dtype=np.float32)
        for component, step, size in zip(across, spacing_mm, shape, strict=True)
    ]
    i, j, k = np.ix_(*steps)
    return np.asarray(i + j + k - midline.distance_mm, dtype=np.float32)


def _mirrored_part(
    mask: NDArray[np.float32], turn: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Mirrored mask, looked up only where its box falls: most masks fill little of an image."""
    mirrored = np.zeros_like(mask, order="C")
    if not mask.any():
        return mirrored
    # Neighbours of the mask have a share of it, and their mirror has, too.
    ends = [(part.start - 2, part.stop + 1) for part in bounding_box(mask > 0, (0, 0, 0))]
    corners = np.stack(np.meshgrid(*ends, indexing="ij")).reshape(3, -1)
    falls = turn @ corners + offset[:, np.newaxis]
    box = tuple(
        slice(max(0, int(low)), max(0, min(size, int(high) + 2)))
        for low, high, size in zip(falls.min(axis=1), falls.max(axis=1), mask.shape, strict=True)
    )
    i, j, k = np.ix_(*(np.arange(part.start, part.stop, dtype=np.float64) for part in box))
    # Summed in the order of a whole image's transform, so that it gives the same numbers.
    at = [shift + i * a + j * b + k * c for shift, (a, b, c) in zip(offset, turn, strict=True)]
    mirrored[box] = ndimage.map_coordinates(mask, at, order=1, mode="constant")
    return mirrored


class _Shape(NamedTuple):
    """A blurred weight, and the upright places (3, n) it is compared with its mirror at."""

    values: NDArray[np.float32]
    here: NDArray[np.float32]
    places_mm: NDArray[np.float32]
    step_mm: NDArray[np.float32]
    pivot_mm: NDArray[np.float32]
    shear: np.float32


def _blurred(
    weight: NDArray[np.float32],
    step_mm: NDArray[np.float32],
    shear: float,
    scale: tuple[float, int],
) -> _Shape:
    blur_mm, thinning = scale
    values = gaussian(weight, blur_mm, spacing_mm=[float(step) for step in step_mm])
    places = np.indices(weight.shape, dtype=np.float32) * step_mm[:, None, None, None]
    places[1] += np.float32(shear) * places[2]
    return _Shape(
        values=values,
        here=values[::thinning, ::thinning].ravel(),
        places_mm=places[:, ::thinning, ::thinning].reshape(3, -1),
        step_mm=step_mm,
        pivot_mm=places.reshape(3, -1) @ (weight.ravel() / weight.sum()),
        shear=np.float32(shear),
    )


def _fit(weight: NDArray[np.float32], step_mm: NDArray[np.float32], shear: float) -> Midline:
    rough = _blurred(weight, step_mm, shear, ROUGH)
    plane = _descend(rough, np.array([0.0, *_first_slopes(weight, step_mm)]))
    fine = _blurred(weight, step_mm, shear, FINE)
    plane = _descend(fine, plane)
    i, j, k = (float(part) for part in _normal(plane))
    distance_mm = float(np.dot((i, j, k), fine.pivot_mm) + i * plane[0])
    mismatch_mm = _mismatch_mm(_blurred(weight, step_mm, shear, SHARP), plane)
    return Midline((i, j, k), distance_mm, mismatch_mm, shear)


def _mismatch_mm(shape: _Shape, plane: NDArray[np.float64]) -> float:
    """Mean width of the difference along the border of the shape."""
    slopes = [
        np.gradient(shape.values, axis=axis) / shape.step_mm[axis]
        for axis in range(3)
        if shape.values.shape[axis] > 1
    ]
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
    mirrored_mm[1] -= shape.shear * mirrored_mm[2]
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
