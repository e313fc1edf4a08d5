from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from corelab.kernels.equidistant import equidistant, usual_step_mm

Floats = NDArray[np.float64]


def naive(
    data: NDArray[np.generic], heights: Floats, offsets: Floats, *, step: float, outside: float
) -> Floats:
    """Voxel by voxel: trilinear in a field as wide as all slices, `outside` beyond each slice."""
    low, high = np.floor(offsets.min(axis=0)), np.ceil(offsets.max(axis=0))
    n_i, n_j = (int(data.shape[a] + high[a] - low[a]) for a in (0, 1))
    n_k = int(np.ceil(heights[-1] / step - 1e-6)) + 1

    def stored(i: int, j: int, k: int) -> float:
        inside = 0 <= i < data.shape[0] and 0 <= j < data.shape[1]
        return float(data[i, j, k]) if inside else outside

    def in_slice(x: float, y: float, k: int) -> float:
        u, v = x - offsets[k, 0], y - offsets[k, 1]
        i, j = int(np.floor(u)), int(np.floor(v))
        a, b = u - i, v - j
        return (
            (1 - a) * (1 - b) * stored(i, j, k)
            + a * (1 - b) * stored(i + 1, j, k)
            + (1 - a) * b * stored(i, j + 1, k)
            + a * b * stored(i + 1, j + 1, k)
        )

    out = np.empty((n_i, n_j, n_k))
    for i, j, n in np.ndindex(out.shape):
        height, x, y = n * step, i + low[0], j + low[1]
        above = next((k for k in range(len(heights)) if heights[k] >= height), None)
        if above is None:
            out[i, j, n] = in_slice(x, y, len(heights) - 1)
        elif above == 0:
            out[i, j, n] = in_slice(x, y, 0)
        else:
            gap = heights[above] - heights[above - 1]
            share = (height - heights[above - 1]) / gap
            out[i, j, n] = (1 - share) * in_slice(x, y, above - 1) + share * in_slice(x, y, above)
    return out


@settings(deadline=None)
@given(
    data=arrays(np.float32, (3, 4, 4), elements=st.integers(-1024, 1024).map(float)),
    steps=st.lists(st.sampled_from([1.0, 1.5, 2.5, 4.0]), min_size=3, max_size=3),
    offsets=arrays(np.float64, (4, 2), elements=st.integers(-6, 6).map(lambda n: n / 4)),
)
def test_each_voxel_is_what_the_slow_twin_says(
    data: NDArray[np.float32], steps: list[float], offsets: Floats
) -> None:
    heights = np.concatenate([[0.0], np.cumsum(steps)])
    found = equidistant(data, heights + 7, offsets, outside=-1024)
    expected = naive(data, heights, offsets, step=found.step_mm, outside=-1024)
    assert found.origin == tuple(np.floor(offsets.min(axis=0)).astype(int))
    np.testing.assert_allclose(found.data, expected, atol=0.01)


def ball(
    heights: Floats, lean: Floats, *, radius_mm: float = 30
) -> tuple[NDArray[np.float32], float]:
    """A ball of 1000 in air of 0 on 1 mm pixels, its slices leaning; and its measured sum."""
    x, y = np.mgrid[:80, :80].astype(np.float64)
    middle, centre = heights.mean(), 40 + lean.mean(axis=0)
    slices = []
    for height, (a, b) in zip(heights, lean, strict=True):
        away = np.sqrt((x + a - centre[0]) ** 2 + (y + b - centre[1]) ** 2 + (height - middle) ** 2)
        slices.append(1000 * np.clip(radius_mm + 0.5 - away, 0, 1))
    slabs = np.gradient(heights)
    data = np.stack(slices, axis=2).astype(np.float32)
    return data, float((data.sum(axis=(0, 1)) * slabs).sum())


TILT = np.column_stack([np.zeros(33), np.tan(np.radians(18.5)) * (np.arange(33) * 2.5 - 40)])
UNEVEN = np.concatenate([np.arange(0, 40, 2.0), np.arange(40, 82, 3.0)])


@pytest.mark.parametrize(
    ("heights", "lean"),
    [
        (np.arange(33) * 2.5, TILT),
        (UNEVEN, np.zeros((len(UNEVEN), 2))),
        (UNEVEN, np.column_stack([UNEVEN / 8, -UNEVEN / 3])),
    ],
    ids=["tilted", "uneven", "tilted and uneven"],
)
def test_a_ball_keeps_its_volume(heights: Floats, lean: Floats) -> None:
    data, truth = ball(heights, lean)
    found = equidistant(data, heights, lean, outside=0)
    assert found.data.sum() * found.step_mm == pytest.approx(truth, rel=0.01)
    assert truth == pytest.approx(1000 * 4 / 3 * np.pi * 30**3, rel=0.02)


def test_a_leaning_edge_stands_straight_afterwards() -> None:
    heights = np.arange(12) * 3.0
    lean = np.column_stack([np.zeros(12), -np.arange(12.0)])
    data = np.zeros((3, 40, 12), np.int16)
    for k in range(12):
        data[:, 15 + k : 25 + k, k] = 60
    found = equidistant(data, heights, lean, outside=-1024)
    assert found.origin == (0, -11)
    assert found.data.dtype == np.int16
    assert (found.data[:, 26:36, :] == 60).all()
    assert (found.data[:, :11, 0] == -1024).all()


def test_an_even_straight_stack_stays_as_it_is() -> None:
    data = np.random.default_rng(1).normal(size=(5, 6, 7)).astype(np.float32)
    found = equidistant(data, np.arange(7) * 5.0, np.zeros((7, 2)), outside=0)
    assert (found.origin, found.step_mm) == ((0, 0), 5.0)
    np.testing.assert_array_equal(found.data, data)


@pytest.mark.parametrize(
    ("steps", "usual"),
    [
        ([4.0] * 13 + [1.08] + [7.0] * 13, 4.0),
        ([2.5] * 10 + [5.0] * 10, 2.5),
        ([5.0, 5.01, 4.99, 5.0], 5.0),
        ([0.5, 10.0, 10.0], 20.5 / 16),
    ],
)
def test_the_step_is_the_smallest_usual_one(steps: list[float], usual: float) -> None:
    positions = np.concatenate([[0.0], np.cumsum(steps)])
    assert usual_step_mm(positions) == pytest.approx(usual, rel=1e-3)


def test_the_last_slice_is_never_cut_off() -> None:
    data = np.zeros((2, 2, 4), np.float32)
    data[:, :, 3] = 9
    found = equidistant(data, np.array([0.0, 2.0, 4.0, 7.0]), np.zeros((4, 2)), outside=0)
    assert found.step_mm == 2.0
    assert found.data[0, 0].tolist() == [0, 0, 0, 6, 9]
