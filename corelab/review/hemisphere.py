"""Side of an edited infarct, by the plane and the rule that the batch judges its own with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels import infarct_ct, infarct_dwi
from corelab.kernels.midline import Midline, find_midline, side_of
from corelab.kernels.orientation import orientation_of, shear_of, to_ras
from corelab.vocab import Hemisphere, Modality
from corelab.volume import Volume

_MISMATCH_MM = {
    Modality.NCCT: infarct_ct.MISMATCH_MM,
    Modality.DWI: infarct_dwi.MISMATCH_MM,
}


def hemisphere_of(labels: Volume, brain: Volume, modality: Modality) -> Hemisphere | None:
    """Side that an infarct lies on.

    Parameters
    ----------
    labels
        Not 0 in the infarct.
    brain
        Brain mask on the same grid: its shape gives the mid-sagittal plane.
    modality
        Whose rule says when both sides are hit.

    Returns
    -------
    Hemisphere or None
        ``None`` where there is no brain, or its halves mirror so badly that no plane is sure.
    """
    orientation = orientation_of(labels.affine)
    mask = to_ras(np.asarray(labels.data), orientation) != 0
    if not mask.any():
        return Hemisphere.NONE
    inside = to_ras(np.asarray(brain.data), orientation) != 0
    if not inside.any():
        return None
    i, j, k = (labels.spacing_mm[axis] for axis in orientation.axes)
    shear = shear_of(labels.affine, orientation)
    midline = find_midline(inside, (i, j, k), shear=shear)
    if midline.mismatch_mm > _MISMATCH_MM[modality]:
        return None
    right_ml, left_ml = _halves_ml(mask, midline, (i, j, k))
    if _is_bilateral(min(right_ml, left_ml), right_ml + left_ml, modality):
        return Hemisphere.BILATERAL
    return Hemisphere.RIGHT if right_ml > left_ml else Hemisphere.LEFT


def _halves_ml(
    mask: NDArray[np.bool_],
    midline: Midline,
    spacing_mm: tuple[float, float, float],
) -> tuple[float, float]:
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    right = int(np.count_nonzero(mask & (side_of(midline, mask.shape, spacing_mm) > 0)))
    return right * voxel_ml, (int(np.count_nonzero(mask)) - right) * voxel_ml


def _is_bilateral(lesser_ml: float, total_ml: float, modality: Modality) -> bool:
    if modality is Modality.DWI:
        share_ml = infarct_dwi.BILATERAL_SHARE * total_ml
        return lesser_ml >= max(share_ml, infarct_dwi.BILATERAL_MIN_ML)
    share_ml = infarct_ct.BILATERAL_SHARE * total_ml
    return lesser_ml >= min(infarct_ct.BILATERAL_ML, max(infarct_ct.UNSURE_ML, share_ml))
