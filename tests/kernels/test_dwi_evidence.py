from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.across import Across
from corelab.kernels.dwi_contrast import diffusion_contrast
from corelab.kernels.dwi_evidence import Evidence, gather_evidence, perturbed
from corelab.kernels.midline import find_midline
from tests.kernels.dwi_phantom import B_VALUE, SHAPE, SPACING_MM, Blob, Change, Head, make_head

RIGHT = Blob((38, 5, 12), (12, 14, 14))
LEFT = Blob((-38, 5, 12), (12, 14, 14))


def evidence_of(head: Head, flair: NDArray[np.float32] | None = None) -> Evidence:
    across = Across(SHAPE, SPACING_MM, find_midline(head.brain, SPACING_MM))
    contrast = diffusion_contrast(head.dwi, head.adc, head.brain, across, b_value_s_mm2=B_VALUE)
    return gather_evidence(contrast, head.brain, across, flair)


def test_one_sided_brightness_has_excess_and_symmetric_brightness_has_none() -> None:
    shine = Change(adc=1.0, b0=1.8)
    one, both = make_head((RIGHT,), change=shine), make_head((RIGHT, LEFT), change=shine)
    inside = one.fraction > 0.9
    assert np.median(evidence_of(one).excess[inside]) > 3
    assert np.median(evidence_of(both).excess[inside]) < 0


def test_restricted_infarcts_of_both_sides_do_not_explain_each_other_away() -> None:
    both = make_head((RIGHT, LEFT))
    inside = both.fraction > 0.9
    assert np.median(evidence_of(both).excess[inside]) > 3


def test_liquor_is_known_by_its_adc() -> None:
    head = make_head()
    is_csf = evidence_of(head).is_csf
    assert is_csf[head.brain & (head.adc > 2.2e-3)].mean() > 0.9
    assert is_csf[head.brain & (head.adc < 1.0e-3)].mean() < 0.01


def test_only_the_low_rim_of_the_brain_is_near_air() -> None:
    near_air = evidence_of(make_head()).is_near_air
    middle = np.s_[48, 56]
    assert not near_air[(*middle, slice(6, None))].any()
    assert near_air[48, :, 8].any()
    assert not near_air[:, :, 12:].any()


def test_wide_evidence_sees_a_pale_infarct_above_single_voxels_noise() -> None:
    head = make_head((RIGHT,), change=Change(adc=0.72, b0=1.05), noise=0.1)
    evidence = evidence_of(head)
    inside = head.fraction > 0.9
    assert np.median(evidence.wide_excess[inside]) > 1.6
    assert evidence.adc is not None
    assert np.median(evidence.adc.wide[inside]) < 0.87


def test_flair_is_told_over_the_other_side_and_where_it_shows_nothing_is_normal() -> None:
    head = make_head((RIGHT,))
    inside = head.fraction > 0.9
    flair = np.where(head.brain, np.where(inside, 150, 100), 0).astype(np.float32)
    flair[:, :, :8] = 0
    ratio = evidence_of(head, flair).flair_ratio
    assert ratio is not None
    assert np.median(ratio[inside]) == pytest.approx(1.5, abs=0.1)
    assert (ratio[:, :, :8] == 1).all()


@pytest.mark.parametrize("shift", [1, -1])
def test_a_plane_that_may_lie_elsewhere_leaves_less_excess_or_more(shift: int) -> None:
    head = make_head((RIGHT, LEFT), change=Change(adc=1.0, b0=1.8))
    across = Across(SHAPE, SPACING_MM, find_midline(head.brain, SPACING_MM))
    contrast = diffusion_contrast(head.dwi, head.adc, head.brain, across, b_value_s_mm2=B_VALUE)
    found = gather_evidence(contrast, head.brain, across)
    other = perturbed(found, contrast, head.brain, across, shift=shift)
    below, below_before = other.z - other.excess, found.z - found.excess
    change = (below - below_before) * shift
    assert change.min() > -1e-5
    assert change.max() > 1
