from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import (
    Emboli,
    Side,
    Wedge,
    truth_fraction,
    truth_of,
    with_blood,
    with_emboli,
    with_wedge,
)
from corelab.phantom.planning import ct_grid, mr_grid, two_step_ct_grid
from corelab.phantom.sampling import sample
from corelab.phantom.tissue import Tissue


def test_the_wanted_volume_is_met(stroke: Head) -> None:
    assert truth_of(stroke).infarct_volume_ml == pytest.approx(40.0, abs=1e-3)


@pytest.mark.parametrize("volume_ml", [0.3, 250.0])
def test_small_and_hemispheric_infarcts_meet_their_volume(head: Head, volume_ml: float) -> None:
    wedge = Wedge(volume_ml=volume_ml, side=Side.RIGHT, rim_mm=2.0, shape_seed=1)
    truth = truth_of(with_wedge(head, wedge))
    assert truth.infarct_volume_ml == pytest.approx(volume_ml, rel=1e-3)


@pytest.mark.parametrize("plan", ["straight", "tilted", "uneven", "oblique"])
def test_the_truth_does_not_depend_on_the_grid(stroke: Head, plan: str) -> None:
    rng = np.random.default_rng(3)
    grids = {
        "straight": lambda: ct_grid(stroke, rng),
        "tilted": lambda: ct_grid(stroke, rng, tilt_deg=-18.0),
        "uneven": lambda: two_step_ct_grid(stroke, rng),
        "oblique": lambda: mr_grid(stroke, rng),
    }
    grid = grids[plan]()
    areas = sample(truth_fraction(stroke), grid).sum(axis=(0, 1), dtype=np.float64)
    measured_ml = areas @ grid.frame.voxel_volumes_mm3 / 1000
    assert measured_ml == pytest.approx(truth_of(stroke).infarct_volume_ml, rel=0.01)


def test_an_infarct_stays_on_its_side(head: Head, stroke: Head) -> None:
    x = domain.refine(head.atlas_mm[0])
    infarct = truth_fraction(stroke)
    assert infarct[x > 0].sum() == 0
    assert infarct[x < 0].sum() > 0


def test_fractions_still_sum_to_one(stroke: Head) -> None:
    assert np.abs(sum(stroke.fractions.values()) - 1).max() < 1e-5


def test_a_grown_infarct_contains_the_earlier_one(head: Head, wedge: Wedge) -> None:
    small = truth_fraction(with_wedge(head, replace(wedge, volume_ml=10.0, effacement=0.0)))
    large = truth_fraction(with_wedge(head, replace(wedge, volume_ml=18.0, effacement=0.0)))
    assert (small - large).max() < 0.35
    assert np.maximum(small - large, 0).sum() < 0.01 * small.sum()


def test_the_border_is_soft(stroke: Head) -> None:
    infarct = truth_fraction(stroke)
    soft = (infarct > 0.05) & (infarct < 0.95)
    assert 0.1 < soft.sum() / (infarct > 0.05).sum() < 0.6


def test_emboli_are_many_and_meet_their_volume(head: Head) -> None:
    emboli = Emboli(volume_ml=3.0, side=Side.RIGHT, count=6, rim_mm=2.0, shape_seed=9)
    scattered = with_emboli(head, emboli)
    assert truth_of(scattered).infarct_volume_ml == pytest.approx(3.0, abs=1e-3)
    _, pieces = ndimage.label(truth_fraction(scattered) > 0.3)
    assert pieces >= 3


def test_blood_is_part_of_the_infarct(stroke: Head) -> None:
    bled = with_blood(stroke, 6.0, np.random.default_rng(2))
    truth = truth_of(bled)
    assert truth.haemorrhage_in_infarct_ml == pytest.approx(6.0, abs=0.01)
    assert truth.infarct_volume_ml == pytest.approx(40.0, abs=1e-3)
    assert not bled.fraction(Tissue.BLOOD)[truth_fraction(stroke) == 0].any()


def test_same_seed_gives_the_same_bytes(head: Head, wedge: Wedge, stroke: Head) -> None:
    again = with_wedge(head, wedge)
    assert truth_fraction(again).tobytes() == truth_fraction(stroke).tobytes()


def test_a_head_without_lesion_has_a_volume_of_zero(head: Head) -> None:
    assert truth_of(head).infarct_volume_ml == 0
