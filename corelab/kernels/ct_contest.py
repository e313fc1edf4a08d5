"""Borders settled by contest: each place joins the side its density and neighbours speak for.

A threshold on a blurred image follows every gyrus, for grey and white matter differ by as much
as an infarct is deep. Here what a place speaks for counts beside what the places around it
belong to, and places that cannot be judged (beside fluid, blood or bone) only follow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.morphology import dilate_disc, erode_disc, open_disc
from corelab.kernels.reduction import bounding_box
from corelab.kernels.smoothing import gaussian
from corelab.kernels.tissue_ct import across_slices

Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]

NEIGHBOURS_MM = 4.0
"""Sigma of the surroundings that have a say in a place."""

LEAST_VOTE = 0.05
"""Vote of a place that cannot be judged: it follows its neighbours, and its own kind where it
has no others."""

REACH_MM = 12.0
"""How far a region may grow beyond where it was found."""

SOLID_MM, FOLLOW_MM = 3.0, 8.0
"""What can be judged holds a disc of the first radius where it leads, and what cannot follows it
so far: fluid and bone blur what lies a few mm beside them, and fissures are longer."""

CORE_MM = 2.0
BESIDE_MM = (3.0, 14.0)
"""What lies so deep in a region tells its density; what lies so far outside, the healthy one."""

FEW_CORE, FEW_BESIDE = 30, 30
LEAST_DEPTH = 0.05
"""A region is taken to be darker than its surroundings by this share at least."""

ROUNDS, SETTLED_SHARE, MARGIN_MM = 20, 0.003, 30.0
"""A contest ends when so small a share of the region changes sides, and looks so far around it."""

HALF = 0.5
OUTSIDE = np.float32(-1)


class Ground(NamedTuple):
    """What is contested, on a coarse grid.

    Attributes
    ----------
    darkness : (I, J, K) float32 array
        How much each place lacks of what is expected of it, as a share of healthy density.
    weight : (I, J, K) float32 array
        How far it can be judged, 0 to 1.
    brain : (I, J, K) bool array
    spacing_mm : tuple of 3 float
    """

    darkness: NDArray[np.float32]
    weight: NDArray[np.float32]
    brain: Mask
    spacing_mm: Triple

    def cropped(self, box: tuple[slice, slice, slice]) -> Ground:
        """Ground inside a box."""
        return self._replace(
            darkness=self.darkness[box], weight=self.weight[box], brain=self.brain[box]
        )


def contest_border(
    ground: Ground,
    start: Mask,
    held: Mask,
) -> NDArray[np.float32]:
    """Level of every place, above 0 in the region and below outside, (I, J, K) float32 array.

    Parameters
    ----------
    ground
        What is contested.
    start : (I, J, K) bool array
        Where the region was found; holds at least one place.
    held : (I, J, K) bool array
        What belongs to it whatever its density, as blood does.

    Notes
    -----
    Threshold dynamics (Esedoglu and Otto, Comm Pure Appl Math 2015;68:808) for the model of two
    regions of one mean each (Chan and Vese, IEEE Trans Image Process 2001;10:266).
    """
    size = ground.spacing_mm
    margin = [int(np.ceil(MARGIN_MM / step_mm)) for step_mm in size[:2]]
    box = bounding_box(start | held, (*margin, ground.brain.shape[2]))
    level = np.full(ground.brain.shape, OUTSIDE)
    level[box] = _contest(ground.cropped(box), start[box], held[box])
    return level


def _contest(ground: Ground, start: Mask, held: Mask) -> NDArray[np.float32]:
    size = ground.spacing_mm
    sigma = across_slices(NEIGHBOURS_MM, size)
    vote = np.where(ground.brain, np.maximum(ground.weight, LEAST_VOTE), 0).astype(np.float32)
    vote[held] = 1
    votes = np.maximum(gaussian(vote, sigma, spacing_mm=size), np.float32(1e-3))
    region = (start | held) & ground.brain
    barred = ~(dilate_disc(region, REACH_MM, spacing_mm=size) & ground.brain)
    level = np.where(region, np.float32(HALF), OUTSIDE)
    for _ in range(ROUNDS):
        speaks = _spoken_for(ground, region)
        speaks[held] = 1
        level = gaussian(region * vote, sigma, spacing_mm=size) / votes - np.float32(HALF) + speaks
        level[barred] = OUTSIDE
        moved, region = region, level > 0
        if np.count_nonzero(moved ^ region) <= SETTLED_SHARE * np.count_nonzero(region):
            break
    return np.where(_led(ground, region, held), level, OUTSIDE).astype(np.float32)


def _led(ground: Ground, region: Mask, held: Mask) -> Mask:
    """Places near what can be judged and is no sliver; all of a region that is one."""
    size = ground.spacing_mm
    judged = region & ((ground.weight > HALF) | held)
    solid = open_disc(judged, SOLID_MM, spacing_mm=size)
    return dilate_disc(solid if solid.any() else region, FOLLOW_MM, spacing_mm=size)


def _spoken_for(ground: Ground, region: Mask) -> NDArray[np.float32]:
    """Tell what each place says by itself, below 0 for healthy and above for the region."""
    size, judged = ground.spacing_mm, ground.weight > HALF
    inner = erode_disc(region, CORE_MM, spacing_mm=size) & judged
    if np.count_nonzero(inner) < FEW_CORE:
        inner = region & judged
    if not inner.any():
        return np.zeros_like(ground.darkness)
    near, far = (dilate_disc(region, away_mm, spacing_mm=size) for away_mm in BESIDE_MM)
    beside = far & ~near & judged
    dark = float(ground.darkness[inner].mean())
    healthy = 0.0
    if np.count_nonzero(beside) >= FEW_BESIDE:
        healthy = float(ground.darkness[beside].mean())
    above = ground.darkness - np.float32((dark + healthy) / 2)
    says = np.clip(above / np.float32(max(dark - healthy, LEAST_DEPTH)), -1, 1)
    return np.asarray(says * ground.weight, dtype=np.float32)
