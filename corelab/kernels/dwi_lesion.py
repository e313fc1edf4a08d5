"""From evidence to components: seeds, borders, and which of them are infarcts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import IN_PLANE_FACES, close_disc, fill_small_holes
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

CORE_GRID_MM = (2.0, 2.0, 2.0)

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
    core: NDArray[np.float32]

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
    seeds = _bright_seeds(evidence, parameters) & ~evidence.is_near_air
    if evidence.adc_ratio is not None and evidence.wide.adc_ratio is not None:
        p = parameters
        narrow = (evidence.z >= p.z_seed) & (evidence.excess >= p.excess_seed)
        seeds |= narrow & (evidence.adc_ratio <= p.adc_seed)
        broad = (evidence.z >= BROAD_Z) & _reaches(evidence.wide, p.wide_seed)
        seeds |= broad & (evidence.wide.adc_ratio <= p.wide_adc_seed)
    return seeds & tissue


def _bright_seeds(evidence: Evidence, parameters: DwiParameters) -> NDArray[np.bool_]:
    has_adc = evidence.adc_ratio is not None
    least = parameters.bright if has_adc else parameters.without_adc
    narrow = (evidence.z >= least.z) & (evidence.excess >= least.excess)
    broad = (evidence.z >= BROAD_Z) & _reaches(evidence.wide, least.wide)
    if evidence.adc_ratio is not None and evidence.wide.adc_ratio is not None:
        narrow &= evidence.adc_ratio <= least.adc
        broad &= evidence.wide.adc_ratio <= least.wide_adc
    return np.asarray(narrow | broad)


def _reaches(wide: WideEvidence, level: float) -> NDArray[np.bool_]:
    return np.asarray((wide.z >= level) & (wide.excess >= level))


def find_core(
    signal: NDArray[np.float32], seeds: NDArray[np.bool_], across: Across
) -> NDArray[np.float32]:
    """Mean signal of the brighter half of the seeds around each place, (I, J, K) float32.

    The darker half is border, thinned by partial volume.
    """
    grid = across.grid(CORE_GRID_MM)
    share, mean = grid.reduce(signal, seeds)
    near = smooth_within(mean, share, sigma_mm=CORE_SIGMA_MM, spacing_mm=grid.step_mm)
    share, mean = grid.reduce(signal, seeds & (signal >= grid.expand(near)))
    core = smooth_within(mean, share, sigma_mm=CORE_SIGMA_MM, spacing_mm=grid.step_mm)
    return grid.expand(core)


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
    height = np.float32(p.border_height + shift * p.border_step)
    border = evidence.reference + height * (lesion.core - evidence.reference)
    # Large infarcts may be pale: there the surroundings vouch for the voxel.
    floor = np.float32(1 + (p.z_floor + shift * p.z_floor_step) * lesion.contrast.sigma)
    is_alone = ~_reaches(evidence.wide, p.wide_seed)
    np.maximum(border, floor, out=border, where=is_alone)
    if evidence.adc_ratio is not None:
        # Basal ganglia are dark on the trace and stay so: there ADC draws the border.
        is_restricted = ~is_alone & (evidence.adc_ratio <= p.adc_border - shift * p.adc_border_step)
        np.minimum(border, evidence.reference, out=border, where=is_restricted)
    body = lesion.brain & ~evidence.is_csf & (lesion.core > 0)
    body &= lesion.contrast.signal >= border
    if evidence.adc_ratio is not None:
        body &= evidence.adc_ratio <= p.bright.adc_grow
    return keep_joined(body, lesion.seeds)


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
    keep &= (seeded >= p.min_seed_share * sizes) | is_supported
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
