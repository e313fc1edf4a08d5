"""Large faint regions on a head CT, which only their size tells from uneven tissue.

Smoothed nearly as wide as they are large, they stand out of what the two sides of a healthy
brain differ by at that scale. All of it happens on the coarse grid that such smoothing allows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.half_maximum import Region, within_reach
from corelab.kernels.midline import Midline, mirror, side_of
from corelab.kernels.morphology import dilate_disc, keep_touching, numbered_pieces

Mask = NDArray[np.bool_]

CANDIDATE_SPREADS = 2.0
"""Places that lack so many times the root mean square may be a lesion: the largest group of
them is no part of what chance makes."""

HALO_MM = 6.0
HALF = 0.5
BORDER_SPREADS = 2.5
"""What lacks less than so many times the unevenness belongs to no region."""

REACH_MM = 6.0
"""How far a region goes beyond the group that it was found by."""


class WideView(NamedTuple):
    """What large regions are looked for in, all on one coarse grid.

    Attributes
    ----------
    ratio : (I, J, K) float32 array
        1 in healthy tissue, less in a lesion.
    fit : (I, J, K) bool array
        Where a group may lie.
    judged : (I, J, K) bool array
        Deep parenchyma that no known lesion touches.
    parenchyma : (I, J, K) bool array
        Where a region may lie.
    plane : Midline
        In the millimetres of this grid.
    spacing_mm : tuple of 3 float
    """

    ratio: NDArray[np.float32]
    fit: Mask
    judged: Mask
    parenchyma: Mask
    plane: Midline
    spacing_mm: tuple[float, float, float]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, mL."""
        return float(np.prod(self.spacing_mm)) / 1000


def find_wide_regions(view: WideView, p: CtParameters) -> list[Region]:
    """Regions around groups too large for chance, each grown to half its depth.

    Parameters
    ----------
    view
        Where to look.
    p
        Numbers of the method.
    """
    uneven = unevenness(view)
    labels, count = ndimage.label(
        upright_groups(_groups(view, uneven, p), view.spacing_mm, p.seed_flatness)
    )
    return [_grown(view, labels == label, uneven) for label in range(1, count + 1)]


def unevenness(view: WideView) -> float:
    """Root mean square of what the brain lacks without its most lacking group of places.

    A lesion that is not known yet would hide in the statistics that it is to be told by.
    """
    lacking = 1 - view.ratio
    first = _root_mean_square(lacking[view.judged])
    labels, count = ndimage.label(view.judged & (lacking > CANDIDATE_SPREADS * first))
    if not count:
        return first
    weight = np.bincount(labels.ravel(), weights=np.square(lacking).ravel())
    weight[0] = 0
    halo = dilate_disc(labels == int(weight.argmax()), HALO_MM, spacing_mm=view.spacing_mm)
    rest = view.judged & ~halo & (mirror(halo, view.plane, view.spacing_mm) < HALF)
    return _root_mean_square(lacking[rest]) if rest.any() else first


def upright_groups(
    groups: Mask, spacing_mm: tuple[float, float, float], least_flatness: float
) -> Mask:
    """Leave out groups that are one or two slices of something wide, (I, J, K) bool array.

    Parameters
    ----------
    groups : (I, J, K) bool array
    spacing_mm
        Voxel size along i, j and k, mm.
    least_flatness
        Least height of a group over the root of its largest section.
    """
    solid = groups.copy()
    labels, _ = numbered_pieces(groups)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        group = labels[box] == label
        section_mm2 = float(group.sum(axis=(0, 1)).max()) * spacing_mm[0] * spacing_mm[1]
        if group.shape[2] * spacing_mm[2] < least_flatness * np.sqrt(section_mm2):
            solid[box] &= ~group
    return solid


def _groups(view: WideView, uneven: float, p: CtParameters) -> Mask:
    """Dark places in groups of enough size, far larger than any on the other side."""
    right = side_of(view.plane, view.fit.shape, view.spacing_mm) > 0
    groups = np.zeros_like(view.fit)
    for rung in p.wide_rungs:
        bound = max(p.seed_lowest, min(rung.highest, 1 - rung.spreads * uneven))
        labels, count = ndimage.label(view.fit & (view.ratio < bound))
        inside = labels > 0
        sizes = np.bincount(labels[inside], minlength=count + 1)
        is_right = np.bincount(labels[inside & right], minlength=count + 1) > sizes / 2
        largest = [int(sizes[is_right == one].max(initial=0)) for one in (False, True)]
        other = np.where(is_right, largest[0], largest[1])
        keep = (sizes * view.voxel_ml >= rung.min_ml) & (sizes >= p.wide_outweighs * other)
        groups |= inside & keep[labels]
    return groups


def _grown(view: WideView, group: Mask, uneven: float) -> Region:
    core = float(np.median(view.ratio[group]))
    border = min((1 + core) / 2, 1 - BORDER_SPREADS * uneven)
    near = within_reach(group, REACH_MM, spacing_mm=view.spacing_mm)
    dark = view.parenchyma & near & (view.ratio < border)
    return Region(keep_touching(dark, group & dark), int(np.count_nonzero(group)), core)


def _root_mean_square(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0
