"""Which heads are measured: every factor spread evenly over each half, joined at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

import numpy as np

from corelab.vocab import Modality

SEED = 20261125


@unique
class Half(StrEnum):
    """What a head may be used for: to improve the method, or only to report it."""

    TUNING = "tuning"
    REPORTED = "reported"


@unique
class Kind(StrEnum):
    """What is fresh in a head."""

    NONE = "none"
    EMBOLI = "emboli"
    SHOWER = "shower"
    MCA = "mca"
    LARGE_MCA = "large_mca"
    DEEP = "deep"
    OCCIPITAL = "occipital"
    CEREBELLAR = "cerebellar"
    MEDIAL = "medial"
    BILATERAL = "bilateral"


@unique
class Cut(StrEnum):
    """What of the head the field of view leaves out."""

    WHOLE = "whole"
    BASE = "base"
    VERTEX = "vertex"
    NARROW = "narrow"


@unique
class Vendor(StrEnum):
    """Two ways to make diffusion images: blanked and sharp, or noisy and interpolated."""

    BLANKED = "blanked"
    INTERPOLATED = "interpolated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesions:
    """What is wrong with a head.

    Parameters
    ----------
    kind, volume_ml
        The fresh infarct; its volume before swelling.
    shift_mm
        Mass effect.
    blood_share
        Part of the infarct that bled.
    outside_blood_ml
        Blood that lies elsewhere.
    leukoaraiosis_mm
        Reach from the ventricles.
    old_ml
        An old infarct that became a cavity.
    bulge_mm
        The skull is open on the infarct's side and the brain stands out so far; ``None``: closed.
    """

    kind: Kind
    volume_ml: float
    shift_mm: float
    blood_share: float
    outside_blood_ml: float
    leukoaraiosis_mm: float
    old_ml: float
    bulge_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How a head is scanned.

    Parameters
    ----------
    day
        Since the stroke.
    thickness_mm, noise, cut
        Of the slices; noise in HU, or relative to a usual diffusion image.
    turn_deg, lie_mm
        How the head lies.
    tilt_deg, depth_hu
        CT: gantry tilt, and how far the infarct lies below its surroundings.
    vendor, b_value_s_mm2, has_b0, has_flair
        Diffusion.
    """

    day: int
    thickness_mm: float
    noise: float
    cut: Cut
    turn_deg: tuple[float, float, float]
    lie_mm: tuple[float, float, float]
    tilt_deg: float = 0.0
    depth_hu: float = 0.0
    vendor: Vendor = Vendor.BLANKED
    b_value_s_mm2: float = 1000.0
    has_b0: bool = True
    has_flair: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One head of the benchmark: all that it is made of, before it is made."""

    name: str
    half: Half
    modality: Modality
    seed: int
    lesions: Lesions
    scan: Scan


_CT_KINDS = (
    *(Kind.NONE,) * 4,
    *(Kind.EMBOLI,) * 2,
    *(Kind.DEEP,) * 2,
    *(Kind.MCA,) * 5,
    *(Kind.LARGE_MCA,) * 3,
    Kind.OCCIPITAL,
    *(Kind.CEREBELLAR,) * 2,
    Kind.BILATERAL,
)
_MR_KINDS = (
    *(Kind.NONE,) * 5,
    *(Kind.EMBOLI,) * 11,
    *(Kind.SHOWER,) * 2,
    *(Kind.MCA,) * 4,
    Kind.LARGE_MCA,
    Kind.DEEP,
    Kind.OCCIPITAL,
    Kind.CEREBELLAR,
    Kind.MEDIAL,
    Kind.BILATERAL,
)
# Least and most mL on CT and on DWI.
_SIZES_ML = {
    Kind.EMBOLI: ((0.5, 3.0), (0.3, 1.0)),
    Kind.SHOWER: ((1.5, 6.0), (1.2, 6.0)),
    Kind.DEEP: ((1.5, 10.0), (1.0, 8.0)),
    Kind.MCA: ((10.0, 85.0), (4.0, 70.0)),
    Kind.LARGE_MCA: ((90.0, 195.0), (90.0, 180.0)),
    Kind.OCCIPITAL: ((14.0, 50.0), (5.0, 40.0)),
    Kind.CEREBELLAR: ((12.0, 34.0), (2.0, 25.0)),
    Kind.MEDIAL: ((10.0, 30.0), (2.0, 15.0)),
    Kind.BILATERAL: ((25.0, 70.0), (8.0, 40.0)),
}
# Water gathers in an infarct over days: deeper ones are later.
_LATE_DEPTH_HU = 10.5
_STREAMS = {
    (modality, half): number
    for number, (modality, half) in enumerate((m, h) for m in Modality for h in Half)
}


def plans(half: Half, modality: Modality) -> tuple[Plan, ...]:
    """All heads of one half and modality, the same ones at every call."""
    rng = np.random.default_rng([SEED, _STREAMS[modality, half]])
    kinds = _CT_KINDS if modality is Modality.NCCT else _MR_KINDS
    lesions = _lesions(kinds, modality, rng)
    scans = (_ct_scans if modality is Modality.NCCT else _mr_scans)(lesions, rng)
    word = modality.contrast.value
    return tuple(
        Plan(
            name=f"{word}_{n:02d}_{lesion.kind.value}",
            half=half,
            modality=modality,
            seed=int(rng.integers(2**31)),
            lesions=lesion,
            scan=scan,
        )
        for n, (lesion, scan) in enumerate(zip(lesions, scans, strict=True), start=1)
    )


def _lesions(
    kinds: Sequence[Kind], modality: Modality, rng: np.random.Generator
) -> tuple[Lesions, ...]:
    is_ct = modality is Modality.NCCT
    n = len(kinds)
    sizes = _sizes(kinds, is_ct=is_ct, rng=rng)
    has = {
        "leukoaraiosis": _chosen(n, 0.4, rng),
        "old": _chosen(n, 0.15, rng),
        "outside": _chosen(n, 0.1, rng),
    }
    territorial = [k not in (Kind.NONE, Kind.EMBOLI, Kind.SHOWER, Kind.DEEP) for k in kinds]
    bled = _chosen_of(territorial, 0.4, rng)
    opened = _chosen_of([is_ct and k in (Kind.MCA, Kind.LARGE_MCA) for k in kinds], 0.4, rng)
    found = []
    for i, kind in enumerate(kinds):
        found.append(
            Lesions(
                kind=kind,
                volume_ml=sizes[i],
                shift_mm=rng.uniform(4, 9) if kind is Kind.LARGE_MCA else 0.0,
                blood_share=rng.uniform(0.06, 0.3) if bled[i] else 0.0,
                outside_blood_ml=rng.uniform(3, 12) if has["outside"][i] else 0.0,
                leukoaraiosis_mm=rng.uniform(3, 9) if has["leukoaraiosis"][i] else 0.0,
                old_ml=rng.uniform(8, 40) if has["old"][i] else 0.0,
                bulge_mm=rng.uniform(-3, 9) if opened[i] else None,
            )
        )
    return tuple(found)


def _sizes(kinds: Sequence[Kind], *, is_ct: bool, rng: np.random.Generator) -> list[float]:
    """Volumes, log-uniform and evenly spread within each kind's range."""
    places: dict[Kind, list[float]] = {}
    for kind in dict.fromkeys(kinds):
        places[kind] = list(_spread(kinds.count(kind), rng))
    sizes = []
    for kind in kinds:
        share = places[kind].pop()
        if kind is Kind.NONE:
            sizes.append(0.0)
            continue
        low, high = _SIZES_ML[kind][0 if is_ct else 1]
        sizes.append(float(low * (high / low) ** share))
    return sizes


def _ct_scans(lesions: Sequence[Lesions], rng: np.random.Generator) -> list[Scan]:
    n = len(lesions)
    depths = 5 + 11 * _spread(n, rng)
    tilts = np.where(_chosen(n, 0.35, rng), 0, rng.choice([-1, 1], n) * (4 + 21 * _spread(n, rng)))
    thickness = rng.permutation(np.resize([2.5, 3.0, 4.0, 5.0, 5.0, 5.0, 6.0, 7.0, 8.0], n))
    noises = 2.4 + 2.6 * _spread(n, rng)
    return [
        Scan(
            day=1 if depths[i] < _LATE_DEPTH_HU else 5,
            thickness_mm=float(thickness[i]),
            noise=float(noises[i]),
            cut=cut,
            turn_deg=turn,
            lie_mm=lie,
            tilt_deg=float(tilts[i]),
            depth_hu=float(depths[i]),
        )
        for i, (cut, turn, lie) in enumerate(_places(lesions, rng))
    ]


def _mr_scans(lesions: Sequence[Lesions], rng: np.random.Generator) -> list[Scan]:
    n = len(lesions)
    b_values = rng.permutation(np.resize([1000.0, 800.0, 1000.0, 1200.0, 1000.0, 1500.0], n))
    thickness = rng.permutation(np.resize([3.0, 4.0, 5.0, 5.0, 6.0], n))
    noises = 0.7 + 0.9 * _spread(n, rng)
    late, blanked = _chosen(n, 0.4, rng), _chosen(n, 0.5, rng)
    flair, no_b0 = _chosen(n, 0.6, rng), _chosen(n, 0.1, rng)
    return [
        Scan(
            day=5 if late[i] else 1,
            thickness_mm=float(thickness[i]),
            noise=float(noises[i]),
            cut=cut,
            turn_deg=turn,
            lie_mm=lie,
            vendor=Vendor.BLANKED if blanked[i] else Vendor.INTERPOLATED,
            b_value_s_mm2=float(b_values[i]),
            has_b0=not no_b0[i],
            has_flair=bool(late[i] and flair[i]),
        )
        for i, (cut, turn, lie) in enumerate(_places(lesions, rng))
    ]


def _places(
    lesions: Sequence[Lesions], rng: np.random.Generator
) -> list[tuple[Cut, tuple[float, float, float], tuple[float, float, float]]]:
    """Field of view and lie of each head; a cut never takes the infarct's own region."""
    n = len(lesions)
    cuts = rng.permutation(np.resize([Cut.BASE, Cut.VERTEX, Cut.NARROW, *(Cut.WHOLE,) * 9], n))
    low = (Kind.CEREBELLAR, Kind.OCCIPITAL)
    found = []
    nods, rolls, turns = (2 * _spread(n, rng) - 1 for _ in range(3))
    for i, lesion in enumerate(lesions):
        cut = Cut(cuts[i])
        if cut is Cut.BASE and lesion.kind in low:
            cut = Cut.VERTEX
        turn = (10 * float(nods[i]), 10 * float(rolls[i]), 15 * float(turns[i]))
        x, y, z = rng.normal(0, 5.0, size=3)
        found.append((cut, turn, (float(x), float(y), float(z))))
    return found


def _spread(n: int, rng: np.random.Generator) -> np.ndarray:
    """One value in each of n equal parts of 0 to 1, in random order."""
    return rng.permutation((np.arange(n) + rng.random(n)) / n)


def _chosen(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Random pick of a share of n."""
    return rng.permutation(np.arange(n) < round(n * share))


def _chosen_of(fit: Sequence[bool], share: float, rng: np.random.Generator) -> np.ndarray:
    """Random pick of a share of those that fit."""
    places = np.flatnonzero(fit)
    picked = np.zeros(len(fit), dtype=bool)
    picked[places[_chosen(len(places), share, rng)]] = True
    return picked
