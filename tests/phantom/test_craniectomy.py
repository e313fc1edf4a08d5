from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.craniectomy import Craniectomy, with_craniectomy
from corelab.phantom.lesion import Side, truth_of
from corelab.phantom.tissue import Tissue

BONE = (Tissue.BONE, Tissue.DIPLOE)


@pytest.fixture(scope="module")
def opened(stroke: Head) -> Head:
    return with_craniectomy(stroke, Craniectomy(side=Side.LEFT, bulge_mm=8.0))


def bone_of(head: Head) -> np.ndarray:
    return sum(head.fraction(tissue) for tissue in BONE)


def flap_of(head: Head) -> np.ndarray:
    """Vault amid the flap, on the left."""
    x, y, z = (domain.refine(part) for part in head.atlas_mm)
    amid = (np.abs(y + 8) < 30) & (np.abs(z - 24) < 24)
    return (x < -22) & amid & (np.abs(head.depth_mm) < 12)


def test_there_is_no_bone_in_the_hole(stroke: Head, opened: Head) -> None:
    flap = flap_of(stroke)
    assert bone_of(stroke)[flap].max() > 0.9
    assert bone_of(opened)[flap].max() < 0.02


def test_the_other_side_stays(stroke: Head, opened: Head) -> None:
    right = domain.refine(stroke.atlas_mm[0]) > 10
    for tissue, field in stroke.fractions.items():
        assert np.allclose(field[right], opened.fraction(tissue)[right], atol=2e-3)


def test_fractions_still_sum_to_one(opened: Head) -> None:
    assert np.abs(sum(opened.fractions.values()) - 1).max() < 1e-4


def test_a_bulging_brain_stands_out_of_the_skull(stroke: Head, opened: Head) -> None:
    outside = stroke.depth_mm < -1
    matter = [sum(h.fraction(t) for t in (Tissue.GREY, Tissue.INFARCT)) for h in (stroke, opened)]
    assert matter[0][outside].sum() < 0.05 * matter[1][outside].sum()
    assert truth_of(opened).infarct_volume_ml > truth_of(stroke).infarct_volume_ml


def test_a_sunken_flap_makes_the_head_smaller(stroke: Head) -> None:
    sunken = with_craniectomy(stroke, Craniectomy(side=Side.LEFT, bulge_mm=-4.0))
    assert sunken.fraction(Tissue.AIR).sum() > stroke.fraction(Tissue.AIR).sum() + 5000
