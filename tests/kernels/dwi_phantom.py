"""A crude head for diffusion: ellipsoid brain with folds and ventricles, scalp, noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SHAPE = (96, 112, 20)
SPACING_MM = (2.0, 2.0, 6.0)
B_VALUE = 1000.0
CSF, GREY, WHITE = 3.0e-3, 0.83e-3, 0.75e-3
FLOAT = np.float32


class Blob(NamedTuple):
    """An ellipsoid, mm from the middle of the head; + is right, front and top."""

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]


class Head(NamedTuple):
    b0: NDArray[np.float32]
    dwi: NDArray[np.float32]
    adc: NDArray[np.float32]
    brain: NDArray[np.bool_]
    fraction: NDArray[np.float32]

    @property
    def truth_ml(self) -> float:
        return float(self.fraction.sum() * np.prod(SPACING_MM) / 1000)


class Change(NamedTuple):
    """What an infarct does to ADC (factor) and to b0 (factor)."""

    adc: float = 0.6
    b0: float = 1.3


FRESH = Change()


def _mm() -> list[NDArray[np.float64]]:
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(SHAPE, SPACING_MM, strict=True)]
    return list(np.meshgrid(*axes, indexing="ij"))


def share(blob: Blob, edge_mm: float = 2.0) -> NDArray[np.float64]:
    """Share of each voxel in the blob, linear over the edge."""
    offsets = zip(_mm(), blob.centre_mm, blob.radii_mm, strict=True)
    radius = np.sqrt(sum(((x - centre) / r) ** 2 for x, centre, r in offsets))
    return np.clip((1 - radius) * min(blob.radii_mm) / edge_mm + 0.5, 0, 1)


def make_head(
    infarcts: tuple[Blob, ...] = (),
    *,
    change: Change = FRESH,
    noise: float = 0.03,
    seed: int = 0,
) -> Head:
    x, y, z = _mm()
    brain = share(Blob((0, 0, 0), (66, 84, 57)))
    folds = 0.5 + 0.5 * np.cos(x / 6) * np.cos(y / 7)
    depth = share(Blob((0, 0, 0), (54, 72, 47)), 10)
    grey = np.clip((1 - depth) + 0.15 * folds, 0, 1)
    ventricles = np.maximum(
        share(Blob((-9, 5, 5), (6, 28, 12))), share(Blob((9, 5, 5), (6, 28, 12)))
    )
    sulci = 0.6 * (1 - depth) * (np.abs(np.sin(x / 9 + y / 11)) < 0.15)
    water = np.maximum(ventricles, sulci)
    shading = 1 + 0.15 * y / 84 + 0.1 * z / 57
    fraction = np.zeros(SHAPE)
    for blob in infarcts:
        fraction = np.maximum(fraction, share(blob))
    fraction = fraction * (1 - water) * brain
    adc_tissue = GREY * grey + WHITE * (1 - grey)
    b0_tissue = 100 * (grey + 0.78 * (1 - grey))
    sick_b0 = b0_tissue * change.b0
    tissue = (1 - water) * brain - fraction
    parts = (
        (tissue, b0_tissue, adc_tissue),
        (fraction, sick_b0, adc_tissue * change.adc),
        (water * brain, np.full(SHAPE, 300.0), np.full(SHAPE, CSF)),
        (share(Blob((0, 0, 0), (84, 102, 75))) - share(Blob((0, 0, 0), (76, 94, 67))), 18.0, 1e-3),
    )
    b0 = sum(weight * signal for weight, signal, _ in parts) * shading
    dwi = sum(weight * signal * np.exp(-B_VALUE * adc) for weight, signal, adc in parts) * shading
    rng = np.random.default_rng(seed)
    level = noise * 40
    b0, dwi = (
        np.hypot(image + rng.normal(0, level, SHAPE), rng.normal(0, level, SHAPE))
        for image in (
            ndimage.gaussian_filter(b0, (0.5, 0.5, 0)),
            ndimage.gaussian_filter(dwi, (0.5, 0.5, 0)),
        )
    )
    adc_map = np.clip(np.log(np.maximum(b0, 1) / np.maximum(dwi, 1)) / B_VALUE, 0, 4e-3)
    return Head(
        b0.astype(FLOAT),
        dwi.astype(FLOAT),
        adc_map.astype(FLOAT),
        brain > 0.5,
        fraction.astype(FLOAT),
    )
