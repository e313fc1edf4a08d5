"""Whether a piece of the skull is missing beside the brain, as after a craniectomy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import dilate_disc, erode_disc, keep_larger_than
from corelab.kernels.reduction import bounding_box, factors_for, reduce_mean, scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID_MM = (2.0, 2.0, 2.5)
HU_RANGE = (-200, 1500)
BONE_HU = 150.0
"""Thin bone averaged over 2 mm."""

NEAR_MM = 10.0
"""Bone lies no further from the brain's border: swollen dura and CSF are thinner."""

RIM_MM = 2.5
HALF = 0.5
EDGE_MM = 12.0
GAP_CM2 = 12.0
"""A burr hole is 1.5 cm2, a decompressive craniectomy 90 cm2 and more."""

GAP_HEIGHT_MM = 20.0
BONY_SHARE = 0.5
"""Least share of the border with bone beside it: below it the head is stripped of its skull."""


def is_skull_open(
    image_hu: NDArray[np.generic], brain: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> bool:
    """Whether bone is missing beside a part of the brain's border.

    Parameters
    ----------
    image_hu : (I, J, K) array, HU
    brain : (I, J, K) bool array
        Inside of the skull; not empty.
    spacing_mm
        Voxel size along i, j and k, mm.
    """
    head = _on_coarse_grid(image_hu, brain, spacing_mm)
    step = head.spacing_mm
    rim = head.inside & ~erode_disc(head.inside, RIM_MM, spacing_mm=step) & ~head.at_the_edge
    bare = rim & ~dilate_disc(head.bone, NEAR_MM, spacing_mm=step)
    if np.count_nonzero(bare) > (1 - BONY_SHARE) * np.count_nonzero(rim):
        return False
    joined = dilate_disc(bare, RIM_MM, spacing_mm=step) & head.inside
    pixel_mm = (step[0] + step[1]) / 2
    # The joined rim is as thick as two discs are wide.
    voxels_a_cm2 = 100 / (pixel_mm * step[2]) * (2 * RIM_MM / pixel_mm)
    labels, _ = ndimage.label(keep_larger_than(joined, GAP_CM2 * voxels_a_cm2))
    gaps = ndimage.find_objects(labels)
    return any((gap[2].stop - gap[2].start) * step[2] >= GAP_HEIGHT_MM for gap in gaps)


class _Coarse(NamedTuple):
    """Brain, bone, and where the field of view may have cut bone off."""

    inside: NDArray[np.bool_]
    bone: NDArray[np.bool_]
    at_the_edge: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]


def _on_coarse_grid(
    image_hu: NDArray[np.generic], brain: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> _Coarse:
    margin = [int(np.ceil(2 * NEAR_MM / step)) for step in spacing_mm[:2]]
    box = bounding_box(brain, (*margin, 0))
    factors = factors_for(spacing_mm, GRID_MM, brain[box].shape)
    inside = reduce_mean(brain[box], factors) > HALF
    at_the_edge = np.zeros_like(inside)
    for axis in (0, 1):
        at = box[axis].start + (np.arange(inside.shape[axis]) + HALF) * factors[axis]
        away_mm = np.minimum(at, brain.shape[axis] - at) * spacing_mm[axis]
        at_the_edge |= np.expand_dims(away_mm < EDGE_MM, tuple({0, 1, 2} - {axis}))
    return _Coarse(
        inside=inside,
        bone=reduce_mean(image_hu[box], factors, HU_RANGE) > BONE_HU,
        at_the_edge=at_the_edge,
        spacing_mm=scaled(spacing_mm, factors),
    )
