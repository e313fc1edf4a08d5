"""Infarcts of known volume: territorial wedges, scattered emboli, and blood inside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.tissue import Tissue

Field = NDArray[np.float32]


_TISSUE = (Tissue.GREY, Tissue.WHITE, Tissue.LEUKOARAIOSIS)
_DEAD = (Tissue.INFARCT, Tissue.INFARCTED_WHITE)

# What each tissue becomes when it dies: one kind for all, or white matter kept darker.
ALIKE: Mapping[Tissue, Tissue] = {}
BY_TISSUE: Mapping[Tissue, Tissue] = {
    Tissue.WHITE: Tissue.INFARCTED_WHITE,
    Tissue.LEUKOARAIOSIS: Tissue.INFARCTED_WHITE,
}
# Where emboli lodge: both tissues in one place, atlas mm, mm below the skull.
_BORDER_SHARE = 0.25
_MIDLINE_MM, _LATERAL_MM, _LOW_MM, _HIGH_MM, _RIND_MM = 4, 14, -8, 55, 6
# Fluid this close to the skull lies in sulci, deeper down in ventricles and cisterns.
_SULCUS_DEPTH_MM = 22.0


class Side(Enum):
    """Hemisphere, the patient's own; the value is the sign of x there."""

    LEFT = -1
    RIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wedge:
    """A territorial infarct of the middle cerebral artery.

    Parameters
    ----------
    volume_ml
        Wanted volume; the true one is measured on the result.
    side
        Hemisphere.
    rim_mm
        Width of the soft border, 2 to 4 mm.
    shape_seed
        Same seed, same place and outline: a grown infarct of a later visit contains the
        earlier one.
    effacement
        Share of the fluid in the infarct's sulci that its swollen tissue takes up.
    """

    volume_ml: float
    side: Side
    rim_mm: float
    shape_seed: int
    effacement: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Emboli:
    """Several small infarcts, most of them at the border of cortex and white matter."""

    volume_ml: float
    side: Side
    count: int
    rim_mm: float
    shape_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Exact volumes of a lesion: integrals of its fraction over space.

    ``haemorrhage_in_infarct_ml`` is part of ``infarct_volume_ml``.
    """

    infarct_volume_ml: float
    haemorrhage_in_infarct_ml: float


def truth_of(head: Head) -> Truth:
    """Exact infarct and blood volumes of a head, independent of any image's grid."""
    blood = float(head.fraction(Tissue.BLOOD).sum(dtype=np.float64)) / 1000
    dead = sum(float(field.sum(dtype=np.float64)) / 1000 for field in _dead(head).values())
    return Truth(infarct_volume_ml=dead + blood, haemorrhage_in_infarct_ml=blood)


def truth_fraction(head: Head) -> Field:
    """Fraction of infarct, blood inside it included, (I, J, K) float32."""
    return sum(_dead(head).values()) + head.fraction(Tissue.BLOOD)


def with_wedge(head: Head, wedge: Wedge, becomes: Mapping[Tissue, Tissue] = ALIKE) -> Head:
    """Head with a territorial infarct in it.

    Parameters
    ----------
    head, wedge
        Where and what.
    becomes
        What each tissue turns into: ``ALIKE`` or ``BY_TISSUE``.
    """
    rng = np.random.default_rng(wedge.shape_seed)
    score = _wedge_score(head, wedge, rng)
    prone = prone_tissue(head, wedge.effacement)
    profile = infarct_profile(prone, score, wedge.volume_ml, wedge.rim_mm)
    return infarcted(head, prone, profile, becomes)


def with_emboli(head: Head, emboli: Emboli, becomes: Mapping[Tissue, Tissue] = ALIKE) -> Head:
    """Head with scattered small infarcts in it; parameters as those of ``with_wedge``."""
    rng = np.random.default_rng(emboli.shape_seed)
    score = _emboli_score(head, emboli, rng)
    prone = prone_tissue(head, 0.0)
    profile = infarct_profile(prone, score, emboli.volume_ml, emboli.rim_mm)
    return infarcted(head, prone, profile, becomes)


def with_blood(head: Head, volume_ml: float, rng: np.random.Generator) -> Head:
    """Head with haemorrhagic transformation inside its infarct."""
    dead = _dead(head)
    infarct = np.asarray(sum(dead.values()), dtype=np.float32)
    box = grown_box(infarct > 0, 1)
    inside = infarct[box]
    i, j, k = inside.shape
    texture = domain.smooth_field(rng, shape=(i, j, k), step_mm=domain.STEPS_MM, knot_mm=7.0)
    score = ndimage.gaussian_filter(inside, 6.0) + np.float32(0.12) * texture
    score[inside < 0.9] = -1  # noqa: PLR2004 - blood keeps off the soft border
    blood = np.zeros(domain.SHAPE, dtype=np.float32)
    blood[box] = _soft_top(score, inside, volume_ml, 0.04) * inside
    wet = infarct > 0
    kept = {
        tissue: field - blood * np.divide(field, infarct, out=np.zeros_like(field), where=wet)
        for tissue, field in dead.items()
    }
    return head.with_fractions({Tissue.BLOOD: blood, **kept})


def _dead(head: Head) -> dict[Tissue, Field]:
    """Infarcted tissue without blood; zeros where the head has none."""
    found = {tissue: head.fractions[tissue] for tissue in _DEAD if tissue in head.fractions}
    return found or {Tissue.INFARCT: head.fraction(Tissue.INFARCT)}


def _wedge_score(head: Head, wedge: Wedge, rng: np.random.Generator) -> Field:
    """Nearness to the wedge's core, mm: the infarct is where it exceeds a threshold."""
    x, y, z = head.atlas_mm
    lateral = x * wedge.side.value
    apex = np.array([rng.uniform(28, 36), rng.uniform(-14, 10), rng.uniform(-2, 10)])
    aim = np.array([1.0, rng.uniform(-0.8, 0.6), rng.uniform(-0.1, 0.9)])
    aim /= np.linalg.norm(aim)
    offset = (lateral - apex[0], y - apex[1], z - apex[2])
    along = sum(o * a for o, a in zip(offset, aim, strict=True))
    across = np.sqrt(np.maximum(sum(o**2 for o in offset) - along**2, 0))
    widening = np.clip(0.55 + along / 45, 0.45, 1.5)
    distance = np.hypot(across / widening, np.where(along > 0, 0.35, 1.3) * along)
    barrier = _ramp(20 - lateral, 1.5) + _ramp(-62 - y, 1.2) + _ramp(y - 52, 0.8)
    barrier += (
        _ramp(-20 - z + 0.35 * (y + 20), 1.5) + _ramp(z - 62, 0.8) + 200 * (lateral < _MIDLINE_MM)
    )
    shape = (x.shape[0], x.shape[1], x.shape[2])
    for knot_mm, size_mm in ((22.0, 5.5), (9.0, 3.2)):
        distance += size_mm * domain.smooth_field(
            rng, shape=shape, step_mm=(2.0,) * 3, knot_mm=knot_mm
        )
    return domain.refine((-distance - barrier).astype(np.float32))


def _ramp(value: Field, slope: float) -> Field:
    return np.asarray(slope * np.maximum(value, 0), dtype=np.float32)


def _emboli_score(head: Head, emboli: Emboli, rng: np.random.Generator) -> Field:
    x, _, z = head.atlas_mm
    grey = head.fraction(Tissue.GREY)[::2, ::2, ::2]
    white = head.fraction(Tissue.WHITE)[::2, ::2, ::2]
    border = np.minimum(grey, white) > _BORDER_SHARE
    border &= (x * emboli.side.value > _LATERAL_MM) & (z > _LOW_MM) & (z < _HIGH_MM)
    border &= head.depth_mm[::2, ::2, ::2] > _RIND_MM
    places = np.argwhere(border)
    score = np.full(x.shape, -1e3, dtype=np.float32)
    shape = (x.shape[0], x.shape[1], x.shape[2])
    wobble = 1.2 * domain.smooth_field(rng, shape=shape, step_mm=(2.0,) * 3, knot_mm=6.0)
    nodes = np.ogrid[tuple(slice(0, n) for n in x.shape)]
    for place in places[rng.choice(len(places), emboli.count, replace=False)]:
        radius = rng.uniform(0, 5)
        squash = rng.uniform(0.7, 1.4, size=3)
        away = 2 * np.sqrt(
            sum(((n - p) * s) ** 2 for n, p, s in zip(nodes, place, squash, strict=True))
        )
        score = np.maximum(score, radius - away + wobble)
    return domain.refine(score.astype(np.float32))


def prone_tissue(head: Head, effacement: float) -> dict[Tissue, Field]:
    """Tissue that can become infarct: grey and white matter, a share of the sulci."""
    prone = {tissue: head.fractions[tissue] for tissue in _TISSUE if tissue in head.fractions}
    if effacement:
        sulci = head.depth_mm < _SULCUS_DEPTH_MM
        prone[Tissue.CSF] = np.float32(effacement) * head.fraction(Tissue.CSF) * sulci
    return prone


def infarct_profile(
    prone: dict[Tissue, Field], score: Field, volume_ml: float, rim_mm: float
) -> Field:
    """Infarcted share of what is prone, 0 to 1, with a border as wide as asked."""
    tissue = sum(prone.values(), start=np.zeros(domain.SHAPE, dtype=np.float32))
    mask = score > _threshold(score, tissue, volume_ml)
    box = grown_box(mask, int(np.ceil(rim_mm)) + 4)
    distance = ndimage.distance_transform_edt(mask[box]) - ndimage.distance_transform_edt(
        ~mask[box]
    )
    smooth = ndimage.gaussian_filter(distance.astype(np.float32), 0.8)
    profile = np.zeros(domain.SHAPE, dtype=np.float32)
    profile[box] = _soft_top(smooth, tissue[box], volume_ml, rim_mm)
    return profile


def _threshold(score: Field, tissue: Field, volume_ml: float) -> float:
    wet = tissue > 0
    values, weights = score[wet], tissue[wet]
    high = values > np.quantile(values, max(0.0, 1 - 3000 * volume_ml / weights.sum()))
    order = np.argsort(values[high])[::-1]
    filled = np.cumsum(weights[high][order], dtype=np.float64)
    at = min(int(np.searchsorted(filled, volume_ml * 1000)), len(filled) - 1)
    return float(values[high][order][at])


def _soft_top(score: Field, tissue: Field, volume_ml: float, width: float) -> Field:
    """Smooth step over the score's top, its threshold set so that the volume is as wanted."""
    low, high = float(score.min()), float(score.max())
    cover = np.zeros_like(score)
    for _ in range(32):
        middle = (low + high) / 2
        t = np.clip((score - middle) / np.float32(width) + np.float32(0.5), 0, 1)
        cover = t * t * (3 - 2 * t)
        if float((cover * tissue).sum(dtype=np.float64)) > volume_ml * 1000:
            low = middle
        else:
            high = middle
    return cover


def grown_box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, ...]:
    """Box around a mask and so many nodes more."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    return tuple(
        slice(max(0, s.start - margin), min(n, s.stop + margin))
        for s, n in zip(box, mask.shape, strict=True)
    )


def infarcted(
    head: Head, prone: dict[Tissue, Field], profile: Field, becomes: Mapping[Tissue, Tissue]
) -> Head:
    """Head whose prone tissue is infarcted as far as a profile says, 0 to 1 at each node."""
    changed: dict[Tissue, Field] = {}
    for tissue, field in prone.items():
        taken = field * profile
        changed[tissue] = head.fractions[tissue] - taken
        target = becomes.get(tissue, Tissue.INFARCT)
        if target not in changed:
            changed[target] = head.fraction(target).copy()
        changed[target] += taken
    return head.with_fractions(changed)
