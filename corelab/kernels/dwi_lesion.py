"""From seeds to components: borders, and which components are infarcts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.dwi_seeds import seed_margin
from corelab.kernels.morphology import IN_PLANE_FACES, close_disc, dilate_disc, fill_small_holes
from corelab.kernels.reduction import bounding_box

if TYPE_CHECKING:
    from corelab.kernels.across import Across
    from corelab.kernels.dwi_contrast import DwiContrast
    from corelab.kernels.dwi_evidence import AdcEvidence, Evidence
    from corelab.kernels.dwi_mixture import Mixture
    from corelab.kernels.dwi_parameters import DwiParameters

TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""26 neighbours: emboli run along gyri from slice to slice."""

MM3_PER_ML = 1000.0

DARK_SIGNAL = 0.9
"""Basal ganglia are dark on the trace (iron): the other side shows no more than this there."""

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
    mixture
        How much of each voxel is infarct.
    """

    contrast: DwiContrast
    evidence: Evidence
    brain: NDArray[np.bool_]
    across: Across
    parameters: DwiParameters
    seeds: NDArray[np.bool_]
    mixture: Mixture

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel by its spacing; good for decisions, not for reporting."""
        i, j, k = self.across.spacing_mm
        return float(i * j * k) / MM3_PER_ML


def grow(lesion: Lesion, *, shift: int) -> NDArray[np.bool_]:
    """Grow the seeds to everything joined to them above the border, (I, J, K) bool array.

    Parameters
    ----------
    lesion
        Seeds and maps.
    shift
        0 for the mask, 1 for a stricter border, -1 for a more generous one.
    """
    p, evidence, mixture = lesion.parameters, lesion.evidence, lesion.mixture
    above = mixture.infarct >= np.float32(p.border_height + shift * p.border_step)
    # Large infarcts may be pale: there the surroundings vouch for the voxel.
    floor = np.float32(p.z_floor + shift * p.z_floor_step)
    bright = evidence.z + mixture.lift / np.float32(lesion.contrast.sigma) >= floor
    above &= evidence.reaches(p.wide_seed) | (bright & _near_seeds(lesion))
    if evidence.adc is not None:
        above |= _is_restricted(lesion, evidence.adc, shift)
    return keep_joined(above & lesion.brain, lesion.seeds)


def _is_restricted(lesion: Lesion, adc: AdcEvidence, shift: int) -> NDArray[np.bool_]:
    """Where ADC alone draws the border, (I, J, K) bool array.

    Basal ganglia are dark on the trace and stay darker than the rest of an infarct.
    """
    p, evidence = lesion.parameters, lesion.evidence
    limit = np.float32(p.adc_border - shift * p.adc_border_step)
    restricted = (adc.across <= limit) & (adc.wide <= np.float32(p.wide_adc_border))
    is_dark = evidence.reference <= np.float32(DARK_SIGNAL)
    restricted &= is_dark | (lesion.mixture.infarct >= np.float32(p.restricted_height))
    return restricted & (evidence.wide_z >= 0) & ~evidence.is_csf


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
        Seeds and maps.
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
    # What is mixed with liquor can be no seed.
    dry = pieces.sizes - pieces.holding(lesion.evidence.is_csf)
    share = np.where(is_airy, p.near_air.seed_share, p.min_seed_share)
    support = pieces.holding(_support(lesion))
    is_supported = (seeds > 0) & ~is_airy & (support >= p.min_support_share * dry)
    return np.asarray((seeds >= share * dry) | is_supported)


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
