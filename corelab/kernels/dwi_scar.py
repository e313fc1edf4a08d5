"""Old infarcts on a diffusion image: one-sided, and with more free water than healthy tissue.

They are left out of the infarct; a reader is told that they may be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import dilate_disc
from corelab.kernels.smoothing import smooth_within

if TYPE_CHECKING:
    from corelab.kernels.dwi_evidence import AdcEvidence
    from corelab.kernels.dwi_lesion import Lesion

BESIDE_MM = 6.0
"""Around the new infarct its rim and what it displaces differ from the other side."""

SHINE_EXCESS = 2.0
SHINE_ADC = (1.2, 2.2)
SHINE_MIN_ML = 0.5
"""Bright by T2 alone: one-sided, with an ADC above healthy tissue's and below liquor's. Chronic
infarcts lie at 1.3 and above (Lansberg 2001, AJNR 22:637)."""

CAVITY_GRID_MM = (4.0, 4.0, 4.0)
CAVITY_SIGMA_MM = 8.0
CAVITY_ADC = 1.3
CAVITY_EXCESS = 0.5
CAVITY_MIN_ML = 5.0
"""Means wide enough that sulci and ventricles, which lie on both sides, differ by less."""

MAX_ADC = 2.5
"""Over the patient's: more is free water, and weighs as much."""

INSIDE_SHARE = 0.9
"""Of a block in the brain, for it to be a part of a cavity."""


def has_scar(lesion: Lesion, mask: NDArray[np.bool_]) -> bool:
    """Whether an old infarct seems to lie outside the new one; never without ADC.

    Parameters
    ----------
    lesion
        Maps of the scan.
    mask : (I, J, K) bool array
        The infarct.
    """
    adc = lesion.evidence.adc
    if adc is None:
        return False
    new = dilate_disc(mask, BESIDE_MM, spacing_mm=lesion.across.spacing_mm)
    return _shines(lesion, adc, new) or _has_cavity(lesion, adc, new)


def _shines(lesion: Lesion, adc: AdcEvidence, new: NDArray[np.bool_]) -> bool:
    low, high = SHINE_ADC
    bright = lesion.brain & (lesion.evidence.excess >= SHINE_EXCESS)
    bright &= (adc.across >= low) & (adc.of_patient < high)
    bright &= ~lesion.evidence.is_near_air & ~new
    return _largest(bright) * lesion.voxel_ml >= SHINE_MIN_ML


def _has_cavity(lesion: Lesion, adc: AdcEvidence, new: NDArray[np.bool_]) -> bool:
    grid = lesion.across.grid(CAVITY_GRID_MM)
    share, values = grid.reduce(np.minimum(adc.of_patient, np.float32(MAX_ADC)), lesion.brain)
    mean = smooth_within(values, share, sigma_mm=CAVITY_SIGMA_MM, spacing_mm=grid.step_mm)
    mirrored = grid.mirror(mean)
    is_new, _ = grid.reduce(adc.of_patient, new)
    wet = (mean >= CAVITY_ADC) & (mean - ndimage.maximum_filter(mirrored, 3) >= CAVITY_EXCESS)
    wet &= (share > INSIDE_SHARE) & (is_new == 0) & (mirrored > 0)
    return _largest(wet) * float(np.prod(grid.step_mm)) / 1000 >= CAVITY_MIN_ML


def _largest(mask: NDArray[np.bool_]) -> int:
    """Voxels of the largest face-connected piece."""
    labels, count = ndimage.label(mask)
    return int(np.bincount(labels[mask]).max()) if count else 0
