from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import truth_fraction
from corelab.phantom.mr import (
    IDEAL_MR,
    DiffusionImages,
    MrScan,
    scan_diffusion,
    scan_flair,
    shown,
)
from corelab.phantom.planning import regridded
from corelab.phantom.sampling import AcquisitionGrid, oblique_grid, sample
from corelab.phantom.tissue import MAGNETIC, Tissue
from corelab.volume import Volume


@pytest.fixture(scope="module")
def grid() -> AcquisitionGrid:
    return oblique_grid(
        matrix=160,
        pixel_mm=1.4,
        positions_mm=np.arange(-48, 60, 12.0),
        thickness_mm=5.0,
        rotation=np.eye(3),
    )


@pytest.fixture(scope="module")
def ideal(stroke: Head, grid: AcquisitionGrid) -> DiffusionImages:
    return scan_diffusion(stroke, grid, IDEAL_MR, np.random.default_rng(0))


@pytest.fixture(scope="module")
def real(stroke: Head, grid: AcquisitionGrid) -> DiffusionImages:
    return scan_diffusion(stroke, grid, MrScan(), np.random.default_rng(0))


def middle(image: Volume, where: NDArray[np.bool_]) -> float:
    return float(np.median(np.asarray(image.data, dtype=np.float64)[where]))


@pytest.mark.parametrize("tissue", [Tissue.GREY, Tissue.WHITE, Tissue.CSF, Tissue.INFARCT])
def test_adc_of_pure_tissue_is_right_within_3_percent(
    stroke: Head, grid: AcquisitionGrid, ideal: DiffusionImages, tissue: Tissue
) -> None:
    pure = sample(stroke.fraction(tissue), grid) > 0.98
    expected = MAGNETIC[tissue].adc_mm2_s * 1e6
    assert middle(ideal.adc, pure) == pytest.approx(expected, rel=0.03)


def test_an_infarct_is_bright_on_trace_and_dark_on_adc(
    stroke: Head, grid: AcquisitionGrid, real: DiffusionImages
) -> None:
    core = sample(truth_fraction(stroke), grid) > 0.95
    brain = sample(stroke.fraction(Tissue.GREY) + stroke.fraction(Tissue.WHITE), grid) > 0.95
    assert middle(real.trace, core) > 1.4 * middle(real.trace, brain)
    assert middle(real.adc, core) < 0.8 * middle(real.adc, brain)


def test_background_noise_is_rician(real: DiffusionImages) -> None:
    corner = real.b0.data[:25, :25].astype(float)
    assert corner.min() >= 0
    # A Rayleigh distribution's mean is 1.913 times its standard deviation.
    assert corner.mean() / corner.std() == pytest.approx(1.913, abs=0.15)


def test_a_scanner_may_blank_the_background(stroke: Head, grid: AcquisitionGrid) -> None:
    blank = scan_diffusion(stroke, grid, MrScan(background_noise=0.0), np.random.default_rng(0))
    assert not blank.b0.data[:25, :25].any()


def test_adc_is_zero_outside_of_the_head(real: DiffusionImages) -> None:
    assert not real.adc.data[:25, :25].any()


def test_the_skull_base_is_distorted_and_the_vertex_is_not(
    stroke: Head, grid: AcquisitionGrid, ideal: DiffusionImages
) -> None:
    only_shift = MrScan(noise=0.0, shading=0.0)
    bent = scan_diffusion(stroke, grid, only_shift, np.random.default_rng(0)).b0.data
    differs = np.abs(bent.astype(float) - ideal.b0.data).mean(axis=(0, 1))
    assert differs[1] > 1
    assert differs[-2] < 0.1 * differs[1]


def test_flair_shows_dark_fluid_on_its_own_pixels(stroke: Head, grid: AcquisitionGrid) -> None:
    other = regridded(grid, matrix=128)
    flair = scan_flair(stroke, other, IDEAL_MR, np.random.default_rng(0)).data
    assert flair.shape == (128, 128, grid.shape[2])
    fluid = sample(stroke.fraction(Tissue.CSF), other) > 0.95
    grey = sample(stroke.fraction(Tissue.GREY), other) > 0.95
    assert flair[fluid].mean() < 0.3 * flair[grey].mean()


def test_same_seed_gives_the_same_bytes(
    stroke: Head, grid: AcquisitionGrid, real: DiffusionImages
) -> None:
    again = scan_diffusion(stroke, grid, MrScan(), np.random.default_rng(0))
    assert again.trace.data.tobytes() == real.trace.data.tobytes()


def test_an_interpolated_image_shows_the_same_places(stroke: Head, grid: AcquisitionGrid) -> None:
    still = replace(IDEAL_MR, interpolation=2)
    sharp, blurred = (
        np.asarray(scan_diffusion(stroke, grid, scan, np.random.default_rng(0)).trace.data, float)
        for scan in (IDEAL_MR, still)
    )
    assert blurred.shape == sharp.shape
    assert blurred.mean() == pytest.approx(sharp.mean(), rel=0.03)
    here = np.corrcoef(sharp.ravel(), blurred.ravel())[0, 1]
    for axis in (0, 1):
        for step in (-1, 1):
            moved = np.roll(blurred, step, axis=axis)
            assert np.corrcoef(sharp.ravel(), moved.ravel())[0, 1] < here
    assert here > 0.97


def test_what_is_shown_without_distortion_is_the_share_itself(
    stroke: Head, grid: AcquisitionGrid
) -> None:
    share = shown(truth_fraction(stroke), stroke, grid, IDEAL_MR)
    assert np.array_equal(share, sample(truth_fraction(stroke), grid))


def test_tracts_are_bright_on_trace_alone_and_on_both_sides(
    stroke: Head, grid: AcquisitionGrid, ideal: DiffusionImages
) -> None:
    scan = replace(IDEAL_MR, tract_excess=0.2)
    bright = scan_diffusion(stroke, grid, scan, np.random.default_rng(0))
    assert np.array_equal(bright.b0.data, ideal.b0.data)
    gained = np.asarray(bright.trace.data, float) - np.asarray(ideal.trace.data, float)
    sides = [gained[: grid.shape[0] // 2].sum(), gained[grid.shape[0] // 2 :].sum()]
    assert min(sides) > 0.3 * max(sides) > 0
