from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.phantom.anatomy import Head
from corelab.phantom.ct import IDEAL_SCAN, CtScan, scan_ct, scan_scout
from corelab.phantom.lesion import BY_TISSUE, Wedge, truth_fraction, with_wedge
from corelab.phantom.sampling import AcquisitionGrid, axial_grid, sample
from corelab.phantom.tissue import HOUNSFIELD, Tissue


@pytest.fixture(scope="module")
def grid() -> AcquisitionGrid:
    return axial_grid(
        matrix=256,
        pixel_mm=0.94,
        positions_mm=np.arange(-52, 60, 16.0),
        thickness_mm=np.full(7, 5.0),
    )


@pytest.fixture(scope="module")
def ideal(stroke: Head, grid: AcquisitionGrid) -> NDArray[np.int16]:
    image = scan_ct(stroke, grid, IDEAL_SCAN, np.random.default_rng(0)).data
    assert image.dtype == np.int16
    return image.astype(np.int16)


@pytest.mark.parametrize("tissue", [Tissue.GREY, Tissue.WHITE, Tissue.CSF, Tissue.INFARCT])
def test_tissue_means_are_right_within_1_hu(
    stroke: Head, grid: AcquisitionGrid, ideal: NDArray[np.int16], tissue: Tissue
) -> None:
    pure = sample(stroke.fraction(tissue), grid) > 0.998
    expected = HOUNSFIELD[tissue] if tissue is not Tissue.INFARCT else IDEAL_SCAN.infarct_hu
    assert pure.sum() > 30
    assert ideal[pure].mean() == pytest.approx(expected, abs=1.0)


def test_a_full_scan_keeps_the_means_deep_in_the_brain(stroke: Head, grid: AcquisitionGrid) -> None:
    image = scan_ct(stroke, grid, CtScan(), np.random.default_rng(0)).data
    high = grid.frame.data.shape[2] // 2
    deep = sample(stroke.depth_mm, grid) > 30
    white = deep & (sample(stroke.fraction(Tissue.WHITE), grid) > 0.95)
    white[:, :, :high] = False
    assert image[white].mean() == pytest.approx(HOUNSFIELD[Tissue.WHITE], abs=1.0)
    assert image[white].std() == pytest.approx(CtScan().noise_hu, abs=1.2)


def test_values_are_whole_hounsfield_units_in_range(ideal: NDArray[np.int16]) -> None:
    assert ideal.min() >= -1024
    assert ideal.max() <= 3071


def test_an_infarct_is_darker_than_its_mirror(
    stroke: Head, grid: AcquisitionGrid, ideal: NDArray[np.int16]
) -> None:
    core = sample(truth_fraction(stroke), grid) > 0.95
    brain = sample(stroke.fraction(Tissue.GREY) + stroke.fraction(Tissue.WHITE), grid) > 0.95
    assert ideal[core].mean() < ideal[brain].mean() - 8


def test_a_holder_lies_under_the_head(ideal: NDArray[np.int16]) -> None:
    behind = ideal[128, 200:, 3]
    assert ((behind > -950) & (behind < -50)).any()


def test_noise_is_grained(stroke: Head, grid: AcquisitionGrid) -> None:
    coarse = replace(IDEAL_SCAN, noise_hu=4.0, noise_grain_mm=2.0)
    noisy = scan_ct(stroke, grid, coarse, np.random.default_rng(1)).data.astype(float)
    clean = scan_ct(stroke, grid, IDEAL_SCAN, np.random.default_rng(1)).data
    noise = (noisy - clean)[100:150, 100:150, 5]
    assert np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1] > 0.5


def test_a_scout_is_one_side_view(head: Head) -> None:
    scout = scan_scout(head)
    assert scout.shape[2] == 1
    assert np.ptp(scout.data) > 500


def test_an_infarct_lies_as_far_below_its_own_tissue_as_told(
    head: Head, wedge: Wedge, grid: AcquisitionGrid
) -> None:
    scan = replace(IDEAL_SCAN, infarct_hu=27.0, infarct_white_hu=19.0)
    stroke = with_wedge(head, wedge, BY_TISSUE)
    image = np.asarray(scan_ct(stroke, grid, scan, np.random.default_rng(0)).data)
    for tissue, expected in ((Tissue.INFARCT, 27.0), (Tissue.INFARCTED_WHITE, 19.0)):
        pure = sample(stroke.fraction(tissue), grid) > 0.97
        assert image[pure].mean() == pytest.approx(expected, abs=1.0)
