"""Fluid, blood and clean parenchyma of a head CT, slices and depths brought to one level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import close_disc, dilate_disc, erode_disc, open_disc
from corelab.kernels.ranks import median
from corelab.kernels.reduction import factors_for, interpolate, reduce_mean, scaled
from corelab.kernels.smoothing import smooth_within
from corelab.recall import recalled

if TYPE_CHECKING:
    from collections.abc import Sequence

FLUID_HU = 12.5
"""CSF is 0-15 HU, infarcted white matter rarely below 15: a 16 HU cut costs a deep lesion."""

BROAD_FLUID_HU = 17.0
"""Gaps between dark spots are fluid only where density averages to less: in a deep infarct
the spots are noise."""

BLOOD_HU = 50.0
"""Acute clot is 50-80 HU; grey matter ends at 45."""

CALCIUM_HU = 110.0
"""No clot is denser; contrast left by an angiography may be, and is no blood either."""

MIXED_HU = 22.0
"""Next to fluid, what is below this is partly fluid."""

NOISE_MM = 1.0
"""In-plane sigma that takes single-pixel noise off before a density is judged."""

WIDE_FLUID_MM = 2.0
"""Radius that fits into ventricles and cisterns but not into sulci."""

RIM_MM = 3.0
"""Width below the inner table where bone and CSF bleed into the density."""

SKIN_MM = 1.5
"""Width below the inner table where what is bright is bone."""

BRIGHT_HALO_MM = 2.0
FAINT_WEIGHT = 0.02
"""Of places that only speak where there is nothing better."""

MIN_LEVEL_VOXELS = 200
DEPTH_GRID_MM = 3.0
SHELLS_MM = (5.0, 7.0, 9.0, 12.0, 15.0, 20.0, 26.0, 33.0)
"""Borders between shells of equal depth below the inner table."""

ACROSS = np.zeros((3, 3, 3), dtype=bool)
ACROSS[1, 1] = True
ACROSS.flags.writeable = False
DEFAULT_FLUID_HU = 8.0
"""Level of fluid where there is too little of it to tell."""

THICK_SLICE_MM = 4.0
"""Slices from here on are smooth across by themselves."""


class CtTissue(NamedTuple):
    """A head CT sorted into tissues, all on one grid.

    Attributes
    ----------
    hu : (I, J, K) float32 array
        Density without pixel noise, HU.
    broad_hu : (I, J, K) float32 array
        Density smoothed twice as wide, HU.
    brain, fluid, wide_fluid, bright : (I, J, K) bool array
        Inside of the skull; CSF; its ventricles and cisterns; blood, calcium and contrast.
    weight : (I, J, K) float32 array
        How far a voxel stands for pure parenchyma, 0 to 1.
    depth_mm : (I, J, K) float32 array
        Distance from the border of the brain in the slice.
    fluid_hu : float
        Density of the ventricles; that of textbook CSF where there are none.
    spacing_mm : tuple of 3 float
    """

    hu: NDArray[np.float32]
    broad_hu: NDArray[np.float32]
    brain: NDArray[np.bool_]
    fluid: NDArray[np.bool_]
    wide_fluid: NDArray[np.bool_]
    bright: NDArray[np.bool_]
    weight: NDArray[np.float32]
    depth_mm: NDArray[np.float32]
    fluid_hu: float
    spacing_mm: tuple[float, float, float]

    @property
    def parenchyma(self) -> NDArray[np.bool_]:
        """Where tissue can be judged: neither fluid nor blood, (I, J, K) bool array."""
        return self.brain & ~self.fluid & ~self.bright

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, mL."""
        return float(np.prod(self.spacing_mm)) / 1000

    def cropped(self, box: tuple[slice, slice, slice]) -> CtTissue:
        """Tissues inside a box."""
        return CtTissue(
            hu=self.hu[box],
            broad_hu=self.broad_hu[box],
            brain=self.brain[box],
            fluid=self.fluid[box],
            wide_fluid=self.wide_fluid[box],
            bright=self.bright[box],
            weight=self.weight[box],
            depth_mm=self.depth_mm[box],
            fluid_hu=self.fluid_hu,
            spacing_mm=self.spacing_mm,
        )


@recalled(last=1)
def sort_tissue(
    image_hu: NDArray[np.float32],
    brain: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> CtTissue:
    """Sort the inside of the skull by density.

    Parameters
    ----------
    image_hu : (I, J, K) float32 array, HU
    brain : (I, J, K) bool array
    spacing_mm
        Voxel size along i, j and k, mm.
    """
    hu = smooth_within(image_hu, brain, sigma_mm=(NOISE_MM, NOISE_MM, 0), spacing_mm=spacing_mm)
    dark = brain & (hu < FLUID_HU)
    sigma = (2 * NOISE_MM, 2 * NOISE_MM, 0.0)
    broad = smooth_within(image_hu, brain, sigma_mm=sigma, spacing_mm=spacing_mm)
    closed = close_disc(dark, WIDE_FLUID_MM, spacing_mm=spacing_mm) & (broad < BROAD_FLUID_HU)
    fluid = brain & (dark | closed)
    bright = erode_disc(brain, SKIN_MM, spacing_mm=spacing_mm) & (hu > BLOOD_HU)
    mixed = dilate_disc(dark, NOISE_MM, spacing_mm=spacing_mm) & (hu < MIXED_HU)
    mixed |= ~erode_disc(brain, RIM_MM, spacing_mm=spacing_mm)
    weight = brain.astype(np.float32)
    weight[mixed & brain] = FAINT_WEIGHT
    weight[fluid | dilate_disc(bright, BRIGHT_HALO_MM, spacing_mm=spacing_mm)] = 0
    wide = open_disc(fluid, WIDE_FLUID_MM, spacing_mm=spacing_mm)
    return CtTissue(
        hu=hu,
        broad_hu=broad,
        brain=brain,
        fluid=fluid,
        wide_fluid=wide,
        bright=bright,
        weight=weight,
        depth_mm=_depth_mm(brain, spacing_mm),
        fluid_hu=_fluid_level_hu(hu, erode_disc(wide, NOISE_MM, spacing_mm=spacing_mm)),
        spacing_mm=spacing_mm,
    )


def even_slices(tissue: CtTissue, healthy: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Density relative to the healthy parenchyma of its own slice, (I, J, K) float32 array.

    Slices of one scan differ by several HU (beam hardening, step and shoot); where a slice
    has too little parenchyma the whole brain's level stands in.

    Parameters
    ----------
    tissue
        Sorted tissues.
    healthy : (I, J, K) bool array
        Where levels may be taken from.
    """
    return np.asarray(tissue.hu / slice_levels_hu(tissue, healthy))


def slice_levels_hu(tissue: CtTissue, healthy: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Density of each slice's healthy parenchyma, (K,) float32 array, HU.

    Parameters as for :func:`even_slices`.
    """
    pure = _pure(tissue, healthy)
    whole = float(median(tissue.hu[pure]))
    levels = [
        float(median(tissue.hu[:, :, k][pure[:, :, k]]))
        if np.count_nonzero(pure[:, :, k]) >= MIN_LEVEL_VOXELS
        else whole
        for k in range(pure.shape[2])
    ]
    return np.array(levels, dtype=np.float32)


def even_depths(
    tissue: CtTissue, density: NDArray[np.float32], healthy: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Density relative to healthy parenchyma as deep below the skull, (I, J, K) float32 array.

    Cortex below a bright skull and deep white matter differ by as much as an infarct does.

    Parameters
    ----------
    tissue
        Sorted tissues.
    density : (I, J, K) float32 array
        Evened slice by slice.
    healthy : (I, J, K) bool array
        Where levels may be taken from.
    """
    pure = _pure(tissue, healthy)
    depths_mm, densities = tissue.depth_mm[pure], density[pure]
    shell = np.digitize(depths_mm, SHELLS_MM)
    at_mm, level = [], []
    for label in range(len(SHELLS_MM) + 1):
        inside = shell == label
        if np.count_nonzero(inside) >= MIN_LEVEL_VOXELS:
            at_mm.append(float(depths_mm[inside].mean()))
            level.append(float(median(densities[inside])))
    if not at_mm:
        return density
    return np.asarray(density / np.interp(tissue.depth_mm, at_mm, level), dtype=np.float32)


def _pure(tissue: CtTissue, healthy: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pure = (tissue.weight == 1) & healthy
    return pure if pure.any() else tissue.brain


def _depth_mm(
    brain: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float32]:
    factors = factors_for(spacing_mm, (DEPTH_GRID_MM, DEPTH_GRID_MM, 0.0), brain.shape)
    mostly = reduce_mean(brain, factors) >= 0.5  # noqa: PLR2004 - half a block
    coarse = np.pad(mostly, ((1, 1), (1, 1), (0, 0)))
    i, j, _ = scaled(spacing_mm, factors)
    # Slices a kilometre apart: only distances within one count.
    away = ndimage.distance_transform_edt(coarse, sampling=(i, j, 1e6))
    return interpolate(away[1:-1, 1:-1].astype(np.float32), factors, brain.shape)


def _fluid_level_hu(hu: NDArray[np.float32], deep: NDArray[np.bool_]) -> float:
    if np.count_nonzero(deep) < MIN_LEVEL_VOXELS:
        return DEFAULT_FLUID_HU
    return float(median(hu[deep]))


def pixel_noise_hu(image_hu: NDArray[np.float32], tissue: CtTissue) -> NDArray[np.float64]:
    """Robust standard deviation of fine noise in each slice, (K,) float64 HU.

    NaN where a slice holds too little parenchyma to tell.
    """
    fine = np.abs(image_hu - tissue.broad_hu)
    pure = tissue.weight == 1
    noise = np.full(fine.shape[2], np.nan)
    for k in range(fine.shape[2]):
        if np.count_nonzero(pure[:, :, k]) >= MIN_LEVEL_VOXELS:
            noise[k] = 1.4826 * median(fine[:, :, k][pure[:, :, k]])
    return noise


def across_slices(sigma_mm: float, spacing_mm: Sequence[float]) -> tuple[float, float, float]:
    """In-plane sigma, and less across slices: none where slices are thick by themselves."""
    across = 0.0 if spacing_mm[2] >= THICK_SLICE_MM else 0.7 * sigma_mm
    return sigma_mm, sigma_mm, across
