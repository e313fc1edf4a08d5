from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.kernels.across import Across
from corelab.kernels.dwi_contrast import DwiContrast
from corelab.kernels.dwi_evidence import Evidence
from corelab.kernels.dwi_mixture import LIQUOR_SLOPE, Mixture, find_core, find_mixture
from corelab.kernels.midline import Midline

SHAPE = (40, 40, 3)
SPACING_MM = (2.0, 2.0, 5.0)
ACROSS = Across(SHAPE, SPACING_MM, Midline((1.0, 0.0, 0.0), 39.0, 0.0))
BRAIN = np.ones(SHAPE, dtype=bool)
NOWHERE = np.zeros(SHAPE, dtype=bool)
LESION = np.s_[4:12, 4:12, 1]
PLACE = (12, 8, 1)
VENTRICLE = np.s_[22:30, 14:26, :]
Levels = tuple[float, float]
TISSUE, INFARCT = (1.0, 1.0), (2.0, 1.4)
LIQUOR = (0.4, 1 + 0.6 / LIQUOR_SLOPE)


def flat(value: float) -> NDArray[np.float32]:
    return np.full(SHAPE, value, dtype=np.float32)


def evidence_of(reference: float = 1.0) -> Evidence:
    nothing = flat(0)
    return Evidence(
        z=nothing,
        excess=nothing,
        reference=flat(reference),
        wide_z=nothing,
        wide_excess=nothing,
        adc=None,
        flair_ratio=None,
        opposite=nothing,
        is_csf=NOWHERE,
        is_near_air=NOWHERE,
    )


def painted(*places: tuple[object, Levels]) -> DwiContrast:
    """Tissue with an infarct and, at further places, other signals on trace and without."""
    images = flat(TISSUE[0]), flat(TISSUE[1])
    for where, levels in ((LESION, INFARCT), *places):
        for image, level in zip(images, levels, strict=True):
            image[where] = level  # type: ignore[index] - places and slices alike
    return DwiContrast(images[0], 0.1, flat(1.0), images[1])


def mixed(infarct: float, liquor: float, of: Levels = LIQUOR) -> Levels:
    tissue = 1 - infarct - liquor
    parts = zip(INFARCT, of, TISSUE, strict=True)
    trace, plain = (infarct * i + liquor * w + tissue * t for i, w, t in parts)
    return trace, plain


def mixture_of(contrast: DwiContrast, reference: float = 1.0) -> Mixture:
    seeds = NOWHERE.copy()
    seeds[LESION] = True
    core = find_core(contrast, seeds, ACROSS)
    return find_mixture(contrast, evidence_of(reference), core, brain=BRAIN, across=ACROSS)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_share_of_infarct_is_told_whatever_else_is_in_the_voxel(
    infarct: float, of_rest: float
) -> None:
    liquor = of_rest * (1 - infarct)
    found = mixture_of(painted((PLACE, mixed(infarct, liquor))))
    # A little liquor passes for grey matter and costs what it took away.
    slack = 0.06 if liquor < 0.1 else 1e-3
    assert found.infarct[PLACE] == pytest.approx(infarct, abs=slack)


def test_brightness_alone_would_call_infarct_in_a_sulcus_tissue() -> None:
    contrast = painted((PLACE, mixed(0.65, 0.35)))
    assert mixture_of(contrast).infarct[PLACE] == pytest.approx(0.65, abs=1e-3)
    bare = contrast._replace(unweighted=None)
    assert mixture_of(bare).infarct[PLACE] == pytest.approx(0.44, abs=1e-3)


def test_where_adc_is_not_defined_brightness_decides() -> None:
    found = mixture_of(painted((PLACE, (1.5, 0.0))))
    assert found.infarct[PLACE] == pytest.approx(0.5, abs=1e-3)
    assert found.lift[PLACE] == 0


def test_liquor_is_what_the_patient_s_own_shows() -> None:
    own = (0.1, 2.8)
    contrast = painted((PLACE, mixed(0.5, 0.5, own)), (VENTRICLE, own))
    assert contrast.adc_ratio is not None
    contrast.adc_ratio[VENTRICLE] = 3.5
    contrast.signal[[0, -1]] = 0
    assert mixture_of(contrast).infarct[PLACE] == pytest.approx(0.5, abs=5e-3)


def test_tissue_is_what_lies_beside_the_lesion_not_what_the_other_side_shows() -> None:
    contrast = painted((PLACE, mixed(0.5, 0.0)))
    assert mixture_of(contrast, reference=0.8).infarct[PLACE] == pytest.approx(0.5, abs=1e-3)


def test_far_from_any_seed_there_is_no_infarct() -> None:
    found = mixture_of(painted())
    assert found.infarct[39, 39, 1] == -np.inf
    assert found.lift[39, 39, 1] == 0


def test_core_leaves_out_seeds_that_partial_volume_thinned() -> None:
    contrast = painted((np.s_[4:12, 4, 1], (1.2, 1.1)))
    seeds = contrast.signal > 1
    core = find_core(contrast, seeds, ACROSS)
    np.testing.assert_allclose(core.signal[LESION], 2.0, rtol=1e-5)
    assert core.unweighted is not None
    np.testing.assert_allclose(core.unweighted[LESION], 1.4, rtol=1e-5)


def test_a_small_piece_takes_the_patient_s_usual_core_where_its_own_is_thinned() -> None:
    small = np.s_[32:34, 32, 1]
    for level, expected in ((1.5, 1.8), (2.4, 2.4)):
        contrast = painted((small, (level, 1.2)))
        core = find_core(contrast, contrast.signal > 1, ACROSS)
        if level < expected:
            assert core.signal[32, 32, 1] > expected
        else:
            assert core.signal[32, 32, 1] == pytest.approx(level, rel=1e-3)


def test_core_is_nothing_without_seeds() -> None:
    core = find_core(painted(), NOWHERE, ACROSS)
    assert core.unweighted is not None
    assert not core.signal.any()
    assert not core.unweighted.any()
