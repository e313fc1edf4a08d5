"""From seeds to components: cores, borders, and which components are infarcts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.dwi_seeds import seed_margin
from corelab.kernels.morphology import IN_PLANE_FACES, close_disc, dilate_disc, fill_small_holes
from corelab.kernels.reduction import bounding_box
from corelab.kernels.smoothing import smooth_within

if TYPE_CHECKING:
    from corelab.kernels.across import Across
    from corelab.kernels.dwi_contrast import DwiContrast
    from corelab.kernels.dwi_evidence import AdcEvidence, Evidence
    from corelab.kernels.dwi_parameters import DwiParameters

TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""26 neighbours: emboli run along gyri from slice to slice."""

MM3_PER_ML = 1000.0

CORE_SIGMA_MM = 6.0
"""How far around a place its lesion's core is looked for."""

CORE_SHARE = 0.9
"""Seeds below this share of the mean around them are border, thinned by partial volume."""

CORE_GRID_MM = (2.0, 2.0, 2.0)
"""The means of cores are wide enough to be told on it."""

LEAST_RISE = 0.05
"""Least distance between core and other side that a height is told in."""

ADC_DROP = (0.08, 0.22)
"""Fall of the core's ADC from which ADC has a say in the border, and from which its full one."""

ADC_HEIGHT = (-0.5, 1.25)
"""Limits of the height in ADC, so that neither liquor nor one noisy voxel overrules the trace."""

AIRY_SHARE = 0.2
WEIGHED_SEEDS = 3
LARGE_ML = 1.0
"""From here on a component may be pale, and is smoothed: noise frays the border of large
infarcts, but closing small ones would join emboli."""

CHOROID_MAX_ML = 1.0
CHOROID_CSF_SHARE = 0.6
"""Choroid plexus hangs in liquor: more of its border touches liquor than any gyrus's."""

SMOOTH_MM = 2.0
"""Radius that closes the border of a large component."""

HOLE_MM2 = 30.0
"""Spared tissue larger than this is not a hole of noise."""


class Core(NamedTuple):
    """What a lesion is like in its middle, around each place; 0 far from any seed.

    Attributes
    ----------
    signal : (I, J, K) float32 array
        Relative signal.
    adc : (I, J, K) float32 array or None
        ADC over the other side's.
    """

    signal: NDArray[np.float32]
    adc: NDArray[np.float32] | None


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
    core
        The lesion's middle around each place.
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


def find_core(
    signal: NDArray[np.float32],
    adc: NDArray[np.float32] | None,
    seeds: NDArray[np.bool_],
    across: Across,
) -> Core:
    """Mean signal and ADC of the bright seeds around each place.

    Parameters
    ----------
    signal : (I, J, K) float32 array
        Relative signal.
    adc : (I, J, K) float32 array or None
        ADC over the other side's.
    seeds : (I, J, K) bool array
    across
        Geometry.
    """
    grid = across.grid(CORE_GRID_MM)

    def around(image: NDArray[np.float32], among: NDArray[np.bool_]) -> NDArray[np.float32]:
        share, mean = grid.reduce(image, among)
        near = smooth_within(mean, share, sigma_mm=CORE_SIGMA_MM, spacing_mm=grid.step_mm)
        return grid.expand(near)

    bright = seeds & (signal >= np.float32(CORE_SHARE) * around(signal, seeds))
    return Core(around(signal, bright), None if adc is None else around(adc, bright))


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
    body = lesion.brain & ~evidence.is_csf & (lesion.core.signal > 0)
    above = np.zeros_like(body)
    above[body] = _height(lesion, body) >= np.float32(p.border_height + shift * p.border_step)
    # Large infarcts may be pale: there the surroundings vouch for the voxel.
    floor = np.float32(p.z_floor + shift * p.z_floor_step)
    above &= evidence.reaches(p.wide_seed) | ((evidence.z >= floor) & _near_seeds(lesion))
    if evidence.adc is not None:
        above |= _is_restricted(lesion, evidence.adc, shift) & body
        above &= evidence.adc.across <= _adc_limit(evidence, p)
    return keep_joined(above, lesion.seeds)


def _adc_limit(evidence: Evidence, p: DwiParameters) -> float:
    has_flair = p.is_late and evidence.flair_ratio is not None
    return p.with_flair.adc_grow if has_flair else p.bright.adc_grow


def _height(lesion: Lesion, body: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Height between other side (0) and core (1) in brightness and ADC, (N,) float32 array."""
    reference, core = lesion.evidence.reference[body], lesion.core
    rise = np.maximum(core.signal[body] - reference, np.float32(LEAST_RISE))
    height: NDArray[np.float32] = (lesion.contrast.signal[body] - reference) / rise
    if lesion.evidence.adc is None or core.adc is None:
        return height
    drop = 1 - core.adc[body]
    in_adc = (1 - lesion.evidence.adc.across[body]) / np.maximum(drop, np.float32(LEAST_RISE))
    none, full = ADC_DROP
    trust = np.clip((drop - np.float32(none)) / np.float32(full - none), 0, 1)
    trust *= np.float32(lesion.parameters.adc_share)
    return np.asarray(height + trust * (np.clip(in_adc, *ADC_HEIGHT) - height))


def _is_restricted(lesion: Lesion, adc: AdcEvidence, shift: int) -> NDArray[np.bool_]:
    """Where ADC alone draws the border, (I, J, K) bool array.

    Basal ganglia are dark on the trace and stay darker than the rest of an infarct.
    """
    p, evidence = lesion.parameters, lesion.evidence
    limit = np.float32(p.adc_border - shift * p.adc_border_step)
    restricted = (adc.across <= limit) & (adc.wide <= np.float32(p.wide_adc_border))
    return restricted & (evidence.wide_z >= 0) & (lesion.contrast.signal >= evidence.reference)


def _near_seeds(lesion: Lesion) -> NDArray[np.bool_]:
    """Every voxel in reach of a seed in its slice or the slices beside it, (I, J, K) bool."""
    reach_mm = lesion.parameters.reach_mm
    in_slice = dilate_disc(lesion.seeds, reach_mm, spacing_mm=lesion.across.spacing_mm)
    near = in_slice.copy()
    near[:, :, 1:] |= in_slice[:, :, :-1]
    near[:, :, :-1] |= in_slice[:, :, 1:]
    return near


def keep_joined(mask: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the 26-connected pieces of a mask that hold a seed, (I, J, K) bool array."""
    joined, inside = np.zeros_like(mask), mask & seeds
    if not inside.any():
        return joined
    box = bounding_box(mask, (0, 0, 0))
    labels, count = ndimage.label(mask[box], structure=TOUCHING)
    keep = np.zeros(count + 1, dtype=bool)
    keep[labels[inside[box]]] = True
    joined[box] = keep[labels]
    return joined


class Pieces(NamedTuple):
    """Connected pieces of what was grown; every array is (count + 1,), 0 the background."""

    labels: NDArray[np.int32]
    sizes: NDArray[np.int64]

    def holding(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Voxels of the mask in each piece."""
        return np.bincount(self.labels[mask], minlength=self.sizes.size)


def pieces_of(mask: NDArray[np.bool_]) -> Pieces:
    """Sort a mask into its 26-connected pieces."""
    labels, count = np.zeros(mask.shape, dtype=np.int32), 0
    if mask.any():
        box = bounding_box(mask, (0, 0, 0))
        labels[box], count = ndimage.label(mask[box], structure=TOUCHING)
    return Pieces(labels, np.bincount(labels.ravel(), minlength=count + 1))


def accept(lesion: Lesion, grown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the components that are infarcts by size, seeds and surroundings, (I, J, K) bool.

    Small holes and frayed borders are closed, liquor left out.

    Parameters
    ----------
    lesion
        Seeds, core and maps.
    grown : (I, J, K) bool array
        What :func:`grow` made of them.
    """
    p = lesion.parameters
    pieces = pieces_of(grown)
    volumes_ml = pieces.sizes * lesion.voxel_ml
    keep = (pieces.sizes >= p.min_voxels) & (volumes_ml >= p.min_component_ml)
    keep &= _is_seeded(lesion, pieces)
    is_broad = pieces.holding(lesion.evidence.reaches(p.wide_seed)) > 0
    keep &= (is_broad & (volumes_ml >= LARGE_ML)) | (weight_of(lesion, pieces) >= p.min_weight)
    is_wet = _csf_share(lesion, pieces) > CHOROID_CSF_SHARE
    keep &= ~(is_wet & (volumes_ml <= CHOROID_MAX_ML))
    keep[0] = False
    mask = np.asarray(keep[pieces.labels])
    large = np.asarray((keep & (volumes_ml >= LARGE_ML))[pieces.labels])
    return _smoothed(lesion, mask, large)


def _is_seeded(lesion: Lesion, pieces: Pieces) -> NDArray[np.bool_]:
    """Whether seeds, or weak signs of both kinds, make up enough of each piece."""
    p = lesion.parameters
    seeds, airy = pieces.holding(lesion.seeds), pieces.holding(lesion.evidence.is_near_air)
    is_airy = airy > AIRY_SHARE * pieces.sizes
    share = np.where(is_airy, p.near_air.seed_share, p.min_seed_share)
    support = pieces.holding(_support(lesion))
    is_supported = (seeds > 0) & ~is_airy & (support >= p.min_support_share * pieces.sizes)
    return np.asarray((seeds >= share * pieces.sizes) | is_supported)


def _support(lesion: Lesion) -> NDArray[np.bool_]:
    one_sided = lesion.evidence.excess >= lesion.parameters.excess_support
    if lesion.evidence.adc is None:
        return np.zeros_like(one_sided)
    return np.asarray(one_sided & (lesion.evidence.adc.across <= lesion.parameters.adc_support))


def weight_of(lesion: Lesion, pieces: Pieces) -> NDArray[np.float64]:
    """Sum of what the three best seeds of each piece exceed the height asked for by."""
    margin = seed_margin(lesion.evidence, lesion.parameters)
    places = np.nonzero((pieces.labels > 0) & (margin > 0))
    piece, worth = pieces.labels[places], margin[places]
    order = np.lexsort((-worth, piece))
    piece, worth = piece[order], worth[order]
    is_best = np.arange(piece.size) - np.searchsorted(piece, piece) < WEIGHED_SEEDS
    weight = np.bincount(piece[is_best], worth[is_best], minlength=pieces.sizes.size)
    return weight.astype(np.float64)


def _csf_share(lesion: Lesion, pieces: Pieces) -> NDArray[np.float64]:
    """Share of each piece's in-slice border that is liquor, (count + 1,) array."""
    if pieces.sizes.size == 1:
        return np.zeros(1)
    box = bounding_box(pieces.labels > 0, (1, 1, 0))
    labels = pieces.labels[box]
    around = ndimage.grey_dilation(labels, footprint=IN_PLANE_FACES)
    around[labels > 0] = 0
    border = np.bincount(around.ravel(), minlength=pieces.sizes.size)
    wet = np.bincount(around[lesion.evidence.is_csf[box]], minlength=pieces.sizes.size)
    return np.asarray(wet / np.maximum(border, 1))


def _smoothed(
    lesion: Lesion, mask: NDArray[np.bool_], large: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    spacing_mm = lesion.across.spacing_mm
    closed = mask | close_disc(large, SMOOTH_MM, spacing_mm=spacing_mm)
    pixel_mm2 = float(spacing_mm[0] * spacing_mm[1])
    filled = fill_small_holes(closed, HOLE_MM2 / pixel_mm2)
    return mask | (filled & lesion.brain & ~lesion.evidence.is_csf)
