from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.chronic import (
    with_cavity,
    with_haematoma,
    with_lacune,
    with_leukoaraiosis,
    with_old_infarct,
)
from corelab.phantom.lesion import truth_fraction, truth_of
from corelab.phantom.tissue import Tissue


def test_leukoaraiosis_lies_on_both_sides(head: Head) -> None:
    aged = with_leukoaraiosis(head, 6.0, np.random.default_rng(4))
    changed = aged.fraction(Tissue.LEUKOARAIOSIS)
    x = domain.refine(head.atlas_mm[0])
    left, right = changed[x < 0].sum() / 1000, changed[x > 0].sum() / 1000
    assert 3 < left + right < 90
    assert 0.4 < left / right < 2.5
    assert np.abs(sum(aged.fractions.values()) - 1).max() < 1e-5


def test_worse_leukoaraiosis_is_more(head: Head) -> None:
    sizes = [
        with_leukoaraiosis(head, reach, np.random.default_rng(4))
        .fraction(Tissue.LEUKOARAIOSIS)
        .sum()
        for reach in (3.0, 8.0)
    ]
    assert sizes[1] > 1.5 * sizes[0]


def test_a_lacune_is_a_small_hole_of_fluid(head: Head) -> None:
    holed = with_lacune(head, 4.0, np.random.default_rng(7))
    gained_ml = float((holed.fraction(Tissue.CSF) - head.fraction(Tissue.CSF)).sum()) / 1000
    ball_ml = 4 / 3 * np.pi * 4**3 / 1000
    assert gained_ml == pytest.approx(ball_ml, rel=0.7)


def test_a_cavity_takes_tissue_and_gives_fluid(head: Head) -> None:
    share = np.full(domain.SHAPE, 0.5, dtype=np.float32)
    hollow = with_cavity(head, share)
    assert np.allclose(hollow.fraction(Tissue.WHITE), head.fraction(Tissue.WHITE) / 2)
    assert np.abs(sum(hollow.fractions.values()) - 1).max() < 1e-5


def test_an_old_infarct_is_fluid_with_a_rim_and_no_infarct(stroke: Head) -> None:
    old = with_old_infarct(stroke)
    assert truth_of(old).infarct_volume_ml == 0
    gained = [
        float((old.fraction(t) - stroke.fraction(t)).sum()) / 1000
        for t in (Tissue.CSF, Tissue.LEUKOARAIOSIS)
    ]
    assert sum(gained) == pytest.approx(40.0, rel=1e-3)
    assert gained[0] > gained[1] > 2


def test_a_haematoma_lies_outside_the_infarct_and_does_not_count(stroke: Head) -> None:
    bled = with_haematoma(stroke, 8.0, np.random.default_rng(5))
    blood = bled.fraction(Tissue.HAEMATOMA)
    assert 5 < blood.sum() / 1000 < 8.1
    assert not blood[truth_fraction(stroke) > 0].any()
    assert truth_of(bled) == truth_of(stroke)
