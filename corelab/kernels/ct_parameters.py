"""Numbers of the infarct segmentation on non-contrast CT."""

from __future__ import annotations

from typing import NamedTuple


class SeedRung(NamedTuple):
    """One of several ways to be a group of seeds.

    Attributes
    ----------
    highest : float
        The ratio to the mirror lies below this,
    spreads : float
        and this many standard deviations of healthy deep parenchyma below 1,
    min_ml : float
        in a connected group of this volume.
    """

    highest: float
    spreads: float
    min_ml: float


RUNGS = (
    SeedRung(highest=0.83, spreads=3.0, min_ml=0.7),
    SeedRung(highest=0.86, spreads=2.5, min_ml=2.5),
)
"""A quarter of infarcts at 24 h have a mean ratio above 0.84: only their size tells them."""

WIDE_RUNGS = (
    SeedRung(highest=0.925, spreads=5.0, min_ml=8.0),
    SeedRung(highest=0.925, spreads=4.4, min_ml=11.0),
    SeedRung(highest=0.925, spreads=3.5, min_ml=18.0),
    SeedRung(highest=0.925, spreads=3.1, min_ml=25.0),
)
"""The larger a group, the fainter it may be: chance makes small ones."""


class CtParameters(NamedTuple):
    """Numbers of the method.

    A net water uptake of 22 % (median at 24 h, MR CLEAN, repub.eur.nl/pub/136304) puts the
    core of a visible infarct at a ratio of 0.78 to its mirror and its border at 0.89; at one
    week 0.73 and 0.865.

    Attributes
    ----------
    seed_rungs : tuple of SeedRung
        What counts as a group of seeds, clearest first: the less a place stands out, the
        larger the group must be.
    seed_lowest : float
        No rung asks for a lower ratio than this, however uneven the scan.
    seed_level : float
        A seed is also darker than this share of its slice's healthy parenchyma.
    wide_rungs : tuple of SeedRung
        What counts as a group on the wide scale: what places lack of their mirror and their
        level together, against what they lack in the brain without the group (root mean
        square).
    wide_outweighs : float
        Such a group is so many times as large as any on the other side.
    sulcus_clearance_mm, ventricle_clearance_mm, edge_clearance_mm : float
        How far a seed keeps from fluid, from wide fluid in its own and the neighbouring
        slices, and from the border of the brain: partial volume is dark too.
    seed_flatness : float
        Least height of a group over the root of its largest section: artefacts fill slices.
    small_ml, small_min_ml : float
        A region smaller than the first needs as many seeds as the second: partial volume with
        fluid and bone, and leukoaraiosis, make small ones.
    faint_core, faint_min_ml : float
        A region whose core is brighter than the first needs as many seeds as the second,
    faintest_core, faintest_min_ml : float
        or, with a core no brighter than this one, to grow to this volume.
    wall_max_ml, wall_share : float
        A smaller region of which more than this share lies on a ventricle is leukoaraiosis,
        which two sides seldom have alike, or the ventricle's own partial volume.
    noisy_slice : float
        A slice this many times as noisy as the median holds streaks and grows no seeds.
    border_lowest, border_highest, border_spreads : float
        The ratio that a region is first grown to lies halfway between its core and 1, kept
        between the first two and as many standard deviations below healthy as the third.
    border_reach_mm : float
        No region goes further from its seeds and from what is nearly as deep as they are.
    border_step : float
        Share of the healthy density by which the border is moved for ``low`` and ``high``,
        while its smoothing and the mid-sagittal plane move too.
    close_mm : float
        Half the width of gaps (vessels, effaced sulci) that the infarct closes.
    blood_min_ml, component_min_ml : float
        Smaller bleeds and pieces are dropped.
    """

    seed_rungs: tuple[SeedRung, ...] = RUNGS
    seed_lowest: float = 0.70
    seed_level: float = 0.90
    wide_rungs: tuple[SeedRung, ...] = WIDE_RUNGS
    wide_outweighs: float = 3.0
    sulcus_clearance_mm: float = 2.5
    ventricle_clearance_mm: float = 4.0
    edge_clearance_mm: float = 3.0
    seed_flatness: float = 0.4
    small_ml: float = 25.0
    small_min_ml: float = 2.5
    faint_core: float = 0.80
    faint_min_ml: float = 3.0
    faintest_core: float = 0.84
    faintest_min_ml: float = 20.0
    wall_max_ml: float = 12.0
    wall_share: float = 0.6
    noisy_slice: float = 1.5
    border_lowest: float = 0.75
    border_highest: float = 0.90
    border_spreads: float = 1.3
    border_reach_mm: float = 10.0
    border_step: float = 0.02
    close_mm: float = 3.0
    blood_min_ml: float = 0.1
    component_min_ml: float = 0.5


DEFAULT = CtParameters()
