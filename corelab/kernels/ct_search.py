"""Where on a head CT there is infarct beyond doubt, and what hangs together with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.half_maximum import BorderRule, Depth, Region, grow_regions
from corelab.kernels.midline import Midline, find_midline
from corelab.kernels.mirror_ratio import MirrorRatio, mirror_ratio
from corelab.kernels.morphology import dilate_disc, erode_disc, keep_larger_than
from corelab.kernels.tissue_ct import CtTissue, pixel_noise_hu, sort_tissue

Mask = NDArray[np.bool_]

ACROSS = np.zeros((3, 3, 3), dtype=bool)
ACROSS[1, 1] = True
ACROSS.flags.writeable = False


class Scan(NamedTuple):
    """A head CT made ready for the search.

    Attributes
    ----------
    tissue : CtTissue
    midline : Midline
        In the millimetres of the tissues' grid.
    deep : (I, J, K) bool array
        Parenchyma that neither fluid nor bone lends partial volume, in plane or across.
    streaked : (K,) bool array
        Slices too noisy to start from.
    """

    tissue: CtTissue
    midline: Midline
    deep: Mask
    streaked: NDArray[np.bool_]


class Findings(NamedTuple):
    """What a search found.

    Attributes
    ----------
    regions : list of Region
        Each grown from one group of seeds.
    spread : float
        Robust standard deviation of the mirror ratio in healthy parenchyma.
    """

    regions: list[Region]
    spread: float

    def union(self) -> Mask:
        """All regions in one, (I, J, K) bool array; there must be one."""
        return np.asarray(np.any([region.mask for region in self.regions], axis=0))


def prepare_scan(
    image_hu: NDArray[np.float32],
    brain: Mask,
    spacing_mm: tuple[float, float, float],
    p: CtParameters,
    *,
    shear: float,
) -> Scan:
    """Sorted tissues, mid-sagittal plane and places fit for seeds.

    Parameters
    ----------
    image_hu : (I, J, K) float32 array, HU
    brain : (I, J, K) bool array
    spacing_mm
        Voxel size along i, j and k, mm.
    p
        Numbers of the method.
    shear
        Shift of the slices along j, mm for each mm along their normal.
    """
    tissue = sort_tissue(image_hu, brain, spacing_mm)
    noise = pixel_noise_hu(image_hu, tissue)
    told = noise[np.isfinite(noise)]
    typical = float(np.median(told)) if told.size else 0.0
    return Scan(
        tissue=tissue,
        midline=find_midline(brain, spacing_mm, shear=shear),
        deep=_deep(tissue, p),
        streaked=~(noise <= p.noisy_slice * typical),
    )


def find_regions(scan: Scan, p: CtParameters) -> Findings:
    """Infarcted regions, roughly outlined.

    Searched twice: the second time, what the first found and its mirror do not count as
    healthy, so that a large infarct does not hide in its own statistics.

    Parameters
    ----------
    scan
        The head.
    p
        Numbers of the method.
    """
    nothing = np.zeros_like(scan.deep)
    first = _search(scan, nothing, p)
    return _search(scan, first.union(), p) if first.regions else first


def _deep(tissue: CtTissue, p: CtParameters) -> Mask:
    step = tissue.spacing_mm
    wide = ndimage.binary_dilation(tissue.wide_fluid, ACROSS)
    inside = ndimage.binary_erosion(tissue.brain, ACROSS, border_value=1)
    clear = erode_disc(tissue.brain & ~tissue.fluid, p.sulcus_clearance_mm, spacing_mm=step)
    clear &= ~dilate_disc(wide, p.ventricle_clearance_mm, spacing_mm=step)
    return clear & erode_disc(inside, p.edge_clearance_mm, spacing_mm=step)


def _search(scan: Scan, known: Mask, p: CtParameters) -> Findings:
    tissue = scan.tissue
    ratio = mirror_ratio(tissue, scan.midline, lesion=known, deep=scan.deep)
    highest = min(p.border_highest, 1 - p.border_spreads * ratio.spread)
    rule = BorderRule(p.border_lowest, max(p.border_lowest, highest), p.border_reach_mm)
    depth = Depth(ratio.border, tissue.parenchyma, scan.deep, tissue.spacing_mm)
    regions = [
        region
        for region in grow_regions(depth, _seeds(scan, ratio, p), rule)
        if region.core <= p.faint_core or region.seed_count * scan.tissue.voxel_ml >= p.faint_min_ml
    ]
    return Findings(regions, ratio.spread)


def _seeds(scan: Scan, ratio: MirrorRatio, p: CtParameters) -> Mask:
    step = scan.tissue.spacing_mm
    bound = min(p.seed_highest, max(p.seed_lowest, 1 - p.seed_spreads * ratio.spread))
    dark = scan.deep & (ratio.seed < bound) & (ratio.level < p.seed_level)
    dark[:, :, scan.streaked] = False
    seeds = keep_larger_than(dark, p.seed_min_ml / scan.tissue.voxel_ml)
    labels, _ = ndimage.label(seeds)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        group = labels[box] == label
        section_mm2 = float(group.sum(axis=(0, 1)).max()) * step[0] * step[1]
        if group.shape[2] * step[2] < p.seed_flatness * np.sqrt(section_mm2):
            seeds[box] &= ~group
    return seeds
