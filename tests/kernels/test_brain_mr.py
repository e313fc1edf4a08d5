from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.brain_mr import brain_mask_mr
from tests.kernels.dwi_phantom import SHAPE, SPACING_MM, Blob, make_head


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_brain_is_found_in_b0_and_in_trace_without_scalp() -> None:
    head = make_head()
    for image in (head.b0, head.dwi):
        assert dice(brain_mask_mr(image, SPACING_MM), head.brain) > 0.96


def test_stripped_image_keeps_its_own_outline() -> None:
    head = make_head()
    found = brain_mask_mr(np.where(head.brain, head.dwi, 0), SPACING_MM)
    np.testing.assert_array_equal(found, head.brain)


def test_large_bright_infarct_neither_sets_the_threshold_nor_is_cut_out() -> None:
    head = make_head((Blob((34, 5, 0), (30, 50, 42)),))
    found = brain_mask_mr(head.dwi, SPACING_MM)
    assert dice(found, head.brain) > 0.96
    assert found[head.fraction > 0.5].mean() > 0.99


def test_scale_of_the_image_does_not_matter() -> None:
    head = make_head()
    expected = brain_mask_mr(head.b0, SPACING_MM)
    np.testing.assert_array_equal(brain_mask_mr(head.b0 * 512, SPACING_MM), expected)


def test_input_is_unchanged() -> None:
    head = make_head()
    before = head.b0.copy()
    brain_mask_mr(head.b0, SPACING_MM)
    np.testing.assert_array_equal(head.b0, before)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros(SHAPE),
        np.full(SHAPE, 7.0),
        np.random.default_rng(1).normal(100, 10, SHAPE),
        np.pad(np.ones((1, 1, 1)), [(n // 2, n - n // 2 - 1) for n in SHAPE]),
        -np.pad(np.ones((1, 1, 1)), [(n // 2, n - n // 2 - 1) for n in SHAPE]),
    ],
    ids=["empty", "flat", "noise", "one voxel", "one dark voxel"],
)
def test_what_is_no_head_is_refused(image: NDArray[np.float64]) -> None:
    with pytest.raises(UnfitDataError) as refusal:
        brain_mask_mr(image, SPACING_MM)
    assert refusal.value.reason is ReasonCode.HEAD_NOT_FOUND


@pytest.mark.parametrize("scan", ["siemens_mddw", "canon_dti", "philips_dti"])
def test_real_brains_have_a_brain_s_size(shared_data: Path, scan: str) -> None:
    loaded = nib.as_closest_canonical(
        nib.load(shared_data / "nolesion" / f"healthy_{scan}" / "b0.nii.gz")
    )
    spacing_mm = tuple(float(step) for step in loaded.header.get_zooms())
    found = brain_mask_mr(loaded.get_fdata(dtype=np.float32), spacing_mm)
    assert 1100 < found.sum() * np.prod(spacing_mm) / 1000 < 1700
