"""Final outline of an infarct on CT: blood it holds taken in, fluid it runs into given up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.ct_plane import RoughOutline
from corelab.kernels.half_maximum import border_range, settle_border
from corelab.kernels.morphology import (
    close_disc,
    dilate_disc,
    fill_small_holes,
    keep_larger_than,
    keep_touching,
    open_disc,
)
from corelab.kernels.reduction import bounding_box
from corelab.kernels.tissue_ct import CALCIUM_HU, CtTissue, even_depths, even_slices

Mask = NDArray[np.bool_]

MARGIN_MM = 25.0
HALO_MM = 6.0
ROUNDS = 3
HOLE_MM2 = 60.0
SMOOTH_MM = 1.5
SPECK_MM2 = 15.0
"""Noise digs holes of this size; a sulcus is longer."""

SPECK_HU = 4.0
"""What a sulcus of 2 mm stays below, blurred, above what fluid and infarct share; a dark spot
of noise does not."""

BLOOD_BORDER_HU = 42.0
"""Halfway between an infarct (21 HU) and clot (62 HU)."""

BLOOD_CORE_MM = 1.0
BLOOD_RIM_MM = 4.0
BLOOD_REACH_MM = 3.0
BLOOD_HELD_SHARE = 0.4
"""Share of a bleed's surroundings that is infarct, from which on the infarct holds it."""


class Outline(NamedTuple):
    """An infarct, its blood, and how far its border can be argued.

    Attributes
    ----------
    mask, low, high, blood : (I, J, K) bool array
        ``low`` and ``blood`` lie in ``mask``, ``mask`` in ``high``.
    """

    mask: Mask
    low: Mask
    high: Mask
    blood: Mask


def outline_infarct(tissue: CtTissue, rough: RoughOutline, p: CtParameters) -> Outline:
    """Outline of an infarct from a region grown roughly.

    Parameters
    ----------
    tissue
        Sorted tissues.
    rough
        Holds at least one voxel.
    p
        Numbers of the method.
    """
    i, j, _ = tissue.spacing_mm
    box = bounding_box(rough.mask, (int(MARGIN_MM / i), int(MARGIN_MM / j), 0))
    healthy = ~dilate_disc(rough.mask, HALO_MM, spacing_mm=tissue.spacing_mm)
    density = even_depths(tissue, even_slices(tissue, healthy), healthy)[box]
    local = _outline(tissue.cropped(box), density, rough.cropped(box), p)
    whole = [np.zeros_like(rough.mask) for _ in local]
    for full, part in zip(whole, local, strict=True):
        full[box] = part
    return Outline(*whole)


def _outline(
    tissue: CtTissue,
    density: NDArray[np.float32],
    rough: RoughOutline,
    p: CtParameters,
) -> Outline:
    settled = settle_border(tissue, density, rough.mask, rounds=ROUNDS)
    blood = _blood_held(tissue, rough.mask | settled, p)
    mask = _shaped(tissue, settled, blood, p)
    stricter, wider = border_range(tissue, density, settled, step=p.border_step)
    stricter &= ~rough.lost
    wider |= rough.gained & tissue.parenchyma
    low = _shaped(tissue, stricter, blood & mask, p) & mask
    high = _shaped(tissue, wider, blood, p) | mask
    return Outline(mask, low, high, blood & mask)


def _blood_held(tissue: CtTissue, grown: Mask, p: CtParameters) -> Mask:
    """Bleeds that the infarct holds, or borders on for a good part."""
    step = tissue.spacing_mm
    solid = open_disc(tissue.bright, BLOOD_CORE_MM, spacing_mm=step)
    bleeds = keep_larger_than(solid, p.blood_min_ml / tissue.voxel_ml)
    bleeds &= ~keep_touching(bleeds, bleeds & (tissue.hu > CALCIUM_HU))
    if not bleeds.any():
        return bleeds
    around = dilate_disc(bleeds, BLOOD_REACH_MM, spacing_mm=step) & tissue.brain
    shell = around & ~bleeds
    near = dilate_disc(grown, BLOOD_REACH_MM, spacing_mm=step)
    labels, count = ndimage.label(around)
    whole = np.bincount(labels[shell], minlength=count + 1)
    held = np.bincount(labels[shell & near], minlength=count + 1)
    inside = held >= BLOOD_HELD_SHARE * np.maximum(whole, 1)
    inside[0] = False
    core = bleeds & inside[labels]
    return dilate_disc(core, BLOOD_RIM_MM, spacing_mm=step) & (tissue.hu > BLOOD_BORDER_HU)


def _shaped(tissue: CtTissue, settled: Mask, blood: Mask, p: CtParameters) -> Mask:
    """Gaps closed, fluid given up, slivers and crumbs dropped."""
    if not settled.any():
        return settled
    step = tissue.spacing_mm
    found = settled | blood
    # Closed together with the skull: bone and CSF blur the infarct's rim below it.
    closed = close_disc(found | ~tissue.brain, p.close_mm, spacing_mm=step) & tissue.brain
    whole = closed & dilate_disc(found, p.close_mm, spacing_mm=step)
    whole = fill_small_holes(whole, HOLE_MM2 / (step[0] * step[1]))
    core_hu = float(np.median(tissue.hu[settled]))
    halfway_hu = (tissue.fluid_hu + core_hu) / 2
    dark = (tissue.hu < halfway_hu) & (tissue.broad_hu < halfway_hu + SPECK_HU)
    fluid = tissue.wide_fluid | dark
    # What is as dark but leads nowhere is the softest part of the infarct: ventricles, sulci
    # and scars that open into them go on beyond it.
    fluid = keep_touching(fluid, fluid & ~whole)
    solid = open_disc(whole & ~fluid, SMOOTH_MM, spacing_mm=step)
    filled = fill_small_holes(solid, SPECK_MM2 / (step[0] * step[1]))
    kept = keep_touching(filled, settled & filled)
    return keep_larger_than(kept, p.component_min_ml / tissue.voxel_ml)
