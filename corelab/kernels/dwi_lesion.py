"""From evidence to components: seeds, borders, and which of them are infarcts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import IN_PLANE_FACES, close_disc, dilate_disc, fill_small_holes
from corelab.kernels.smoothing import smooth_within

if TYPE_CHECKING:
    from corelab.kernels.across import Across
    from corelab.kernels.dwi_contrast import DwiContrast
    from corelab.kernels.dwi_evidence import Evidence, WideEvidence
    from corelab.kernels.dwi_parameters import DwiParameters

TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""26 neighbours: emboli run along gyri from slice to slice."""

MM3_PER_ML = 1000.0

CORE_SIGMA_MM = 6.0
"""How far around a place its lesion's core brightness is looked for."""

CORE_FRACTION = 0.9
CORE_GRID_MM = (2.0, 2.0, 2.0)

EXCESS_CAP = 8.0
BROAD_Z = 1.0
"""Least brightness of a voxel that a bright surrounding makes a seed."""

CHOROID_MAX_ML = 1.0
CHOROID_CSF_SHARE = 0.6
"""Choroid plexus hangs in liquor: more of its border touches liquor than any gyrus's."""

SMOOTH_MM = 2.0
SMOOTH_MIN_ML = 1.0
"""Noise frays the border of large infarcts; closing small ones would join emboli."""

HOLE_MM2 = 30.0
"""Spared tissue larger than this is not a hole of noise."""


class Lesion(NamedTuple):
    """What the steps from seeds to components look at.

    Attributes
    ----------
    contrast, evidence
        Maps of one scan, cropped to the brain.
    brain : (I, J, K) bool array
    across
        Geometry and mid-sagittal plane.
    parameters
        The method's choices.
    seeds : (I, J, K) bool array
        Certain infarct.
    core : (I, J, K) float32 array
        Relative signal of the lesion's core around each place; 0 far from any seed.
    """

    contrast: DwiContrast
    evidence: Evidence
    brain: NDArray[np.bool_]
    across: Across
    parameters: DwiParameters
    seeds: NDArray[np.bool_]
    core: Core

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel by its spacing; good for decisions, not for reporting."""
        i, j, k = self.across.spacing_mm
        return float(i * j * k) / MM3_PER_ML


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
    p, adc = parameters, evidence.adc_of_patient
    wide = evidence.wide
    if adc is None or wide.adc_ratio is None:
        least = p.without_adc
        narrow = (evidence.z >= least.z) & (evidence.excess >= least.excess)
        broad = (evidence.z >= BROAD_Z) & _reaches(wide, least.wide)
        return (narrow | broad) & tissue & ~evidence.is_near_air
    least = p.bright
    narrow = seed_merit(evidence, p) >= 0
    broad = _reaches(wide, p.wide_seed) & (wide.adc_ratio <= p.wide_adc_seed)
    broad |= _reaches(wide, least.wide) & (wide.adc_ratio <= least.wide_adc) & ~evidence.is_near_air
    return (narrow | (broad & (evidence.z >= BROAD_Z))) & tissue


def seed_merit(evidence: Evidence, p: DwiParameters) -> NDArray[np.float32]:
    """By how many spreads a voxel exceeds what its ADC asks for; -inf where it cannot be a seed."""
    adc, plain = evidence.adc_of_patient, evidence.adc_plain
    assert adc is not None and plain is not None and evidence.adc_ratio is not None
    least = p.bright
    share = np.maximum((adc - p.adc_seed) / (1 - p.adc_seed), 0)
    needed = p.excess_seed + np.minimum(share, least.cap) * (least.excess - p.excess_seed)
    sure = (evidence.z >= p.z_near_air) & (evidence.excess >= p.excess_near_air)
    sure &= (plain <= p.adc_near_air) & (evidence.adc_ratio <= p.adc_near_air)
    can = (evidence.z >= p.z_seed) & (adc <= least.adc) & (~evidence.is_near_air | sure)
    return np.where(can, np.minimum(evidence.excess, EXCESS_CAP) - needed, -np.inf)


def _reaches(wide: WideEvidence, level: float) -> NDArray[np.bool_]:
    return np.asarray((wide.z >= level) & (wide.excess >= level))


class Core(NamedTuple):
    """What a lesion is like in its middle, around each place; 0 far from any seed.

    Attributes
    ----------
    signal : (I, J, K) float32 array
    adc : (I, J, K) float32 array or None
        Over the other side's.
    """

    signal: NDArray[np.float32]
    adc: NDArray[np.float32] | None


def find_core(
    signal: NDArray[np.float32], adc: NDArray[np.float32] | None, seeds: NDArray[np.bool_], across: Across
) -> Core:
    """Mean signal and ADC of the brighter half of the seeds around each place.

    The darker half is border, thinned by partial volume.
    """
    grid = across.grid(CORE_GRID_MM)
    share, mean = grid.reduce(signal, seeds)
    near = smooth_within(mean, share, sigma_mm=CORE_SIGMA_MM, spacing_mm=grid.step_mm)
    brighter = seeds & (signal >= CORE_FRACTION * grid.expand(near))
    def around(image):
        share, mean = grid.reduce(image, brighter)
        return grid.expand(smooth_within(mean, share, sigma_mm=CORE_SIGMA_MM, spacing_mm=grid.step_mm))
    return Core(around(signal), None if adc is None else around(adc))


def grow(lesion: Lesion, *, shift: int) -> NDArray[np.bool_]:
    """Grow the seeds to everything joined to them above the border, (I, J, K) bool array.

    Parameters
    ----------
    lesion
        Seeds, core and maps.
    shift
        0 for the mask, 1 for a stricter border, -1 for a more generous one.
    """
    p, evidence = lesion.parameters, lesion.evidence
    is_wide = _reaches(evidence.wide, p.wide_seed)
    least = np.where(is_wide, np.float32(p.border_height), np.float32(p.small_height)) + np.float32(shift * p.border_step)
    height = (lesion.contrast.signal - evidence.reference) / np.maximum(lesion.core.signal - evidence.reference, 0.05)
    body = lesion.brain & ~evidence.is_csf & (lesion.core.signal > 0)
    if evidence.adc_ratio is not None and lesion.core.adc is not None:
        drop = 1 - lesion.core.adc
        adc_height = (1 - evidence.adc_ratio) / np.maximum(drop, 0.05)
        trust = np.clip((drop - 0.08) / 0.14, 0, 1) * p.adc_share
        height = height + trust * (np.clip(adc_height, -0.5, 1.25) - height)
        body &= evidence.adc_ratio <= p.bright.adc_grow
    body &= height >= least
    # Large infarcts may be pale: there the surroundings vouch for the voxel.
    floor = np.float32(p.z_floor + shift * p.z_floor_step)
    body &= is_wide | ((evidence.z >= floor) & _near_seeds(lesion, p.reach_mm))
    return keep_joined(body, lesion.seeds)


def _near_seeds(lesion: Lesion, reach_mm: float) -> NDArray[np.bool_]:
    """Every voxel within ``reach_mm`` of a seed in its slice or the slices beside it."""
    near = dilate_disc(lesion.seeds, reach_mm, spacing_mm=lesion.across.spacing_mm)
    both = near.copy()
    both[:, :, 1:] |= near[:, :, :-1]
    both[:, :, :-1] |= near[:, :, 1:]
    return both


def keep_joined(mask: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the 26-connected pieces of a mask that hold a seed, (I, J, K) bool array."""
    labels, count = ndimage.label(mask, structure=TOUCHING)
    keep = np.zeros(count + 1, dtype=bool)
    keep[labels[seeds]] = True
    keep[0] = False
    return np.asarray(keep[labels])


def accept(lesion: Lesion, grown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the components that are infarcts by size, seeds and surroundings, (I, J, K) bool.

    Small holes and frayed borders are closed, liquor left out.
    """
    p = lesion.parameters
    labels, count = ndimage.label(grown, structure=TOUCHING)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    seeded = np.bincount(labels[lesion.seeds], minlength=count + 1)
    supported = np.bincount(labels[_support(lesion)], minlength=count + 1)
    volumes_ml = sizes * lesion.voxel_ml
    keep = (sizes >= p.min_voxels) & (volumes_ml >= p.min_component_ml)
    is_supported = (seeded > 0) & (supported >= p.min_support_share * sizes)
    airy = np.bincount(labels[lesion.evidence.is_near_air], minlength=count + 1) > 0.2 * sizes
    keep &= (seeded >= np.where(airy, p.min_seed_share_near_air, p.min_seed_share) * sizes) | (is_supported & ~airy)
    if lesion.evidence.adc_ratio is not None:
        merit = np.maximum(seed_merit(lesion.evidence, p), 0)
        places = np.nonzero((labels > 0) & (merit > 0))
        of, worth = labels[places], merit[places]
        order = np.lexsort((-worth, of)); of, worth = of[order], worth[order]
        first = np.searchsorted(of, of)
        top = np.arange(of.size) - first < 3
        weight = np.bincount(of[top], worth[top], minlength=count + 1)
        keep &= (weight >= p.min_merit) | (volumes_ml >= 1.0)
    is_wet = _csf_share(lesion, labels, count) > CHOROID_CSF_SHARE
    keep &= ~(is_wet & (volumes_ml <= CHOROID_MAX_ML))
    keep[0] = False
    mask = np.asarray(keep[labels])
    large = np.asarray((keep & (volumes_ml >= SMOOTH_MIN_ML))[labels])
    return _smoothed(lesion, mask, large)


def _support(lesion: Lesion) -> NDArray[np.bool_]:
    one_sided = lesion.evidence.excess >= lesion.parameters.excess_support
    if lesion.evidence.adc_ratio is None:
        return np.zeros_like(one_sided)
    return np.asarray(one_sided & (lesion.evidence.adc_ratio <= lesion.parameters.adc_support))


def _csf_share(lesion: Lesion, labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Share of each component's in-slice border that is liquor, (count + 1,) array."""
    around = ndimage.grey_dilation(labels, footprint=IN_PLANE_FACES)
    around[labels > 0] = 0
    border = np.bincount(around.ravel(), minlength=count + 1)
    wet = np.bincount(around[lesion.evidence.is_csf], minlength=count + 1)
    return np.asarray(wet / np.maximum(border, 1))


def _smoothed(
    lesion: Lesion, mask: NDArray[np.bool_], large: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    spacing_mm = lesion.across.spacing_mm
    closed = mask | close_disc(large, SMOOTH_MM, spacing_mm=spacing_mm)
    pixel_mm2 = float(spacing_mm[0] * spacing_mm[1])
    filled = fill_small_holes(closed, HOLE_MM2 / pixel_mm2)
    return mask | (filled & lesion.brain & ~lesion.evidence.is_csf)
