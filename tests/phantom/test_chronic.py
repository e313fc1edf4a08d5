from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.chronic import with_cavity, with_lacune, with_leukoaraiosis
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
