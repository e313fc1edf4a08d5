"""CT heads small enough that hundreds are written and measured in minutes.

Plain ellipsoids: these heads are for what surrounds a scan, not for how well it is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.volume import Volume

_BRAIN_MM = (66.0, 82.0, 62.0)
_SKULL_MM = (74.5, 90.5, 70.5)
_SCALP_MM = (80.5, 96.5, 76.5)
_VENTRICLE_MM = (7.0, 26.0, 12.0)
_CORTEX_MM = 7.0
_AIR, _SKIN, _BONE, _WATER, _GREY, _WHITE, _INFARCT = -1000, 40, 900, 8, 37, 30, 20
_INFARCT_ML = (5.0, 90.0)
_TO_DISPLAY = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """What a scanner's pixels look like, whatever its headers say.

    Parameters
    ----------
    shape
        Columns, rows and slices.
    spacing_mm
        Distance of columns, of rows and of slices.
    noise_hu, grain_px
        Standard deviation of the noise, and width of its grain in pixels.
    kilovolts
        Tube voltage.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    noise_hu: float
    grain_px: float
    kilovolts: float


def draw_ct(rng: np.random.Generator, scanner: Scanner) -> Volume:
    """Head with one infarct of 5 to 90 mL, int16 HU; size, side and place are drawn.

    Parameters
    ----------
    rng
        Source of the anatomy and the noise.
    scanner
        Grid and noise.
    """
    size = rng.uniform(0.94, 1.05)
    axes = _axes_mm(scanner) / size
    hu = np.full(scanner.shape, _AIR, dtype=np.float32)
    for half_mm, value in ((_SCALP_MM, _SKIN), (_SKULL_MM, _BONE), (_BRAIN_MM, _GREY)):
        hu[_ellipsoid(axes, half_mm)] = value
    brain = _ellipsoid(axes, _BRAIN_MM)
    inner = tuple(half - _CORTEX_MM for half in _BRAIN_MM)
    hu[_ellipsoid(axes, inner)] = _WHITE
    water = np.zeros(scanner.shape, dtype=np.bool_)
    for side in (-1, 1):
        water |= _ellipsoid(axes, _VENTRICLE_MM, (12.0 * side, 0.0, 8.0))
    radius_mm = (rng.uniform(*_INFARCT_ML) * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    centre_mm = (
        float(rng.choice([-1, 1])) * (58 - 0.75 * radius_mm),
        rng.uniform(-25, 10),
        rng.uniform(-5, 15),
    )
    hu[_ellipsoid(axes, (radius_mm,) * 3, centre_mm) & brain] = _INFARCT
    hu[water] = _WATER
    white = rng.standard_normal(scanner.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(white, (scanner.grain_px, scanner.grain_px, 0))
    hu = ndimage.gaussian_filter(hu, (0.4, 0.4, 0)) + scanner.noise_hu * grain / grain.std()
    affine = np.eye(4)
    affine[:3, :3] = _TO_DISPLAY * scanner.spacing_mm
    affine[:3, 3] = -affine[:3, :3] @ (np.array(scanner.shape) - 1) / 2
    return Volume(data=np.rint(np.clip(hu, -1024, 3071)).astype(np.int16), affine=affine)


def _axes_mm(scanner: Scanner) -> NDArray[np.float32]:
    """Distance of every voxel from the middle, (3, I, J, K) mm: left, back, up."""
    places = np.indices(scanner.shape, dtype=np.float32)
    middle = (np.array(scanner.shape, dtype=np.float32) - 1) / 2
    sizes = np.array(scanner.spacing_mm, dtype=np.float32)
    return np.asarray((places.T - middle).T * sizes[:, None, None, None])


def _ellipsoid(
    axes: NDArray[np.float32],
    half_mm: tuple[float, ...],
    centre_mm: tuple[float, ...] = (0.0, 0.0, 0.0),
) -> NDArray[np.bool_]:
    parts = (
        ((a - c) / np.float32(h)) ** 2 for a, c, h in zip(axes, centre_mm, half_mm, strict=True)
    )
    return np.asarray(sum(parts) <= 1)
