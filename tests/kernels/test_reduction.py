from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from corelab.kernels.reduction import (
    bounding_box,
    expand,
    factors_for,
    interpolate,
    reduce_mean,
)

images = hnp.arrays(
    np.int16,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=4, max_side=11),
    elements=st.integers(-1024, 3071),
)
factors = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))


@given(image=images, factors=factors)
def test_blocks_hold_their_mean(image: NDArray[np.int16], factors: tuple[int, int, int]) -> None:
    coarse = reduce_mean(image, factors)
    a, b, c = factors
    for i, j, k in np.ndindex(coarse.shape):
        block = image[i * a : (i + 1) * a, j * b : (j + 1) * b, k * c : (k + 1) * c]
        assert coarse[i, j, k] == pytest.approx(block.mean(), rel=1e-5, abs=1e-3)


@given(image=images, factors=factors)
def test_expanding_gives_every_voxel_its_block(
    image: NDArray[np.int16], factors: tuple[int, int, int]
) -> None:
    coarse = reduce_mean(image, factors)
    fine = expand(coarse, factors, image.shape)
    assert fine.shape == image.shape
    for voxel in np.ndindex(image.shape):
        i, j, k = (min(v // f, n - 1) for v, f, n in zip(voxel, factors, coarse.shape, strict=True))
        assert fine[voxel] == coarse[i, j, k]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64, np.bool_])
def test_order_and_kind_do_not_change_the_mean(order: str, kind: type) -> None:
    image: NDArray[np.generic] = (np.random.default_rng(3).random((8, 6, 4)) * 3).astype(kind)
    arranged = np.asarray(image, order="F" if order == "F" else "C")
    expected = image.astype(np.float64).reshape(4, 2, 3, 2, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(reduce_mean(arranged, (2, 2, 1)), expected, rtol=1e-5)


def test_factors_come_nearest_to_the_target() -> None:
    assert factors_for((0.45, 0.45, 5.0), (1.0, 1.0, 2.5), (512, 512, 28)) == (2, 2, 1)
    assert factors_for((0.5, 0.5, 0.625), (2.0, 2.0, 2.5), (512, 512, 256)) == (4, 4, 4)
    assert factors_for((0.5, 0.5, 0.5), (4.0, 4.0, 4.0), (512, 3, 1)) == (8, 3, 1)


@given(factors=factors)
def test_interpolation_keeps_a_ramp(factors: tuple[int, int, int]) -> None:
    shape = (24, 24, 24)
    i, j, k = np.indices(shape)
    ramp = (i + 2 * j - k).astype(np.float32)
    fine = interpolate(reduce_mean(ramp, factors), factors, shape)
    inner = np.s_[4:-4, 4:-4, 4:-4]
    np.testing.assert_allclose(fine[inner], ramp[inner], atol=1e-3)


def test_the_box_is_the_smallest_that_fits_within_the_image() -> None:
    mask = np.zeros((10, 10, 4), dtype=bool)
    mask[2, 5, 1] = True
    mask[4, 5, 2] = True
    assert bounding_box(mask, (0, 0, 0)) == np.s_[2:5, 5:6, 1:3]
    assert bounding_box(mask, (3, 6, 1)) == np.s_[0:8, 0:10, 0:4]


@given(
    mask=hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, max_side=7)),
    order=st.sampled_from(["C", "F"]),
)
def test_the_box_is_that_of_a_plain_look_at_every_voxel(
    mask: NDArray[np.bool_], order: str
) -> None:
    mask[tuple(size // 2 for size in mask.shape)] = True
    arranged = np.asarray(mask, order="F" if order == "F" else "C")
    places = np.argwhere(mask)
    expected = tuple(
        slice(int(low), int(high) + 1)
        for low, high in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )
    assert bounding_box(arranged, (0, 0, 0)) == expected
