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

STRICT_SMOOTHING_MM = 1.5
PLANE_STEP_MM = 1.0
"""The smoothing of the smallest mask, and how far the plane may lie elsewhere: about what it
moves by when a head is scanned again."""

MIRROR_REACH_MM = (4.0, 4.0, 2.5)
"""How far a structure may lie from its mirrored place: anatomy and the plane's error."""

MIRROR_GRID_MM = (2.0, 2.0, 2.0)
REFERENCE_SIGMA_MM = 5.0
REFERENCE_SIGNAL = (0.8, 1.25)
"""Range of healthy tissue; keeps liquor and an infarct on the other side out of the reference."""

REFERENCE_ADC = (0.85, 1.1)
"""The same for ADC: cerebellum and brain stem lie at 0.85-0.9 of the whole brain's median."""

LIQUOR_ADC = (1.0, 1.15)
"""How far liquor among the gyri may raise what is expected of an embolus in them."""

FLAIR_SMOOTHING_MM = 1.5
"""FLAIR comes from another grid and may be off by a millimetre."""

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
80 mm down, air cells lie on all sides of the cerebellum and the temporal lobes."""

CERTAIN_Z = 4.0
CERTAIN_ADC_RATIO = 0.75
"""As bright and as restricted as this is infarct on either side, so it is no reason to take
its mirrored place for symmetric anatomy."""

CERTAIN_WIDE_EXCESS = 1.5
CERTAIN_WIDE_ADC_RATIO = 0.85
"""The same for a large infarct, opposite to which an embolus may lie."""


class AdcEvidence(NamedTuple):
    """Diffusion of every voxel against what is normal, 1 where it is.

    Attributes
    ----------
    across : (I, J, K) float32 array
        ADC over the other side's, within the range of healthy tissue.
    of_patient : (I, J, K) float32 array
        ADC over the parenchyma's median.
    above_liquor : (I, J, K) float32 array
        The same, over the other side's where liquor raises that.
    wide : (I, J, K) float32 array
        Mean of ``across`` within about 4 mm, liquor left out.
    """

    across: NDArray[np.float32]
    of_patient: NDArray[np.float32]
    above_liquor: NDArray[np.float32]
    wide: NDArray[np.float32]


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
    wide_z, wide_excess : (I, J, K) float32 array
        Mean brightness within about 4 mm, liquor left out, and how far it stands above the
        other side's mean, in spreads of single voxels: large infarcts, where noise and cortex
        average out.
    adc : AdcEvidence or None
        ``None`` without ADC.
    flair_ratio : (I, J, K) float32 array or None
        FLAIR over the other side's; ``None`` without FLAIR.
    opposite : (I', J', K') float32 array
        Brightness at the mirrored place, on the mirror's own coarse grid.
    is_csf : (I, J, K) bool array
    is_near_air : (I, J, K) bool array
        Rim of the brain at the level of sinuses and orbits, and all of it at the level of
        the petrous bones: susceptibility piles signal up, brightness alone proves nothing.
    """

    z: NDArray[np.float32]
    excess: NDArray[np.float32]
    reference: NDArray[np.float32]
    wide_z: NDArray[np.float32]
    wide_excess: NDArray[np.float32]
    adc: AdcEvidence | None
    flair_ratio: NDArray[np.float32] | None
    opposite: NDArray[np.float32]
    is_csf: NDArray[np.bool_]
    is_near_air: NDArray[np.bool_]

    def reaches(self, level: float) -> NDArray[np.bool_]:
        """Where the mean within 4 mm is that bright and that one-sided, (I, J, K) bool array."""
        return np.asarray((self.wide_z >= level) & (self.wide_excess >= level))


def gather_evidence(
    contrast: DwiContrast,
    brain: NDArray[np.bool_],
    across: Across,
    flair: NDArray[np.float32] | None = None,
) -> Evidence:
    """Brightness, asymmetry and relative ADC of every voxel of the brain.

    Parameters
    ----------
    contrast
        Signal and ADC relative to the patient's healthy brain.
    brain : (I, J, K) bool array
    across
        The other side of that brain.
    flair : (I, J, K) float32 array or None
        FLAIR on the same grid, any scale; 0 where it shows nothing.
    """
    is_csf = _liquor(contrast, brain)
    tissue = brain & ~is_csf
    z = _smooth_z(contrast, brain, across, SEED_SMOOTHING_MM)
    wide_z, wide_excess = _wide(contrast.z, tissue, across)
    adc = None if contrast.adc_ratio is None else _adc(contrast.adc_ratio, tissue, across)
    certain = _is_certain(z, adc, wide_excess)
    symmetric = np.where(certain, np.float32(1), np.maximum(z, 0))
    grid = across.grid(MIRROR_GRID_MM)
    opposite = grid.mirror(reduce_mean(symmetric, grid.factors))
    return Evidence(
        z=z,
        excess=z - _brightest(opposite, across, 0.0),
        reference=_limited(_expected(contrast.signal, tissue, across), REFERENCE_SIGNAL),
        wide_z=wide_z,
        wide_excess=wide_excess,
        adc=adc,
        flair_ratio=None if flair is None else _over_other_side(flair, tissue, across),
        opposite=opposite,
        is_csf=is_csf,
        is_near_air=_near_air(brain, across.spacing_mm),
    )


def perturbed(
    evidence: Evidence,
    contrast: DwiContrast,
    brain: NDArray[np.bool_],
    across: Across,
    *,
    shift: int,
) -> Evidence:
    """Evidence with the smoothing and the plane a little different.

    Parameters
    ----------
    evidence, contrast, brain, across
        What :func:`gather_evidence` returned and was given.
    shift
        1: smoothed more, and the least height above the other side that any plane within 1 mm
        of the found one gives. -1: not smoothed, and the greatest.
    """
    z = contrast.z if shift < 0 else _smooth_z(contrast, brain, across, STRICT_SMOOTHING_MM)
    z = np.where(brain, z, np.float32(0))
    # A plane moved by 1 mm moves the mirrored place by 2 mm.
    excess = z - _brightest(evidence.opposite, across, shift * 2 * PLANE_STEP_MM)
    return evidence._replace(z=z, excess=excess)


def _smooth_z(
    contrast: DwiContrast, brain: NDArray[np.bool_], across: Across, sigma_mm: float
) -> NDArray[np.float32]:
    in_slice = (sigma_mm, sigma_mm, 0.0)
    z = smooth_within(contrast.z, brain, sigma_mm=in_slice, spacing_mm=across.spacing_mm)
    z[~brain] = 0
    return z


def _liquor(contrast: DwiContrast, brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if contrast.adc_ratio is None:
        return np.asarray(brain & (contrast.signal < CSF_SIGNAL))
    return np.asarray(brain & (contrast.adc_ratio > CSF_ADC_RATIO))


def _adc(of_patient: NDArray[np.float32], tissue: NDArray[np.bool_], across: Across) -> AdcEvidence:
    expected = _expected(of_patient, tissue, across)
    ratio = of_patient / _limited(expected, REFERENCE_ADC)
    return AdcEvidence(
        across=ratio,
        of_patient=of_patient,
        above_liquor=of_patient / _limited(expected, LIQUOR_ADC),
        wide=across.grid(MIRROR_GRID_MM).expand(_wide_mean(ratio, tissue, across)),
    )


def _over_other_side(
    flair: NDArray[np.float32], tissue: NDArray[np.bool_], across: Across
) -> NDArray[np.float32]:
    """FLAIR over the mean around the mirrored place; 1 where either shows nothing."""
    shown = tissue & (flair > 0)
    near = (FLAIR_SMOOTHING_MM, FLAIR_SMOOTHING_MM, 0.0)
    smooth = smooth_within(flair, shown, sigma_mm=near, spacing_mm=across.spacing_mm)
    expected = _expected(flair, shown, across)
    ratio = np.ones_like(smooth)
    np.divide(smooth, expected, out=ratio, where=(smooth > 0) & (expected > 0))
    return ratio


def _is_certain(
    z: NDArray[np.float32], adc: AdcEvidence | None, wide_excess: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Infarct whatever the other side shows, (I, J, K) bool array."""
    if adc is None:
        return np.zeros(z.shape, dtype=bool)
    glaring = (z > CERTAIN_Z) & (adc.of_patient < CERTAIN_ADC_RATIO)
    large = (wide_excess > CERTAIN_WIDE_EXCESS) & (adc.wide < CERTAIN_WIDE_ADC_RATIO)
    return np.asarray(glaring | large)


def _wide_mean(
    image: NDArray[np.float32], tissue: NDArray[np.bool_], across: Across
) -> NDArray[np.float32]:
    """Mean over the tissue within about 4 mm, on the mirror's grid."""
    grid = across.grid(MIRROR_GRID_MM)
    share, values = grid.reduce(image, tissue)
    return smooth_within(values, share, sigma_mm=WIDE_SIGMA_MM, spacing_mm=grid.step_mm)


def _wide(
    z: NDArray[np.float32], tissue: NDArray[np.bool_], across: Across
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean brightness and its height above the other side's, (I, J, K) float32 arrays."""
    grid = across.grid(MIRROR_GRID_MM)
    near = _wide_mean(_limited(z, WIDE_Z), tissue, across)
    excess = near - np.maximum(grid.mirror(near), 0)
    return grid.expand(near), grid.expand(excess)


def _near_air(brain: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    inner = erode_disc(brain, AIR_RIM_MM, spacing_mm=spacing_mm)
    for step in range(1, round(AIR_RIM_MM / spacing_mm[2]) + 1):
        inner[:, :, step:] &= brain[:, :, :-step]
        inner[:, :, :step] = False
    rim = brain & ~inner
    top = int(np.flatnonzero(brain.any(axis=(0, 1)))[-1])
    sinuses, petrous = (
        max(0, top - round(below_mm / spacing_mm[2]))
        for below_mm in (AIR_BELOW_TOP_MM, PETROUS_BELOW_TOP_MM)
    )
    rim[:, :, sinuses:] = False
    rim[:, :, :petrous] = brain[:, :, :petrous]
    return rim


def _brightest(
    opposite: NDArray[np.float32], across: Across, wider_mm: float
) -> NDArray[np.float32]:
    """Highest value around the mirrored place, (I, J, K) float32 array."""
    grid = across.grid(MIRROR_GRID_MM)
    i_mm, j_mm, k_mm = MIRROR_REACH_MM
    reach_mm = (i_mm + wider_mm, j_mm + wider_mm, k_mm)
    size = [1 + 2 * int(mm / step) for mm, step in zip(reach_mm, grid.step_mm, strict=True)]
    return grid.expand(ndimage.maximum_filter(opposite, size))


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
