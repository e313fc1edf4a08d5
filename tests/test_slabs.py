from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.kernels.morphology import DISC_HALO_VOXELS, close_disc, fill_holes
from corelab.kernels.reduction import Factors, reduce_mean
from corelab.kernels.smoothing import gaussian, halo_voxels, smooth_within
from corelab.slabs import over_slabs, reduce_mean_over_slabs

SPACING_MM = (1.0, 0.8, 0.6)
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40))
heights = st.integers(1, 45)
orders = st.sampled_from(["C", "F"])
seeds = st.integers(0, 2**16)


def noise(shape: tuple[int, ...], order: str, seed: int) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).normal(30, 8, shape).astype(np.float32)
    return np.asarray(values, order="F" if order == "F" else "C")


@settings(deadline=None, max_examples=60)
@given(shape=shapes, order=orders, seed=seeds, height=heights, sigma_mm=st.floats(0.0, 4.0))
def test_smoothing_by_slabs_is_smoothing_the_whole_voxel_for_voxel(
    shape: tuple[int, int, int], order: str, seed: int, height: int, sigma_mm: float
) -> None:
    image = noise(shape, order, seed)
    smooth = partial(gaussian, sigma_mm=(1.0, 1.0, sigma_mm), spacing_mm=SPACING_MM)
    halo = halo_voxels(sigma_mm, SPACING_MM[2])
    by_slabs = over_slabs(smooth, image, kind=np.float32, halo=halo, height=height, n_threads=2)
    np.testing.assert_array_equal(by_slabs, smooth(image))


@settings(deadline=None, max_examples=60)
@given(shape=shapes, order=orders, seed=seeds, height=heights, sigma_mm=st.floats(0.0, 4.0))
def test_a_masked_mean_by_slabs_is_that_of_the_whole_voxel_for_voxel(
    shape: tuple[int, int, int], order: str, seed: int, height: int, sigma_mm: float
) -> None:
    image = noise(shape, order, seed)
    mask = noise(shape, order, seed + 1) > 32

    def smooth(values: NDArray[np.float32], weight: NDArray[np.bool_]) -> NDArray[np.float32]:
        return smooth_within(values, weight, sigma_mm=sigma_mm, spacing_mm=SPACING_MM)

    halo = halo_voxels(sigma_mm, SPACING_MM[2])
    by_slabs = over_slabs(
        smooth, image, mask, kind=np.float32, halo=halo, height=height, n_threads=2
    )
    np.testing.assert_array_equal(by_slabs, smooth(image, mask))


def test_without_its_halo_a_kernel_would_go_wrong_at_the_borders_of_slabs() -> None:
    image = noise((4, 4, 20), "F", 0)
    smooth = partial(gaussian, sigma_mm=2.0, spacing_mm=SPACING_MM)
    naive = over_slabs(smooth, image, kind=np.float32, halo=0, height=5, n_threads=2)
    assert not np.array_equal(naive, smooth(image))


@settings(deadline=None, max_examples=40)
@given(shape=shapes, order=orders, seed=seeds, height=heights, radius_mm=st.floats(0.0, 4.0))
def test_discs_by_slabs_need_no_neighbours(
    shape: tuple[int, int, int], order: str, seed: int, height: int, radius_mm: float
) -> None:
    mask = noise(shape, order, seed) > 35

    def shape_up(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return fill_holes(close_disc(part, radius_mm, spacing_mm=SPACING_MM))

    by_slabs = over_slabs(
        shape_up, mask, kind=np.bool_, halo=DISC_HALO_VOXELS, height=height, n_threads=2
    )
    np.testing.assert_array_equal(by_slabs, shape_up(mask))


@settings(deadline=None, max_examples=40)
@given(
    shape=shapes,
    order=orders,
    seed=seeds,
    height=heights,
    factors=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 5)),
)
def test_means_by_slabs_are_those_of_the_whole_voxel_for_voxel(
    shape: tuple[int, int, int], order: str, seed: int, height: int, factors: Factors
) -> None:
    image = noise(shape, order, seed)
    by_slabs = reduce_mean_over_slabs(image, factors, (20, 40), height=height, n_threads=2)
    np.testing.assert_array_equal(by_slabs, reduce_mean(image, factors, (20, 40)))
