"""A head of whole numbers: parenchyma of 30 HU, CSF of 5 HU, a block of infarct, a septum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.swelling import MaskedHead
from corelab.vocab import Hemisphere
from tests.kernels.ct_phantom import BRAIN_MM, Recipe, ellipsoid, head_axes

PARENCHYMA_HU, CSF_HU, BONE_HU = 30.0, 5.0, 900.0
ADC_OF_PARENCHYMA, ADC_OF_CSF = 800e-6, 3000e-6
UPRIGHT = Recipe(shape=(145, 177, 30), spacing_mm=(1.0, 1.0, 5.0))
SEPTUM_MM = 3.0


@dataclass(frozen=True, kw_only=True)
class Swollen:
    """What stands where: the infarct's density and side, the septum's place, the pose."""

    pose: Recipe = UPRIGHT
    infarct_hu: float | None = 23.4
    side: Hemisphere = Hemisphere.RIGHT
    septum_mm: float = 0.0
    has_ventricles: bool = True
    blood_hu: float | None = None
    pockets: tuple[int, int] = (0, 0)


def build(recipe: Swollen) -> tuple[NDArray[np.float32], MaskedHead]:
    axes = head_axes(recipe.pose)
    sign = -1 if recipe.side is Hemisphere.LEFT else 1
    # A lower, narrower front breaks the symmetry of every plane but the middle one.
    brain = ellipsoid(axes, BRAIN_MM) & ~((axes[1] > 30) & (axes[2] < -20))
    hu = np.where(brain, np.float32(PARENCHYMA_HU), np.float32(BONE_HU))
    if recipe.has_ventricles:
        hu[_block(axes, (recipe.septum_mm - 15, recipe.septum_mm + 15), (-10, 32), (-8, 18))] = 5
        half = SEPTUM_MM / 2
        septum = (recipe.septum_mm - half, recipe.septum_mm + half)
        hu[_block(axes, septum, (-10, 32), (-8, 18))] = PARENCHYMA_HU
    for direction, count in ((-1, recipe.pockets[0]), (1, recipe.pockets[1])):
        for n in range(count):
            hu[_between(axes, direction, (24, 40), (-50 + 20 * n, -40 + 20 * n))] = CSF_HU
    infarct = np.zeros_like(brain)
    if recipe.infarct_hu is not None:
        infarct = _between(axes, sign, (28, 48), (8, 36))
        hu[infarct] = recipe.infarct_hu
    blood = np.zeros_like(brain)
    if recipe.blood_hu is not None:
        blood = _between(axes, sign, (32, 40), (14, 24)) & infarct
        hu[blood] = recipe.blood_hu
    head = MaskedHead(
        brain=brain,
        infarct=infarct,
        blood=blood,
        hemisphere=recipe.side if infarct.any() else Hemisphere.NONE,
        spacing_mm=recipe.pose.spacing_mm,
        heights_mm=np.full(brain.shape[2], recipe.pose.spacing_mm[2]),
        shear=recipe.pose.shear,
    )
    return hu, head


def adc_of(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """ADC map of the same head: 0 in bone."""
    fluid = np.float32(ADC_OF_CSF) * (hu == CSF_HU)
    return np.where((hu > CSF_HU) & (hu < BONE_HU), np.float32(ADC_OF_PARENCHYMA), fluid)


def _between(
    axes: NDArray[np.float32], side: int, x: tuple[float, float], y: tuple[float, float]
) -> NDArray[np.bool_]:
    """Block at this distance to the right (1) or left (-1) of the mid-plane."""
    return _block(np.stack([side * axes[0], axes[1], axes[2]]), x, y, (-8, 18))


def _block(
    axes: NDArray[np.float32],
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
) -> NDArray[np.bool_]:
    ranges = zip(axes, (x, y, z), strict=True)
    return np.asarray(np.all([(low < a) & (a < high) for a, (low, high) in ranges], axis=0))
