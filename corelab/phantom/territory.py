"""Infarcts outside the reach of the middle cerebral artery's wedge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import ALIKE, Side, infarct_profile, infarcted, prone_tissue
from corelab.phantom.tissue import Tissue

Field = NDArray[np.float32]
Triple = tuple[float, float, float]


class Place(Enum):
    """Where an infarct starts and how far it may go, MNI152 mm of the right side.

    The value holds the seed, the relative reach along x, y and z, and the box.
    """

    OCCIPITAL = ((16, -78, 4), (1.0, 1.9, 1.2), ((3, 52), (-120, -34), (-18, 44)))
    CEREBELLAR = ((26, -64, -44), (1.2, 1.2, 1.0), ((3, 60), (-110, -36), (-80, -24)))
    FRONTAL_MEDIAL = ((9, 34, 30), (0.6, 1.6, 1.4), ((3, 26), (-30, 80), (-8, 80)))
    DEEP = ((25, 2, 6), (1.0, 1.7, 1.2), ((12, 42), (-30, 30), (-14, 34)))

    @property
    def seed_mm(self) -> Triple:
        """Where the infarct starts."""
        return self.value[0]

    @property
    def reach(self) -> Triple:
        """Relative extent along each axis."""
        return self.value[1]

    @property
    def box_mm(self) -> tuple[tuple[float, float], ...]:
        """Bounds along each axis."""
        return self.value[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """An infarct of one place; volume, border and seed as those of a ``Wedge``."""

    place: Place
    volume_ml: float
    side: Side
    rim_mm: float
    shape_seed: int
    effacement: float = 0.3


def with_territory(
    head: Head, territory: Territory, becomes: Mapping[Tissue, Tissue] = ALIKE
) -> Head:
    """Head with an infarct of another artery in it.

    Parameters
    ----------
    head, territory
        Where and what.
    becomes
        What each tissue turns into: ``lesion.ALIKE`` or ``lesion.BY_TISSUE``.
    """
    rng = np.random.default_rng(territory.shape_seed)
    score = _score(head, territory, rng)
    prone = prone_tissue(head, territory.effacement)
    profile = infarct_profile(prone, score, territory.volume_ml, territory.rim_mm)
    return infarcted(head, prone, profile, becomes)


def _score(head: Head, territory: Territory, rng: np.random.Generator) -> Field:
    """Nearness to the seed, mm; what leaves the box falls behind steeply."""
    x, y, z = head.atlas_mm
    position = (x * territory.side.value, y, z)
    place = territory.place
    seed = np.add(place.seed_mm, rng.normal(0, 3.0, size=3))
    reach = np.multiply(place.reach, rng.uniform(0.8, 1.25, size=3))
    away = [(p - s) / r for p, s, r in zip(position, seed, reach, strict=True)]
    distance = np.sqrt(sum(a * a for a in away))
    for p, (low, high) in zip(position, place.box_mm, strict=True):
        distance += 3 * np.maximum(low - p, 0) + 3 * np.maximum(p - high, 0)
    shape = (x.shape[0], x.shape[1], x.shape[2])
    for knot_mm, size_mm in ((16.0, 3.0), (7.0, 1.6)):
        distance += size_mm * domain.smooth_field(
            rng, shape=shape, step_mm=domain.COARSE_STEPS_MM, knot_mm=knot_mm
        )
    return domain.refine((-distance).astype(np.float32))
