from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import Wedge, truth_of
from corelab.phantom.swelling import with_mass_effect
from corelab.phantom.tissue import Tissue


@pytest.fixture(scope="module")
def swollen(stroke: Head) -> Head:
    return with_mass_effect(stroke, 6.0)


def test_fractions_still_sum_to_one(swollen: Head) -> None:
    assert np.abs(sum(swollen.fractions.values()) - 1).max() < 1e-5
    assert min(field.min() for field in swollen.fractions.values()) > -1e-5


def test_the_infarct_grows_and_the_fluid_gives_way(
    stroke: Head, swollen: Head, wedge: Wedge
) -> None:
    assert truth_of(swollen).infarct_volume_ml > 1.1 * wedge.volume_ml
    assert swollen.fraction(Tissue.CSF).sum() < stroke.fraction(Tissue.CSF).sum()


def test_the_skull_stays(stroke: Head, swollen: Head) -> None:
    assert np.array_equal(stroke.fraction(Tissue.BONE), swollen.fraction(Tissue.BONE))


def test_the_midline_moves_away_from_the_infarct(stroke: Head, swollen: Head) -> None:
    x = np.arange(stroke.depth_mm.shape[0])[:, None, None]

    def fluid_centre(one: Head) -> float:
        deep = one.fraction(Tissue.CSF) * (one.depth_mm > 30)
        return float((x * deep).sum() / deep.sum())

    assert fluid_centre(swollen) > fluid_centre(stroke)
