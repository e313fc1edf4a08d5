"""Old changes that must not be taken for a new infarct."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.tissue import Tissue

Field = NDArray[np.float32]

_VENTRICLE_DEPTH_MM = 20.0
_FLOOR_MM = -12.0
# MNI152 box of the basal ganglia and the white matter around them: x to the side, y, z.
_DEEP_BOX_MM = ((12, 32), (-22, 18), (-2, 24))


def with_leukoaraiosis(head: Head, reach_mm: float, rng: np.random.Generator) -> Head:
    """Head whose white matter is changed around the ventricles, on both sides nearly alike.

    Parameters
    ----------
    head
        The head to age.
    reach_mm
        How far the change goes from the ventricles' walls: 3 is mild, 9 severe.
    rng
        Source of the unevenness.
    """
    away = _ventricle_distance(head)
    away += 2.2 * _wave(head, rng, knot_mm=9.0)
    spots = _wave(head, rng, knot_mm=5.0)
    deep = (away < 3.0 * reach_mm) & (spots > 2.1)  # noqa: PLR2004 - standard deviations
    near = np.clip((reach_mm - away) / 3 + 0.5, 0, 1)
    share = domain.refine(np.maximum(near, 0.8 * deep).astype(np.float32)).clip(0, 1)
    white = head.fraction(Tissue.WHITE)
    changed = share * white * np.float32(0.85)
    return head.with_fractions(
        {
            Tissue.WHITE: white - changed,
            Tissue.LEUKOARAIOSIS: head.fraction(Tissue.LEUKOARAIOSIS) + changed,
        }
    )


def with_lacune(head: Head, radius_mm: float, rng: np.random.Generator) -> Head:
    """Head with an old lacune: a small hole of fluid in the deep tissue of one side."""
    x, y, z = head.atlas_mm
    side = rng.choice([-1, 1])
    inside = np.ones(x.shape, dtype=bool)
    for axis, (low, high) in zip((x * side, y, z), _DEEP_BOX_MM, strict=True):
        inside &= (axis > low) & (axis < high)
    brain = (head.fraction(Tissue.GREY) + head.fraction(Tissue.WHITE))[::2, ::2, ::2]
    places = np.argwhere(inside & (brain > 0.95))  # noqa: PLR2004 - all but pure brain
    centre = 2 * places[rng.integers(len(places))]
    squash = rng.uniform(0.8, 1.25, size=3)
    reach = int(2 * radius_mm) + 2
    box = tuple(slice(int(c) - reach, int(c) + reach + 1) for c in centre)
    nodes = np.ogrid[box]
    away = np.sqrt(sum(((n - c) * s) ** 2 for n, c, s in zip(nodes, centre, squash, strict=True)))
    share = np.zeros(domain.SHAPE, dtype=np.float32)
    share[box] = np.clip(radius_mm - away + 0.5, 0, 1)
    return with_cavity(head, share)


def with_cavity(head: Head, share: Field) -> Head:
    """Head with a share of its brain tissue replaced by fluid.

    Parameters
    ----------
    head
        The head to hollow.
    share : (I, J, K) float32 array
        Part of the tissue that is gone at each node, 0 to 1.
    """
    changed: dict[Tissue, Field] = {}
    fluid = head.fraction(Tissue.CSF).copy()
    for tissue in (Tissue.GREY, Tissue.WHITE, Tissue.LEUKOARAIOSIS):
        if tissue in head.fractions:
            gone = share * head.fractions[tissue]
            changed[tissue] = head.fractions[tissue] - gone
            fluid += gone
    return head.with_fractions({**changed, Tissue.CSF: fluid})


def _ventricle_distance(head: Head) -> Field:
    """Distance from the lateral ventricles on every second node, mm."""
    fluid = head.fraction(Tissue.CSF)[::2, ::2, ::2] > 0.6  # noqa: PLR2004 - mostly fluid
    x, _, z = head.atlas_mm
    deep = head.depth_mm[::2, ::2, ::2] > _VENTRICLE_DEPTH_MM
    ventricles = fluid & deep & (z > _FLOOR_MM) & (np.abs(x) < 38)  # noqa: PLR2004 - atlas mm
    labels, count = ndimage.label(ventricles)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    kept = np.isin(labels, 1 + np.flatnonzero(sizes > 60))  # noqa: PLR2004 - 0.5 mL
    return np.asarray(2 * ndimage.distance_transform_edt(~kept), dtype=np.float32)


def _wave(head: Head, rng: np.random.Generator, *, knot_mm: float) -> Field:
    """Random unevenness, three quarters of it alike on both sides."""
    x = head.atlas_mm[0]
    shape = (x.shape[0], x.shape[1], x.shape[2])
    wave = domain.smooth_field(rng, shape=shape, step_mm=domain.COARSE_STEPS_MM, knot_mm=knot_mm)
    return np.asarray(0.6 * wave + 0.6 * wave[::-1], dtype=np.float32)
