"""The septum between the lateral ventricles, and how far it stands from the mid-plane.

A septum is a thin dip in fluid with ventricle on both sides of it. It is looked for in each
slice, row by row straight across the mid-plane, so that neither the pose of the head nor
unequal ventricles move it: what counts is where the wall stands, not how wide the fluid is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.midline import Midline
from corelab.kernels.morphology import erode_disc, keep_larger_than, open_disc

if TYPE_CHECKING:
    from collections.abc import Sequence

DEEP_MM = 20.0
"""Depth below the brain's outline at which fluid is no sulcus."""

BELOW_VERTEX_MM = (30.0, 90.0)
"""Where lateral ventricles stand: their roof is some 40 mm below the highest brain, the
foramen of Monro 60 to 70 mm, the cisterns at the base 90 mm and more."""

WIDE_MM = 1.8
"""Radius that fits into a ventricle and not into a fissure."""

MIN_FLUID_ML = 0.5
FROM_FRONT = (0.20, 0.62)
"""Where a septum stands, as a share of the brain's length: from the genu of the corpus callosum
to the fornix. Behind it ventricles and cisterns are parted by other walls."""

REACH_MM = 5
"""Ventricle must lie this near the septum's middle on both sides: a septum is 1 to 3 mm thick;
what parts a ventricle from an old cavity is thicker."""

LOOK_MM = 30
"""Half-width of the band that is searched; the largest shifts reported are about 20 mm."""

MIN_DIP = 0.12
"""Least dip, as a share of fluid: an eighth of a voxel filled by the septum."""

TOGETHER_MM = 3.0
MIN_ROWS = 10
MIN_HEIGHT_MM = 8.0
"""A septum is a sheet: 10 mm of it must lie in line in a slice, and 8 mm across slices. What
parts a cistern at the base is lower."""

LEVEL_SHARE = 0.5
"""Slices that show this share of the longest septum's length belong to its level."""


class Fluid(NamedTuple):
    """Fluid inside a brain mask.

    Attributes
    ----------
    share : (I, J, K) float32 array
        0 for parenchyma, 1 for CSF, what lies between for a mixture.
    mask : (I, J, K) bool array
        What counts as fluid.
    """

    share: NDArray[np.float32]
    mask: NDArray[np.bool_]


def septum_shift_mm(
    fluid: Fluid, brain: NDArray[np.bool_], midline: Midline, spacing_mm: Sequence[float]
) -> float | None:
    """Distance of the septum from the mid-sagittal plane, where it is largest, mm.

    Positive on the side that i grows to, which in RAS+ order is the patient's right.
    ``None`` where no septum is found: no ventricle, one that is closed, or fluid without a
    wall in it.

    Parameters
    ----------
    fluid
        Fluid on the grid of the brain mask, RAS+ order.
    brain : (I, J, K) bool array
        Must not be empty.
    midline
        The plane, in the same grid millimetres.
    spacing_mm
        Voxel size along i, j and along the slices' normal, mm.

    Notes
    -----
    Septum displacement at the level of the foramen of Monro is how midline shift is read by
    hand (Liao 2018, doi 10.1155/2018/4303161). In each slice the median over the septum's
    length counts; of the slices that the septum goes on through, the largest shift.
    """
    level = _level(brain, spacing_mm[2])
    if level.stop <= level.start:
        return None
    inside = brain[:, :, level]
    wide = open_disc(fluid.mask[:, :, level] & inside, WIDE_MM, spacing_mm=spacing_mm)
    wide &= erode_disc(inside, DEEP_MM, spacing_mm=spacing_mm)
    wide = keep_larger_than(wide, MIN_FLUID_ML * 1000 / float(np.prod(spacing_mm)))
    if not wide.any():
        return None
    plane = midline.seen_from((0.0, 0.0, level.start * spacing_mm[2]))
    rows = _Rows.across(plane, inside, spacing_mm)
    share = rows.sample(fluid.share[:, :, level])
    found = _septum_mm(share, share * (rows.sample(wide) > 0.3))  # noqa: PLR2004 - a third
    slices = [_in_line(found[:, k]) for k in range(found.shape[1])]
    shift = _largest(slices, spacing_mm[2])
    return None if shift is None else shift * rows.slant


class _Rows(NamedTuple):
    """Rows across a plane, 1 mm apart in every slice: voxel places (3, across, along, K).

    ``slant`` turns a distance in the slice into one from the plane.
    """

    places: NDArray[np.float32]
    slant: float

    @classmethod
    def across(
        cls, midline: Midline, brain: NDArray[np.bool_], spacing_mm: Sequence[float]
    ) -> _Rows:
        normal_i, normal_j, normal_k = midline.normal
        slant = float(np.hypot(normal_i, normal_j))
        right = np.array([normal_i, normal_j]) / slant
        front = np.array([-right[1], right[0]])
        points = np.argwhere(brain.any(axis=2)) * np.asarray(spacing_mm[:2]) @ front
        first, last = (points.max() - share * np.ptp(points) for share in FROM_FRONT[::-1])
        along = np.arange(np.floor(first), np.ceil(last) + 1, dtype=np.float32)
        slices = np.arange(brain.shape[2], dtype=np.float32)
        rise = (normal_k + midline.shear * normal_j) * spacing_mm[2]
        middle = (midline.distance_mm - rise * slices) / slant
        off = np.arange(-LOOK_MM, LOOK_MM + 1, dtype=np.float32)
        d, y, k = np.meshgrid(off, along, slices, indexing="ij")
        d = d + middle.astype(np.float32)
        i = (d * right[0] + y * front[0]) / spacing_mm[0]
        j = (d * right[1] + y * front[1]) / spacing_mm[1]
        return cls(np.stack([i, j, k]).astype(np.float32), slant)

    def sample(self, image: NDArray[np.generic]) -> NDArray[np.float32]:
        values: NDArray[np.float32] = ndimage.map_coordinates(
            image.astype(np.float32), self.places, order=1, mode="constant"
        )
        return values


def _level(brain: NDArray[np.bool_], step_mm: float) -> slice:
    """Slices in which lateral ventricles can lie."""
    top = int(np.flatnonzero(brain.any(axis=(0, 1)))[-1])
    highest, lowest = (round(top - below / step_mm) for below in BELOW_VERTEX_MM)
    return slice(max(lowest, 0), highest + 1 if highest >= 0 else 0)


def _septum_mm(share: NDArray[np.float32], ventricle: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place of the deepest dip between two ventricles in each row, (along, K); NaN for none."""
    size = share.shape[0]
    padded = np.pad(ventricle, ((REACH_MM, REACH_MM), (0, 0), (0, 0)))
    steps = range(1, REACH_MM + 1)
    before = np.max([padded[REACH_MM - s : REACH_MM - s + size] for s in steps], axis=0)
    after = np.max([padded[REACH_MM + s : REACH_MM + s + size] for s in steps], axis=0)
    walls = np.minimum(before, after)
    dip = np.where(walls > 0, np.maximum(walls - share, 0), 0)
    deepest = dip.max(axis=0)
    # Half the depth and more: the middle of a thick septum, and parts of a pixel for a thin one.
    core = np.where(dip >= deepest / 2, dip, 0)
    off = np.arange(-LOOK_MM, LOOK_MM + 1, dtype=np.float32)[:, np.newaxis, np.newaxis]
    weight = np.maximum(core.sum(axis=0), np.float32(1e-6))
    return np.where(deepest > MIN_DIP, (core * off).sum(axis=0) / weight, np.float32(np.nan))


def _in_line(places_mm: NDArray[np.float32]) -> tuple[int, float]:
    """Length in rows and median place of what lies together in one slice."""
    found = places_mm[np.isfinite(places_mm)]
    if not found.size:
        return 0, 0.0
    together = found[np.abs(found - np.median(found)) < TOGETHER_MM]
    return together.size, float(np.median(together)) if together.size else 0.0


def _largest(slices: list[tuple[int, float]], step_mm: float) -> float | None:
    """Largest shift in the slices that show the septum, around the one that shows most of it.

    A slice goes on the septum of the one before where its own lies in line with it.
    """
    rows = [length for length, _ in slices]
    longest = int(np.argmax(rows))
    if rows[longest] < MIN_ROWS:
        return None

    def goes_on(k: int, before: int) -> bool:
        is_there = 0 <= k < len(rows) and rows[k] >= MIN_ROWS / 2
        return is_there and abs(slices[k][1] - slices[before][1]) < TOGETHER_MM

    first, last = longest, longest
    while goes_on(first - 1, first):
        first -= 1
    while goes_on(last + 1, last):
        last += 1
    if (last - first + 1) * step_mm < MIN_HEIGHT_MM:
        return None
    least = max(MIN_ROWS, LEVEL_SHARE * rows[longest])
    sheet = slices[first : last + 1]
    return max((shift for length, shift in sheet if length >= least), key=abs)
