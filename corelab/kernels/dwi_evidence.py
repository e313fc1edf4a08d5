"""What speaks for an infarct at each voxel: brightness, one-sidedness, restricted diffusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import erode_disc
from corelab.kernels.reduction import reduce_mean
from corelab.kernels.smoothing import smooth_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corelab.kernels.across import Across
    from corelab.kernels.dwi_contrast import DwiContrast

SEED_SMOOTHING_MM = 1.0
"""Against noise in small voxels; leaves 2 mm voxels almost as they are."""

MIRROR_REACH_MM = (4.0, 4.0, 2.5)
"""How far a structure may lie from its mirrored place: anatomy and the plane's error."""

MIRROR_GRID_MM = (2.0, 2.0, 2.0)
REFERENCE_SIGMA_MM = 5.0
REFERENCE_SIGNAL = (0.8, 1.25)
"""Range of healthy tissue; keeps liquor and an infarct on the other side out of the reference."""

SEED_ADC = (1.0, 1.15)
REFERENCE_ADC = (0.85, 1.1)
"""The same for ADC: cerebellum and brain stem lie at 0.85-0.9 of the whole brain's median."""

CSF_ADC_RATIO = 1.6
"""About 1300e-6 mm2/s: half way from parenchyma to what sulci and ventricles hold."""

CSF_SIGNAL = 0.5
"""Without ADC: liquor is dark on the trace."""

WIDE_SIGMA_MM = 4.0
WIDE_Z = (-3.0, 8.0)
"""Limits of single voxels, so that one glaring artefact does not light its surroundings."""

AIR_RIM_MM = 10.0
AIR_BELOW_TOP_MM = 55.0
PETROUS_BELOW_TOP_MM = 80.0
"""Frontal sinuses reach to about 55 mm below the vertex; everything else lies lower. From
95 mm down, air cells lie on all sides of the cerebellum and the temporal poles."""

CERTAIN_Z = 4.0
CERTAIN_ADC_RATIO = 0.75
"""As bright and as restricted as this is infarct on either side, so it is no reason to take
its mirrored place for symmetric anatomy."""

CERTAIN_WIDE_EXCESS = 1.5
CERTAIN_WIDE_ADC_RATIO = 0.85
"""The same for a large infarct, opposite to which an embolus may lie."""


class Evidence(NamedTuple):
    """Maps that decide on seeds and borders.

    Attributes
    ----------
    z : (I, J, K) float32 array
        Smoothed signal, spreads above healthy parenchyma.
    excess : (I, J, K) float32 array
        ``z`` above the brightest tissue around the mirrored place.
    reference : (I, J, K) float32 array
        Signal of healthy tissue expected here, from the other side.
    adc_ratio : (I, J, K) float32 array or None
        ADC over the other side's; ``None`` without ADC.
    is_csf : (I, J, K) bool array
    is_near_air : (I, J, K) bool array
        Rim of the brain at the level of sinuses and orbits, and all of it at the level of
        the petrous bones: susceptibility piles signal up, brightness alone proves nothing.
    """

    z: NDArray[np.float32]
    excess: NDArray[np.float32]
    reference: NDArray[np.float32]
    adc_ratio: NDArray[np.float32] | None
    is_csf: NDArray[np.bool_]
    is_near_air: NDArray[np.bool_]
    adc_of_patient: NDArray[np.float32] | None
    adc_plain: NDArray[np.float32] | None
    wide: WideEvidence


class WideEvidence(NamedTuple):
    """The same at the scale of a large infarct, where noise and cortex average out.

    Attributes
    ----------
    z, excess : (I, J, K) float32 array
        Mean brightness within about 4 mm, liquor left out, and how far it stands above the
        other side's mean; both in spreads of single voxels.
    adc_ratio : (I, J, K) float32 array or None
        Mean ADC over the other side's.
    """

    z: NDArray[np.float32]
    excess: NDArray[np.float32]
    adc_ratio: NDArray[np.float32] | None


def gather_evidence(
    contrast: DwiContrast,
    brain: NDArray[np.bool_],
    across: Across,
) -> Evidence:
    """Brightness, asymmetry and relative ADC of every voxel of the brain.

    Parameters
    ----------
    contrast
        Signal and ADC relative to the patient's healthy brain.
    brain : (I, J, K) bool array
    across
        The other side of that brain.
    """
    adc_ratio = adc_of_patient = contrast.adc_ratio
    if adc_ratio is None:
        is_csf = brain & (contrast.signal < CSF_SIGNAL)
    else:
        is_csf = brain & (adc_ratio > CSF_ADC_RATIO)
        expected = _expected(adc_ratio, brain & ~is_csf, across)
        adc_of_patient = adc_ratio / _limited(expected, SEED_ADC)
        adc_ratio = adc_ratio / _limited(expected, REFERENCE_ADC)
    in_slice = (SEED_SMOOTHING_MM, SEED_SMOOTHING_MM, 0.0)
    z = smooth_within(contrast.z, brain, sigma_mm=in_slice, spacing_mm=across.spacing_mm)
    z[~brain] = 0
    wide = _wide(contrast.z, adc_ratio, brain & ~is_csf, across)
    symmetric = np.where(_is_certain(z, contrast.adc_ratio, wide), np.float32(1), np.maximum(z, 0))
    return Evidence(
        z=z,
        excess=z - _brightest(symmetric, across),
        reference=_limited(_expected(contrast.signal, brain, across), REFERENCE_SIGNAL),
        adc_ratio=adc_ratio,
        is_csf=is_csf,
        is_near_air=_near_air(brain, across.spacing_mm),
        adc_of_patient=adc_of_patient,
        adc_plain=contrast.adc_ratio,
        wide=wide,
    )


def _is_certain(
    z: NDArray[np.float32], adc_ratio: NDArray[np.float32] | None, wide: WideEvidence
) -> NDArray[np.bool_]:
    """Infarct whatever the other side shows, (I, J, K) bool array."""
    if adc_ratio is None or wide.adc_ratio is None:
        return np.zeros(z.shape, dtype=bool)
    glaring = (z > CERTAIN_Z) & (adc_ratio < CERTAIN_ADC_RATIO)
    large = (wide.excess > CERTAIN_WIDE_EXCESS) & (wide.adc_ratio < CERTAIN_WIDE_ADC_RATIO)
    return np.asarray(glaring | large)


def _wide(
    z: NDArray[np.float32],
    adc_ratio: NDArray[np.float32] | None,
    tissue: NDArray[np.bool_],
    across: Across,
) -> WideEvidence:
    grid = across.grid(MIRROR_GRID_MM)

    def mean(image: NDArray[np.float32]) -> NDArray[np.float32]:
        share, values = grid.reduce(image, tissue)
        return smooth_within(values, share, sigma_mm=WIDE_SIGMA_MM, spacing_mm=grid.step_mm)

    near = mean(_limited(z, WIDE_Z))
    excess = near - np.maximum(grid.mirror(near), 0)
    adc = None if adc_ratio is None else grid.expand(mean(adc_ratio))
    return WideEvidence(grid.expand(near), grid.expand(excess), adc)


def _near_air(brain: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    inner = erode_disc(brain, AIR_RIM_MM, spacing_mm=spacing_mm)
    for below in range(1, round(AIR_RIM_MM / spacing_mm[2]) + 1):
        inner[:, :, below:] &= brain[:, :, :-below]
        inner[:, :, :below] = False
    rim = brain & ~inner
    top = int(np.flatnonzero(brain.any(axis=(0, 1)))[-1])
    sinuses, petrous = (
        max(0, top - round(below_mm / spacing_mm[2]))
        for below_mm in (AIR_BELOW_TOP_MM, PETROUS_BELOW_TOP_MM)
    )
    rim[:, :, sinuses:] = False
    rim[:, :, :petrous] = brain[:, :, :petrous]
    return rim


def _brightest(image: NDArray[np.float32], across: Across) -> NDArray[np.float32]:
    """Highest value around the mirrored place, (I, J, K) float32 array."""
    grid = across.grid(MIRROR_GRID_MM)
    mirrored = grid.mirror(reduce_mean(image, grid.factors))
    reach = [1 + 2 * int(mm / step) for mm, step in zip(MIRROR_REACH_MM, grid.step_mm, strict=True)]
    return grid.expand(ndimage.maximum_filter(mirrored, reach))


def _expected(
    image: NDArray[np.float32], mask: NDArray[np.bool_], across: Across
) -> NDArray[np.float32]:
    """Mean over the mask around the mirrored place, (I, J, K) float32 array."""
    grid = across.grid(MIRROR_GRID_MM)
    share, mean = grid.reduce(image, mask)
    smooth = smooth_within(mean, share, sigma_mm=REFERENCE_SIGMA_MM, spacing_mm=grid.step_mm)
    return grid.expand(grid.mirror(smooth))


def _limited(image: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.float32]:
    low, high = (np.float32(limit) for limit in limits)
    return np.asarray(np.clip(image, low, high), dtype=np.float32)
