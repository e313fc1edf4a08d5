"""Infarct on a follow-up non-contrast head CT, found against the other side of the head.

An infarct is a compact region of parenchyma that is darker than its mirror and darker than
healthy parenchyma. Seeds are the places that say so beyond doubt; each group grows to half
its own depth, takes in the blood that it holds and gives up the fluid it runs into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.ct_doubts import has_blood_outside, suspects_old_infarct
from corelab.kernels.ct_extent import extent_of
from corelab.kernels.ct_outline import outline_infarct
from corelab.kernels.ct_parameters import DEFAULT, CtParameters
from corelab.kernels.ct_plane import with_plane_range
from corelab.kernels.ct_search import Findings, Scan, find_regions, prepare_scan
from corelab.kernels.infarct import Infarct
from corelab.kernels.midline import side_of
from corelab.kernels.working_grid import HALF, HU_RANGE, working_grid
from corelab.vocab import Hemisphere, QcFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CtParameters", "segment_infarct_ct"]

Mask = NDArray[np.bool_]

MISMATCH_MM = 3.0
"""A plane whose mirrored outline misses by more is no mirror for densities."""

BILATERAL_ML = 3.0
BILATERAL_SHARE = 0.33
"""``bilateral`` when the lesser side reaches the first, or the second of both and ``UNSURE_ML``."""

UNSURE_CORE = 0.85
UNSURE_SPREAD = 0.08
UNSURE_ML = 1.0
"""``low_confidence`` when the core's ratio or the spread of healthy tissue is above the first two,
or the infarct is smaller than the third."""


def segment_infarct_ct(
    image_hu: NDArray[np.generic],
    brain: Mask,
    spacing_mm: Sequence[float],
    parameters: CtParameters = DEFAULT,
    *,
    shear: float = 0.0,
) -> Infarct:
    """Infarct of a follow-up head CT, on the image's own grid.

    Parameters
    ----------
    image_hu : (I, J, K) array, HU
    brain : (I, J, K) bool array
        Inside of the skull, see :func:`corelab.kernels.brain_ct.brain_mask_ct`.
    spacing_mm
        Voxel size along i, along j and along the slices' normal, mm.
    parameters
        Numbers of the method.
    shear
        Shift of the slices along j, mm for each mm along their normal; 0 without gantry tilt.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the brain mask is empty.
    """
    grid = working_grid(brain, spacing_mm)
    image, inside = grid.means(image_hu, HU_RANGE), grid.means(brain) > HALF
    scan = prepare_scan(image, inside, grid.spacing_mm, parameters, shear=shear)
    findings = find_regions(scan, parameters)
    if not findings.regions:
        return _nothing(image_hu.shape, _doubts(scan, np.zeros_like(inside)))
    border = (1 + findings.core) / 2
    coarse = findings.ratio.coarse
    extent = extent_of(scan.tissue, coarse, findings.union())
    rough = with_plane_range(coarse, extent, border)
    outline = outline_infarct(scan.tissue, rough, parameters)
    if not outline.mask.any():
        return _nothing(image_hu.shape, _doubts(scan, outline.mask))
    return Infarct(
        mask=grid.on_the_image(outline.mask, brain),
        blood=grid.on_the_image(outline.blood, brain),
        low=grid.on_the_image(outline.low, brain),
        high=grid.on_the_image(outline.high, brain),
        hemisphere=_hemisphere(scan, outline.mask),
        flags=_flags(scan, findings, outline.mask) + _doubts(scan, outline.mask),
    )


def _nothing(shape: tuple[int, ...], doubts: tuple[QcFlag, ...]) -> Infarct:
    return Infarct(
        mask=np.zeros(shape, dtype=bool),
        blood=np.zeros(shape, dtype=bool),
        low=np.zeros(shape, dtype=bool),
        high=np.zeros(shape, dtype=bool),
        hemisphere=Hemisphere.NONE,
        flags=(QcFlag.NO_INFARCT_FOUND, *doubts),
    )


def _hemisphere(scan: Scan, mask: Mask) -> Hemisphere:
    side_mm = side_of(scan.midline, mask.shape, scan.tissue.spacing_mm)
    right_ml = float(np.count_nonzero(mask & (side_mm > 0))) * scan.tissue.voxel_ml
    left_ml = float(np.count_nonzero(mask)) * scan.tissue.voxel_ml - right_ml
    lesser_ml, total_ml = min(left_ml, right_ml), left_ml + right_ml
    if lesser_ml >= BILATERAL_ML or lesser_ml >= max(UNSURE_ML, BILATERAL_SHARE * total_ml):
        return Hemisphere.BILATERAL
    return Hemisphere.RIGHT if right_ml > left_ml else Hemisphere.LEFT


def _flags(scan: Scan, findings: Findings, mask: Mask) -> tuple[QcFlag, ...]:
    total_ml = float(np.count_nonzero(mask)) * scan.tissue.voxel_ml
    is_unsure = findings.core > UNSURE_CORE or findings.ratio.spread > UNSURE_SPREAD
    ends = np.flatnonzero(scan.tissue.brain.any(axis=(0, 1)))[[0, -1]]
    raised = {
        QcFlag.LOW_CONFIDENCE: is_unsure or total_ml < UNSURE_ML,
        QcFlag.BILATERAL: _hemisphere(scan, mask) is Hemisphere.BILATERAL,
        QcFlag.TOUCHES_MASK_EDGE: bool(mask[:, :, ends].any()),
        QcFlag.PLANE_MISMATCH: scan.midline.mismatch_mm > MISMATCH_MM,
    }
    return tuple(flag for flag, is_raised in raised.items() if is_raised)


def _doubts(scan: Scan, mask: Mask) -> tuple[QcFlag, ...]:
    raised = {
        QcFlag.BLOOD_OUTSIDE_INFARCT: has_blood_outside(scan.tissue, mask),
        QcFlag.OLD_INFARCT_SUSPECTED: suspects_old_infarct(scan.tissue, scan.midline, mask),
    }
    return tuple(flag for flag, is_raised in raised.items() if is_raised)
