"""Where an infarct is certain on diffusion: the brighter, the less ADC is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from corelab.kernels.dwi_evidence import AdcEvidence, Evidence
    from corelab.kernels.dwi_parameters import BrightSeed, DwiParameters

BROAD_Z = 1.0
"""Least brightness of a voxel that a bright surrounding makes a seed."""

EXCESS_CAP = 8.0
"""Height beyond which a single voxel proves no more: one glaring artefact is no component."""


def find_seeds(
    evidence: Evidence, brain: NDArray[np.bool_], parameters: DwiParameters
) -> NDArray[np.bool_]:
    """Voxels that are infarct beyond doubt, (I, J, K) bool array.

    Parameters
    ----------
    evidence
        Brightness, asymmetry and ADC.
    brain : (I, J, K) bool array
    parameters
        The method's choices.
    """
    tissue = brain & ~evidence.is_csf
    narrow = seed_margin(evidence, parameters) >= 0
    broad = _is_broad(evidence, parameters) & (evidence.z >= BROAD_Z)
    return (narrow | broad) & tissue


def seed_margin(evidence: Evidence, parameters: DwiParameters) -> NDArray[np.float32]:
    """By how many spreads a voxel exceeds what is asked of a seed, (I, J, K) float32 array.

    Minus infinity where it cannot be one.

    Parameters
    ----------
    evidence
        Brightness, asymmetry and ADC.
    parameters
        The method's choices.
    """
    p, adc = parameters, evidence.adc
    can = evidence.z >= p.z_seed
    if adc is None:
        can &= ~evidence.is_near_air
    else:
        can &= ~evidence.is_near_air | _is_sure_near_air(evidence, adc, p)
    height = np.minimum(evidence.excess[can], np.float32(EXCESS_CAP))
    margin = np.full(can.shape, -np.inf, dtype=np.float32)
    if adc is None:
        margin[can] = height - np.float32(p.without_adc.excess)
        return margin
    at_adc = adc.above_liquor[can]
    margin[can] = _margin(height, at_adc, _least(evidence, p), p)
    if _uses_flair(evidence, p) and evidence.flair_ratio is not None:
        bright = evidence.flair_ratio[can] >= p.flair_ratio
        margin[can] = np.where(bright, _margin(height, at_adc, p.with_flair, p), margin[can])
    return margin


def _uses_flair(evidence: Evidence, p: DwiParameters) -> bool:
    return p.is_late and evidence.flair_ratio is not None


def _least(evidence: Evidence, p: DwiParameters) -> BrightSeed:
    """Choose what brightness must reach where no FLAIR speaks for an infarct."""
    return p.early if _uses_flair(evidence, p) else p.bright


def _margin(
    height: NDArray[np.float32], adc: NDArray[np.float32], least: BrightSeed, p: DwiParameters
) -> NDArray[np.float32]:
    """Height above what is asked for, (N,) float32 array; minus infinity where ADC is too high."""
    rise = np.clip((adc - np.float32(p.adc_seed)) / np.float32(1 - p.adc_seed), 0, 1)
    asked = np.float32(p.excess_seed) + rise * np.float32(least.excess - p.excess_seed)
    return np.where(adc <= least.adc, height - asked, np.float32(-np.inf))


def _is_sure_near_air(evidence: Evidence, adc: AdcEvidence, p: DwiParameters) -> NDArray[np.bool_]:
    near = p.near_air
    sure = (evidence.z >= near.z) & (evidence.excess >= near.excess)
    return np.asarray(sure & (adc.of_patient <= near.adc) & (adc.across <= near.adc))


def _is_broad(evidence: Evidence, p: DwiParameters) -> NDArray[np.bool_]:
    """Where the mean within 4 mm makes an infarct, (I, J, K) bool array."""
    adc = evidence.adc
    if adc is None:
        return evidence.reaches(p.without_adc.wide) & ~evidence.is_near_air
    least = _least(evidence, p)
    bright = evidence.reaches(least.wide) & (adc.wide <= least.wide_adc)
    if _uses_flair(evidence, p) and evidence.flair_ratio is not None:
        flair = evidence.reaches(p.with_flair.wide) & (adc.wide <= p.with_flair.wide_adc)
        bright |= flair & (evidence.flair_ratio >= p.flair_ratio)
    restricted = evidence.reaches(p.wide_seed) & (adc.wide <= p.wide_adc_seed)
    return restricted | (bright & ~evidence.is_near_air)
