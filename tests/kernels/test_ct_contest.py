from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.ct_contest import (
    HALF,
    LEAST_VOTE,
    NEIGHBOURS_MM,
    REACH_MM,
    ROUNDS,
    SETTLED_SHARE,
    Ground,
    contest_border,
)
from corelab.kernels.smoothing import TRUNCATE_SIGMA

SPACING_MM = (3.0, 3.0, 5.0)
SHAPE = (40, 40, 3)
NOTHING = np.zeros(SHAPE, dtype=bool)
DISC_MM = 24.0


def a_disc(radius_mm: float = DISC_MM) -> NDArray[np.bool_]:
    i, j, _ = np.indices(SHAPE)
    return np.asarray(np.hypot(i - 19.5, j - 19.5) * 3 <= radius_mm)


def a_ground(darkness: NDArray[np.floating]) -> Ground:
    whole = np.ones(SHAPE, dtype=np.float32)
    return Ground(darkness.astype(np.float32), whole, whole > 0, SPACING_MM)


def settled(
    ground: Ground, start: NDArray[np.bool_], held: NDArray[np.bool_] = NOTHING
) -> NDArray[np.bool_]:
    return np.asarray(contest_border(ground, start, held) > 0)


def uneven(darkness: NDArray[np.floating], seed: int = 4) -> NDArray[np.floating]:
    """Add grey and white matter as unlike each other as an infarct is deep."""
    noise = np.random.default_rng(seed).normal(0, 1, SHAPE)
    blotches = ndimage.gaussian_filter(noise, (1.0, 1.0, 0))
    return darkness + 0.07 * blotches / blotches.std()


@pytest.mark.parametrize("depth", [0.15, 0.3, 0.5])
@pytest.mark.parametrize("start_mm", [18.0, 24.0, 30.0])
def test_a_disc_keeps_its_size_however_deep_it_is_and_wherever_it_starts(
    depth: float, start_mm: float
) -> None:
    dark = depth * ndimage.gaussian_filter(a_disc().astype(float), (1, 1, 0))
    found = settled(a_ground(dark), a_disc(start_mm))
    assert found.sum() == pytest.approx(a_disc().sum(), rel=0.05)


def test_an_uneven_region_is_drawn_better_than_by_a_threshold() -> None:
    ground = a_ground(uneven(0.15 * a_disc()))
    found = settled(ground, a_disc(15.0))
    cut = ground.darkness > 0.075
    assert (found ^ a_disc()).sum() < 0.5 * (cut ^ a_disc()).sum()
    assert (found ^ a_disc()).sum() < 0.2 * a_disc().sum()


def test_the_healthy_level_beside_a_region_counts() -> None:
    shaded = 0.08 + 0.2 * a_disc()
    assert (settled(a_ground(shaded), a_disc(18.0)) ^ a_disc()).sum() <= 0.06 * a_disc().sum()


def test_what_cannot_be_judged_follows_its_surroundings() -> None:
    dark = 0.3 * a_disc()
    hole, far = a_disc(6.0), np.zeros(SHAPE, dtype=bool)
    far[34:38, 34:38] = True
    dark[hole], dark[far] = -0.3, 0.3
    weight = np.where(hole | far, 0, 1).astype(np.float32)
    ground = a_ground(dark)._replace(weight=weight)
    found = settled(ground, a_disc(18.0) & ~hole)
    assert found[hole].all()
    assert not found[far].any()


def test_what_is_held_stays_whatever_its_density() -> None:
    held = np.zeros(SHAPE, dtype=bool)
    held[19:22, 19:22] = True
    dark = 0.3 * a_disc()
    dark[held] = -1
    assert settled(a_ground(dark), a_disc(18.0), held)[held].all()


def test_no_region_goes_beyond_its_reach_or_the_brain() -> None:
    ground = a_ground(np.full(SHAPE, 0.3))._replace(brain=a_disc(40.0))
    found = settled(ground, a_disc(9.0))
    assert not (found & ~a_disc(9.0 + REACH_MM)).any()
    assert not settled(ground, a_disc(36.0))[~a_disc(40.0)].any()


def test_the_same_as_a_slow_twin_that_asks_each_place_one_by_one() -> None:
    shape = (14, 13, 2)
    random = np.random.default_rng(11)
    i, j, _ = np.indices(shape)
    blob = np.hypot(i - 6, j - 6) < 4
    brain = np.hypot(i - 6.5, j - 6) < 6.4
    dark = (0.25 * blob + random.normal(0, 0.08, shape)).astype(np.float32)
    weight = np.where(random.random(shape) < 0.85, random.random(shape), 0).astype(np.float32)
    start, held = np.hypot(i - 6, j - 6) < 3, np.zeros(shape, dtype=bool)
    held[7, 7, 1] = True
    ground = Ground(dark, weight, np.asarray(brain), (3.0, 3.0, 5.0))
    fast = contest_border(ground, np.asarray(start), held) > 0
    np.testing.assert_array_equal(fast, slow_twin(ground, np.asarray(start), held))


def slow_twin(
    ground: Ground, start: NDArray[np.bool_], held: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Ask every place in plain loops; thick slices do not ask each other."""
    places = list(np.ndindex(*ground.brain.shape))
    vote = {at: max(float(ground.weight[at]), LEAST_VOTE) * ground.brain[at] for at in places}
    vote |= {at: 1.0 for at in places if held[at]}
    region = {at for at in places if (start[at] or held[at]) and ground.brain[at]}
    allowed = {
        at for at in places if ground.brain[at] and any(apart(at, to) <= REACH_MM for to in region)
    }
    for _ in range(ROUNDS):
        says = own_words(ground, region, places)
        moved = set()
        for at in allowed:
            own = 1.0 if held[at] else says[at]
            if share_around(at, region, vote, ground.brain.shape) - HALF + own > 0:
                moved.add(at)
        changed, region = len(moved ^ region), moved
        if changed <= SETTLED_SHARE * len(region):
            break
    found = np.zeros(ground.brain.shape, dtype=bool)
    found[tuple(np.transpose(list(region)))] = True
    return found


Place = tuple[int, ...]


def apart(one: Place, other: Place) -> float:
    if one[2] != other[2]:
        return np.inf
    return 3.0 * float(np.hypot(one[0] - other[0], one[1] - other[1])) - 1e-6


def share_around(
    at: Place, region: set[Place], vote: dict[Place, float], shape: tuple[int, ...]
) -> float:
    """Weighted share of the neighbours in the region; beyond the edge the last one repeats."""
    sigma = NEIGHBOURS_MM / 3.0
    reach = int(TRUNCATE_SIGMA * sigma + 0.5)
    dark = every = 0.0
    for a in range(-reach, reach + 1):
        for b in range(-reach, reach + 1):
            to = (
                min(max(at[0] + a, 0), shape[0] - 1),
                min(max(at[1] + b, 0), shape[1] - 1),
                at[2],
            )
            weight = float(np.exp(-(a**2 + b**2) / (2 * sigma**2))) * vote[to]
            every += weight
            dark += weight * (to in region)
    return dark / every if every else 0.0


def own_words(ground: Ground, region: set[Place], places: list[Place]) -> dict[Place, float]:
    judged = {at for at in places if ground.weight[at] > HALF}
    inner = {
        at for at in region & judged if all(to in region for to in places if apart(at, to) <= 2.0)
    }
    inner = inner if len(inner) >= 30 else region & judged
    near = {at for at in places if any(apart(at, to) <= 3.0 for to in region)}
    far = {at for at in places if any(apart(at, to) <= 14.0 for to in region)}
    beside = (far - near) & judged
    dark = float(np.mean([ground.darkness[at] for at in inner]))
    healthy = float(np.mean([ground.darkness[at] for at in beside])) if len(beside) >= 30 else 0.0
    depth = max(dark - healthy, 0.05)
    middle = (dark + healthy) / 2
    return {
        at: float(np.clip((ground.darkness[at] - middle) / depth, -1, 1) * ground.weight[at])
        for at in places
    }
