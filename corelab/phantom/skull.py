"""Signed distances of the head's outer parts in atlas space: negative inside, mm.

Shapes are ellipsoids and capsules in MNI152 coordinates, placed by eye on the atlas.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Point = tuple[float, float, float]


class Part(Enum):
    """A solid of the skull base, the face or the neck."""

    FACE = auto()
    ORBIT = auto()
    EYE = auto()
    MUSCLE_CONE = auto()
    SINUS = auto()
    FRONTAL_SINUS = auto()
    MASTOID = auto()
    DENSE_BONE = auto()


_FACE: tuple[tuple[Point, Point], ...] = (
    ((0, 22, -66), (66, 74, 66)),
    ((0, 88, -62), (17, 22, 26)),
    ((0, -42, -95), (66, 72, 60)),
    ((77, -30, -38), (8, 14, 27)),
)
_ORBIT: tuple[tuple[Point, Point], ...] = (((31, 55, -40), (19, 29, 18)),)
_EYE: tuple[tuple[Point, Point], ...] = (((33, 68, -40), (13, 13, 13)),)
_SINUS: tuple[tuple[Point, Point], ...] = (
    ((9, 52, -42), (7.5, 24, 17)),
    ((7, 24, -45), (11, 12, 9)),
    ((29, 48, -76), (15, 19, 17)),
    ((0, 35, -82), (13, 34, 18)),
    ((62, -20, -47), (20, 2.6, 2.6)),
    ((0, 20, -108), (15, 14, 24)),
)
_FRONTAL_SINUS: tuple[tuple[Point, Point], ...] = (((11, 78, -8), (12, 9, 13)),)
_MASTOID: tuple[tuple[Point, Point], ...] = (((56, -40, -48), (12, 15, 21)),)
_DENSE: tuple[tuple[Point, Point], ...] = (
    ((64, 32, -50), (4, 22, 4.5)),
    ((52, 2, -82), (4.5, 15, 28)),
    ((0, 60, -100), (30, 18, 8)),
    ((0, -2, -62), (13, 9, 24)),
)
_Rod = tuple[tuple[Point, float], tuple[Point, float]]
_PETROUS: _Rod = (((56, -32, -42), 12.0), ((13, -8, -38), 6.5))
# Optic nerve, then the medial, lateral, upper and lower straight muscles of the eye.
_MUSCLE_CONE: tuple[_Rod, ...] = (
    (((33, 58, -40), 2.2), ((14, 24, -36), 2.0)),
    (((19, 60, -40), 2.3), ((13, 24, -37), 1.6)),
    (((47, 56, -40), 2.2), ((18, 24, -37), 1.6)),
    (((33, 60, -26), 2.2), ((14, 24, -34), 1.6)),
    (((33, 60, -53), 2.2), ((15, 24, -39), 1.6)),
)


def part_distances(grid: tuple[Field, Field, Field]) -> dict[Part, Field]:
    """Signed distance to each part on a grid, (I, J, K) float32 mm.

    Parameters
    ----------
    grid
        Broadcastable x, y and z, MNI152 RAS+ mm.
    """
    x, y, z = grid
    folded = (np.abs(x), y, z)
    dense = np.minimum(_union(folded, _DENSE), _capsule(folded, *_PETROUS))
    return {
        Part.FACE: _union(folded, _FACE),
        Part.ORBIT: _union(folded, _ORBIT),
        Part.EYE: _union(folded, _EYE),
        Part.MUSCLE_CONE: np.minimum.reduce([_capsule(folded, *rod) for rod in _MUSCLE_CONE]),
        Part.SINUS: _union(folded, _SINUS),
        Part.FRONTAL_SINUS: _union(folded, _FRONTAL_SINUS),
        Part.MASTOID: _union(folded, _MASTOID),
        Part.DENSE_BONE: dense,
    }


def _union(grid: tuple[Field, Field, Field], solids: tuple[tuple[Point, Point], ...]) -> Field:
    distances = [_ellipsoid(grid, centre, radii) for centre, radii in solids]
    return np.asarray(np.minimum.reduce(distances), dtype=np.float32)


def _ellipsoid(grid: tuple[Field, Field, Field], centre: Point, radii: Point) -> Field:
    """Distance to first order (value over gradient), right near the surface."""
    offsets = [axis - np.float32(c) for axis, c in zip(grid, centre, strict=True)]
    scaled = _length(d / np.float32(r) for d, r in zip(offsets, radii, strict=True))
    slope = _length(d / np.float32(r * r) for d, r in zip(offsets, radii, strict=True))
    return np.asarray(
        np.where(slope > 0, scaled * (scaled - 1) / np.maximum(slope, 1e-9), -min(radii)),
        dtype=np.float32,
    )


def _capsule(
    grid: tuple[Field, Field, Field], start: tuple[Point, float], end: tuple[Point, float]
) -> Field:
    """Distance to a rod whose radius runs from one end's to the other's."""
    along = np.subtract(end[0], start[0]).astype(np.float32)
    offsets = [axis - np.float32(o) for axis, o in zip(grid, start[0], strict=True)]
    x, y, z = (d * s for d, s in zip(offsets, along, strict=True))
    t = np.clip((x + y + z) / (along @ along), 0, 1)
    gap = _length(d - t * s for d, s in zip(offsets, along, strict=True))
    return np.asarray(gap - (start[1] + t * (end[1] - start[1])), dtype=np.float32)


def _length(components: Iterable[Field]) -> Field:
    x, y, z = components
    return np.asarray(np.sqrt(x * x + y * y + z * z), dtype=np.float32)
