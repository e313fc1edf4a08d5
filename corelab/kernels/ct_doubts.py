"""What else a head CT shows that a reader must weigh beside the infarct."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.midline import Midline, mirror, side_of
from corelab.kernels.morphology import dilate_disc, keep_larger_than, keep_touching, open_disc
from corelab.kernels.tissue_ct import CALCIUM_HU, CtTissue, slice_levels_hu

Mask = NDArray[np.bool_]

CLOT_OVER_BRAIN_HU = 22.0
"""Acute clot is 55 to 80 HU beside brain of 33; a vessel's blood stays below 50."""

CLOT_MM = 3.0
CLOT_ML = 1.0
CLOT_REACH_MM = 3.0
"""Radius that fits into a bleed but not into a vein, smallest bleed, and how close to the
infarct it counts as held by it."""

CAVITY_MM = 4.0
CAVITY_ML = 3.0
CAVITY_SIDE_MM = 20.0
CAVITY_REACH_MM = 5.0
"""Radius that fits into a cavity but not into a sulcus, smallest cavity, how far from the
plane it begins (ventricles lie within), and how far from its mirror fluid may lie."""

OLD_CORE_HU = 14.0
"""An infarct of the first week is 15 HU or more; a scar fills with fluid."""

HALF = 0.5


def has_blood_outside(tissue: CtTissue, infarct: Mask) -> bool:
    """Whether the brain holds a bleed that the infarct does not.

    Parameters
    ----------
    tissue
        Sorted tissues.
    infarct : (I, J, K) bool array
        Its blood included; may be empty.
    """
    step = tissue.spacing_mm
    levels = slice_levels_hu(tissue, ~infarct)
    clot = tissue.bright & (tissue.hu > levels + CLOT_OVER_BRAIN_HU)
    if not clot.any():
        return False
    solid = open_disc(clot, CLOT_MM, spacing_mm=step)
    solid &= ~keep_touching(solid, solid & (tissue.hu > CALCIUM_HU))
    outside = solid & ~dilate_disc(infarct, CLOT_REACH_MM, spacing_mm=step)
    return bool(keep_larger_than(outside, CLOT_ML / tissue.voxel_ml).any())


def suspects_old_infarct(tissue: CtTissue, midline: Midline, infarct: Mask) -> bool:
    """Whether a cavity of fluid lies on one side only, or the infarct is all but fluid.

    Parameters
    ----------
    tissue
        Sorted tissues.
    midline
        Mid-sagittal plane in the millimetres of the tissues' grid.
    infarct : (I, J, K) bool array
        May be empty.
    """
    if infarct.any() and float(np.median(tissue.hu[infarct])) < OLD_CORE_HU:
        return True
    step = tissue.spacing_mm
    lateral = np.abs(side_of(midline, infarct.shape, step)) > CAVITY_SIDE_MM
    wide = open_disc(tissue.fluid & lateral, CAVITY_MM, spacing_mm=step)
    if np.count_nonzero(wide) * tissue.voxel_ml < CAVITY_ML:
        return False
    near = dilate_disc(tissue.fluid, CAVITY_REACH_MM, spacing_mm=step)
    alone = wide & (mirror(near, midline, step) < HALF)
    return bool(keep_larger_than(alone, CAVITY_ML / tissue.voxel_ml).any())
