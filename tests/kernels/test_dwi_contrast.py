from __future__ import annotations

import numpy as np
import pytest

from corelab.kernels.across import Across
from corelab.kernels.dwi_contrast import DwiContrast, diffusion_contrast
from corelab.kernels.midline import find_midline
from tests.kernels.dwi_phantom import B_VALUE, SHAPE, SPACING_MM, Blob, Head, make_head

MCA = Blob((34, 5, 0), (30, 50, 42))


def contrast_of(head: Head, *, with_adc: bool = True) -> DwiContrast:
    across = Across(SHAPE, SPACING_MM, find_midline(head.brain, SPACING_MM))
    adc = head.adc if with_adc else None
    return diffusion_contrast(head.dwi, adc, head.brain, across, b_value_s_mm2=B_VALUE)


def test_healthy_tissue_is_one_everywhere_though_the_coil_shades() -> None:
    head = make_head()
    contrast = contrast_of(head)
    healthy = head.brain & (head.adc < 1.1e-3)
    for half in (np.s_[:, :56], np.s_[:, 56:], np.s_[:, :, :10], np.s_[:, :, 10:]):
        level = np.median(contrast.signal[half][healthy[half]])
        assert level == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("with_adc", [True, False])
def test_scale_stays_with_half_a_hemisphere_infarcted(*, with_adc: bool) -> None:
    healthy, sick = make_head(), make_head((MCA,))
    spared = sick.brain & (sick.fraction == 0) & (sick.adc < 1.1e-3)
    expected = contrast_of(healthy, with_adc=with_adc).signal[spared]
    found = contrast_of(sick, with_adc=with_adc).signal[spared]
    assert np.median(found / expected) == pytest.approx(1, abs=0.06)
    truth = sick.dwi[sick.fraction > 0.9] / healthy.dwi[sick.fraction > 0.9]
    inside = np.median(contrast_of(sick, with_adc=with_adc).signal[sick.fraction > 0.9])
    assert inside > 0.85 * np.median(truth)


def test_adc_is_relative_to_the_patient_s_own_parenchyma() -> None:
    head = make_head((MCA,))
    ratio = contrast_of(head).adc_ratio
    assert ratio is not None
    assert np.median(ratio[head.fraction > 0.9]) == pytest.approx(0.62, abs=0.05)


def test_undefined_adc_speaks_for_nothing() -> None:
    head = make_head()
    across = Across(SHAPE, SPACING_MM, find_midline(head.brain, SPACING_MM))
    holes = head.adc.copy()
    holes[60:75, 50:65, 8:12] = 0
    contrast = diffusion_contrast(head.dwi, holes, head.brain, across, b_value_s_mm2=B_VALUE)
    assert contrast.adc_ratio is not None
    assert contrast.unweighted is not None
    np.testing.assert_array_equal(contrast.adc_ratio[65:70, 55:60, 9:11], 1)
    np.testing.assert_array_equal(contrast.unweighted[60:75, 50:65, 8:12], 0)


def test_trace_and_adc_tell_what_b0_shows() -> None:
    head = make_head((MCA,))
    unweighted = contrast_of(head).unweighted
    assert unweighted is not None
    healthy = head.brain & (head.fraction == 0) & (head.adc < 1.1e-3)
    for part in (head.fraction > 0.9, head.brain & (head.adc > 2.5e-3)):
        expected = np.median(head.b0[part]) / np.median(head.b0[healthy])
        assert np.median(unweighted[part]) == pytest.approx(expected, rel=0.12)
    assert contrast_of(head, with_adc=False).unweighted is None


def test_outside_the_brain_there_is_no_signal() -> None:
    head = make_head()
    assert not contrast_of(head).signal[~head.brain].any()
