"""Mass effect of a large fresh infarct: the brain moves away from it within the skull."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import truth_fraction
from corelab.phantom.tissue import Tissue

Field = NDArray[np.float32]

# What moves: everything within the skull but the fluid, which gives way.
_MOVING = (
    Tissue.GREY,
    Tissue.WHITE,
    Tissue.LEUKOARAIOSIS,
    Tissue.INFARCT,
    Tissue.BLOOD,
    Tissue.DURA,
    Tissue.INFARCTED_WHITE,
    Tissue.HAEMATOMA,
)
_REACH_NODES = 9.0
_FREE_DEPTH_MM = 16.0


def with_mass_effect(head: Head, shift_mm: float) -> Head:
    """Head after its infarct swelled: larger infarct, pushed midline, smaller ventricle.

    Parameters
    ----------
    head
        A head with an infarct.
    shift_mm
        Largest displacement, up to about 10 mm.

    Notes
    -----
    The infarct grows with the swelling, as on a scan: take the truth afterwards.
    """
    push = _push(head, shift_mm)
    box = ndimage.find_objects((head.depth_mm > 0).astype(np.uint8))[0]
    source = -np.stack([component[box] for component in push])
    for axis, nodes in enumerate(np.ogrid[box]):
        source[axis] += nodes
    moved = {
        tissue: ndimage.map_coordinates(head.fractions[tissue], source, order=1, output=np.float32)
        for tissue in _MOVING
        if tissue in head.fractions
    }
    before = sum(head.fractions[tissue][box] for tissue in (*moved, Tissue.CSF))
    solid = sum(moved.values())
    # Where more was pushed in than there is room for, all of it gives way alike.
    fit = np.minimum(1, before / np.maximum(solid, 1e-6))
    inside = {tissue: field * fit for tissue, field in moved.items()}
    inside[Tissue.CSF] = before - solid * fit
    changed = {tissue: head.fractions[tissue].copy() for tissue in inside}
    for tissue, field in inside.items():
        changed[tissue][box] = field
    return head.with_fractions(changed)


def _push(head: Head, shift_mm: float) -> list[Field]:
    lesion = np.ascontiguousarray(truth_fraction(head)[::2, ::2, ::2])
    spread = ndimage.gaussian_filter(lesion, _REACH_NODES)
    away = -np.stack(np.gradient(spread))
    away *= shift_mm / np.linalg.norm(away, axis=0).max()
    free = np.clip(head.depth_mm[::2, ::2, ::2] / _FREE_DEPTH_MM, 0, 1)
    away *= free * free * (3 - 2 * free)
    return [domain.refine(component.astype(np.float32)) for component in away]
