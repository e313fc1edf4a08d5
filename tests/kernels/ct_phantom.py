"""Ellipsoid heads of known parts, drawn in a few lines, for the tests of the CT kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
BRAIN_MM = (66.0, 82.0, 62.0)
CSF_GAP_MM = 2.5
SKULL_MM = 6.0
SCALP_MM = 6.0
CORTEX_MM = 7.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    shape: tuple[int, int, int] = (128, 144, 32)
    spacing_mm: tuple[float, float, float] = (1.8, 1.8, 5.0)
    yaw_deg: float = 0.0
    roll_deg: float = 0.0
    offset_mm: float = 0.0
    shear: float = 0.0
    lesion_ml: float = 0.0
    lesion_hu: float = 21.0
    side: int = 1
    blood_ml: float = 0.0
    noise_hu: float = 3.0
    has_neck: bool = False
    has_table: bool = False


@dataclass(frozen=True, kw_only=True)
class CtHead:
    hu: NDArray[np.int16]
    brain: Mask
    lesion: Mask
    blood: Mask
    spacing_mm: tuple[float, float, float]

    def millilitres(self, mask: Mask) -> float:
        return float(np.count_nonzero(mask) * np.prod(self.spacing_mm) / 1000)


def head_axes(recipe: Recipe) -> NDArray[np.float32]:
    """Position of every voxel in the head's own axes: right, front, up; (3, I, J, K) mm."""
    size = np.array(recipe.spacing_mm, dtype=np.float32)
    middle = (np.array(recipe.shape, dtype=np.float32) - 1) / 2
    grid = np.indices(recipe.shape, dtype=np.float32)
    x, y, z = ((grid[a] - middle[a]) * size[a] for a in range(3))
    x, y = x - recipe.offset_mm, y + recipe.shear * z
    yaw, roll = np.radians(recipe.yaw_deg), np.radians(recipe.roll_deg)
    x, y = x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw)
    x, z = x * np.cos(roll) - z * np.sin(roll), x * np.sin(roll) + z * np.cos(roll)
    return np.stack([x, y, z])


def ellipsoid(
    axes: NDArray[np.float32], half_mm: tuple[float, ...], centre_mm: tuple[float, ...] = (0, 0, 0)
) -> Mask:
    total = sum(((a - c) / h) ** 2 for a, c, h in zip(axes, centre_mm, half_mm, strict=True))
    return np.asarray(total <= 1)


def grown(half_mm: tuple[float, ...], by_mm: float) -> tuple[float, ...]:
    return tuple(half + by_mm for half in half_mm)


def ball(axes: NDArray[np.float32], recipe: Recipe, volume_ml: float) -> Mask:
    """Ball of a volume inside the place where the lesion lies; empty for 0 mL."""
    outer = (recipe.lesion_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    radius = (volume_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    centre = (recipe.side * (58.0 - 0.75 * outer), -8.0, 6.0)
    return ellipsoid(axes, (max(radius, 1e-3),) * 3, centre) & (volume_ml > 0)


def build_ct_head(recipe: Recipe) -> CtHead:
    axes = head_axes(recipe)
    inside = grown(BRAIN_MM, CSF_GAP_MM)
    skull = grown(inside, SKULL_MM)
    hu = np.full(recipe.shape, -1000, dtype=np.float32)
    if recipe.has_neck:
        hu[(np.hypot(axes[0], axes[1] + 20) < 55) & (axes[2] < -40)] = 50
    hu[ellipsoid(axes, grown(skull, SCALP_MM))] = 40
    hu[ellipsoid(axes, skull)] = 900
    brain = ellipsoid(axes, inside)
    hu[brain] = 8
    matter = ellipsoid(axes, BRAIN_MM)
    hu[matter] = 37
    hu[ellipsoid(axes, grown(BRAIN_MM, -CORTEX_MM))] = 30
    ventricles = np.zeros_like(brain)
    for sign in (-1, 1):
        ventricles |= ellipsoid(axes, (7, 28, 12), (12.0 * sign, 0, 8))
    hu[ventricles] = 8
    if recipe.has_neck:
        canal = (np.hypot(axes[0], axes[1] + 20) < 13) & (axes[2] < -50)
        hu[canal] = 30
    lesion = ball(axes, recipe, recipe.lesion_ml) & matter & ~ventricles
    hu[lesion] = recipe.lesion_hu
    blood = ball(axes, recipe, recipe.blood_ml) & lesion
    hu[blood] = 65
    if recipe.has_table:
        shell = np.abs(np.hypot(axes[0] / 1.1, axes[1]) - 108) < 1.5
        hu[shell & (axes[1] < -40) & (hu < -900)] = 700
    hu = ndimage.gaussian_filter(hu, (0.5, 0.5, 0))
    hu += recipe.noise_hu * noise(recipe.shape)
    return CtHead(
        hu=np.rint(np.clip(hu, -1024, 3071)).astype(np.int16),
        brain=brain,
        lesion=lesion,
        blood=blood,
        spacing_mm=recipe.spacing_mm,
    )


def noise(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    white = np.random.default_rng(7).standard_normal(shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(white, (0.6, 0.6, 0))
    return np.asarray(grain / grain.std())


def dice(first: Mask, second: Mask) -> float:
    return float(2 * np.count_nonzero(first & second) / (first.sum() + second.sum()))
