from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import BY_TISSUE, Side, truth_fraction, truth_of
from corelab.phantom.territory import Place, Territory, with_territory
from corelab.phantom.tissue import Tissue


@pytest.mark.parametrize("place", Place)
def test_an_infarct_meets_its_volume_in_its_own_place(head: Head, place: Place) -> None:
    territory = Territory(place=place, volume_ml=12.0, side=Side.LEFT, rim_mm=2.0, shape_seed=3)
    made = with_territory(head, territory)
    assert truth_of(made).infarct_volume_ml == pytest.approx(12.0, abs=1e-3)
    position = [domain.refine(part) for part in head.atlas_mm]
    position[0] = -position[0]
    infarct = truth_fraction(made)
    for axis, (low, high) in zip(position, place.box_mm, strict=True):
        inside = infarct[(axis > low - 4) & (axis < high + 4)].sum()
        assert inside > 0.98 * infarct.sum()


def test_infarcted_white_matter_may_stay_apart(head: Head) -> None:
    territory = Territory(
        place=Place.OCCIPITAL, volume_ml=20.0, side=Side.RIGHT, rim_mm=2.0, shape_seed=3
    )
    alike, apart = with_territory(head, territory), with_territory(head, territory, BY_TISSUE)
    lost = head.fraction(Tissue.WHITE) - apart.fraction(Tissue.WHITE)
    assert np.allclose(apart.fraction(Tissue.INFARCTED_WHITE), lost, atol=1e-6)
    assert np.allclose(truth_fraction(alike), truth_fraction(apart), atol=1e-6)
