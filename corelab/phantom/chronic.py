"""Old changes that must not be taken for a new infarct."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import truth_fraction
from corelab.phantom.tissue import Tissue

Field = NDArray[np.float32]

_VENTRICLE_DEPTH_MM = 20.0
_FLOOR_MM = -12.0
_SCAR_RIM_MM = 1.5
_SCAR_EDGE, _SCAR_SLOPE = 0.7, 0.4
_PURE = 0.9
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


def with_old_infarct(head: Head) -> Head:
    """Head whose infarct became a scar years ago: fluid with a rim of gliosis.

    Parameters
    ----------
    head
        A head with a fresh infarct and no blood in it; draw it without effacement, since a
        scar takes no room.
    """
    fresh = head.fraction(Tissue.INFARCT)
    core = ndimage.gaussian_filter(fresh, _SCAR_RIM_MM)
    hollow = np.clip((core - _SCAR_EDGE) / _SCAR_SLOPE + 0.5, 0, 1)
    fluid = fresh * hollow
    return head.with_fractions(
        {
            Tissue.INFARCT: np.zeros_like(fresh),
            Tissue.CSF: head.fraction(Tissue.CSF) + fluid,
            Tissue.LEUKOARAIOSIS: head.fraction(Tissue.LEUKOARAIOSIS) + (fresh - fluid),
        }
    )


def with_haematoma(head: Head, volume_ml: float, rng: np.random.Generator) -> Head:
    """Head with blood that no infarct holds: a lump in the deep white matter of one side.

    Parameters
    ----------
    head
        Where it bleeds; infarcted tissue is spared.
    volume_ml
        Wanted size, met where the white matter around has room.
    rng
        Source of place and shape.
    """
    centre = _white_place(head, rng)
    squash = rng.uniform(0.75, 1.35, size=3)
    nodes = np.ogrid[tuple(slice(0, n) for n in domain.SHAPE)]
    away = np.sqrt(sum(((n - c) * s) ** 2 for n, c, s in zip(nodes, centre, squash, strict=True)))
    radius_mm = (volume_ml * 1000 * np.prod(squash) * 3 / (4 * np.pi)) ** (1 / 3)
    share = np.clip(radius_mm - away + 0.5, 0, 1).astype(np.float32)
    changed: dict[Tissue, Field] = {}
    blood = head.fraction(Tissue.HAEMATOMA).copy()
    for tissue in (Tissue.GREY, Tissue.WHITE, Tissue.LEUKOARAIOSIS):
        if tissue in head.fractions:
            taken = share * head.fractions[tissue]
            changed[tissue] = head.fractions[tissue] - taken
            blood += taken
    return head.with_fractions({**changed, Tissue.HAEMATOMA: blood})


def _white_place(head: Head, rng: np.random.Generator) -> NDArray[np.int64]:
    """Node in pure white matter, away from the falx, the skull and any infarct."""
    x, _, z = head.atlas_mm
    white = head.fraction(Tissue.WHITE)[::2, ::2, ::2] > _PURE
    lateral = (np.abs(x) > 18) & (z > _FLOOR_MM)  # noqa: PLR2004 - atlas mm
    deep = head.depth_mm[::2, ::2, ::2] > _VENTRICLE_DEPTH_MM
    lesion = truth_fraction(head)[::2, ::2, ::2] > 0
    near = ndimage.binary_dilation(lesion, iterations=8) if lesion.any() else lesion
    places = np.argwhere(white & lateral & deep & ~near)
    return np.asarray(2 * places[rng.integers(len(places))])


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
