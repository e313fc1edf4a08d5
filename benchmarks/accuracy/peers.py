"""What a user would do else, on the brain mask that our own method found.

Every rule is given what it needs to look well: the same mask, its rim taken off where the rule
would count it, single voxels opened away, and small pieces dropped. Thresholds and piece sizes
are the usual ones where a paper gives them, else those that are best on the tuning half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from benchmarks.accuracy.head import TrueHead
from corelab.kernels.diffusion import adc_scale_to_mm2_s
from corelab.kernels.midline import find_midline, mirror
from corelab.kernels.morphology import erode_disc
from corelab.kernels.orientation import from_ras, orientation_of, to_ras
from corelab.kernels.robust import MEDIAN_DEVIATION_SCALE
from corelab.vocab import Contrast, Modality

Mask = NDArray[np.bool_]

ADC_CUT_MM2_S = 620e-6
"""Purushotham et al., AJNR 2015;36:1049, as sold for the acute infarct core."""

ADC_LEAST_MM2_S = 100e-6
"""Below lie background and lost signal."""

ADC_DWI_Z = 1.0
"""Without it noise alone fills the mask with false pieces."""

DWI_Z = 2.5
DWI_LEAST_ML = 0.03
ADC_LEAST_ML = 0.1

RATIO_CUT = 0.85
"""Of the smoothed density to that of the mirrored side."""

CT_Z = -2.0
TISSUE_HU = (15.0, 60.0)
"""What the density's mean and spread are taken from: neither fluid nor bone."""

FLUID_HU = 12.0
"""Smoothed values below are CSF and no infarct."""

CT_SIGMA_MM = 4.0
CT_RIM_MM = 5.0
CT_LEAST_ML = 5.0


class Grid(NamedTuple):
    """Voxel size in RAS+ order, and how far slices are sheared along j for each mm."""

    spacing_mm: tuple[float, float, float]
    shear: float

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel."""
        return float(np.prod(self.spacing_mm)) / 1000


Rule = Callable[[TrueHead, Mask], Mask]


def adc_below_620(head: TrueHead, brain: Mask) -> Mask:
    """ADC below 620e-6 mm2/s where the diffusion image is brighter than most of the brain."""
    adc, inside, grid = _beside(head, brain, Contrast.ADC)
    adc = adc * adc_scale_to_mm2_s(adc, inside)
    dwi, _, _ = _beside(head, brain, Contrast.DWI)
    smooth = ndimage.median_filter(adc, size=(3, 3, 1))
    bright = _robust_z(dwi, inside, inside) > ADC_DWI_Z
    low = inside & bright & (smooth < ADC_CUT_MM2_S) & (adc > ADC_LEAST_MM2_S)
    return _back(head, _cleaned(low, grid, ADC_LEAST_ML))


def otsu(head: TrueHead, brain: Mask) -> Mask:
    """Diffusion signal above Otsu's threshold, taken twice among what is brighter than most.

    Once over the whole brain Otsu parts tissue from fluid, whatever the infarct is.
    """
    dwi, inside, grid = _beside(head, brain, Contrast.DWI)
    bright = dwi[inside & (dwi > np.median(dwi[inside]))]
    cut = threshold_otsu(bright[bright > threshold_otsu(bright)])
    return _back(head, _cleaned((dwi > cut) & inside, grid, DWI_LEAST_ML))


def dwi_z(head: TrueHead, brain: Mask) -> Mask:
    """Diffusion signal more than 2.5 robust standard deviations above the brain's median."""
    dwi, inside, grid = _beside(head, brain, Contrast.DWI)
    return _back(
        head, _cleaned((_robust_z(dwi, inside, inside) > DWI_Z) & inside, grid, DWI_LEAST_ML)
    )


def ratio_085(head: TrueHead, brain: Mask) -> Mask:
    """Smoothed density below 0.85 of the mirrored side's."""
    hu, inside, grid = _beside(head, brain, Contrast.CT)
    plane = find_midline(inside, grid.spacing_mm, shear=grid.shear)
    smooth = _smooth(hu, inside, grid)
    other = mirror(smooth, plane, grid.spacing_mm)
    deep = _deep(inside, grid)
    compared = deep & (other > TISSUE_HU[0]) & (smooth > FLUID_HU)
    return _back(head, _cleaned(compared & (smooth < RATIO_CUT * other), grid, CT_LEAST_ML))


def ct_z(head: TrueHead, brain: Mask) -> Mask:
    """Smoothed density more than 2 robust standard deviations below the brain's median."""
    hu, inside, grid = _beside(head, brain, Contrast.CT)
    smooth = _smooth(hu, inside, grid)
    deep = _deep(inside, grid)
    tissue = deep & (smooth > TISSUE_HU[0]) & (smooth < TISSUE_HU[1])
    low = deep & (smooth > FLUID_HU) & (_robust_z(smooth, tissue, deep) < CT_Z)
    return _back(head, _cleaned(low, grid, CT_LEAST_ML))


PEERS: Mapping[Modality, Mapping[str, Rule]] = {
    Modality.NCCT: {"mirror ratio < 0.85": ratio_085, "z < -2": ct_z},
    Modality.DWI: {"ADC < 620": adc_below_620, "Otsu on DWI": otsu, "DWI z > 2.5": dwi_z},
}


def _beside(
    head: TrueHead, brain: Mask, contrast: Contrast
) -> tuple[NDArray[np.float32], Mask, Grid]:
    """Image, mask and grid in RAS+ order."""
    image = head.images[contrast]
    orientation = orientation_of(image.affine)
    signs = np.where(orientation.flips, -1.0, 1.0)
    _, along, across = (
        image.affine[:3, axis] * sign for axis, sign in zip(orientation.axes, signs, strict=True)
    )
    lean = float(along @ across / np.linalg.norm(along)) / abs(float(image.normal @ across))
    i, j, k = (image.spacing_mm[axis] for axis in orientation.axes)
    data = to_ras(image.data, orientation).astype(np.float32)
    return data, to_ras(brain, orientation), Grid((i, j, k), lean)


def _back(head: TrueHead, mask: Mask) -> Mask:
    return np.ascontiguousarray(from_ras(mask, orientation_of(head.image.affine)))


def _robust_z(values: NDArray[np.float32], among: Mask, where: Mask) -> NDArray[np.float32]:
    middle = float(np.median(values[among]))
    spread = MEDIAN_DEVIATION_SCALE * float(np.median(np.abs(values[among] - middle)))
    z = np.zeros_like(values)
    z[where] = (values[where] - middle) / max(spread, 1e-6)
    return z


def _smooth(hu: NDArray[np.float32], inside: Mask, grid: Grid) -> NDArray[np.float32]:
    """Mean of the brain's own voxels in the plane."""
    sigma = (CT_SIGMA_MM / grid.spacing_mm[0], CT_SIGMA_MM / grid.spacing_mm[1], 0)
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(inside, hu, 0).astype(np.float32), sigma)
    return np.where(inside, total / np.maximum(weight, 1e-3), 0).astype(np.float32)


def _deep(inside: Mask, grid: Grid) -> Mask:
    """Brain without the rim where bone and sulci are averaged in."""
    return erode_disc(inside, CT_RIM_MM, spacing_mm=grid.spacing_mm)


def _cleaned(mask: Mask, grid: Grid, least_ml: float) -> Mask:
    """Open by a cross in the plane, fill holes, drop small pieces."""
    cross = ndimage.generate_binary_structure(3, 1) & np.array([False, True, False])
    opened = ndimage.binary_opening(mask, cross)
    labels, count = ndimage.label(opened, np.ones((3, 3, 3)))
    sizes_ml = np.bincount(labels.ravel(), minlength=count + 1) * grid.voxel_ml
    kept = sizes_ml >= least_ml
    kept[0] = False
    filled = kept[labels]
    for k in range(mask.shape[2]):
        filled[:, :, k] = ndimage.binary_fill_holes(filled[:, :, k])
    return np.asarray(filled, dtype=bool)
