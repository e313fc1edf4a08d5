from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corelab.phantom.anatomy import Head, build_head
from corelab.phantom.tissue import Tissue
from corelab.phantom.warp import Asymmetry, Build, draw_build

ASYMMETRY = Asymmetry(torque_mm=2.0, bow_mm=1.5, slide_mm=4.5, atrophy_spread=0.4)


@pytest.fixture(scope="module")
def straight() -> Build:
    """A build that lies straight and is bent little, so that only its asymmetry counts."""
    build = draw_build(np.random.default_rng(2))
    return replace(
        build,
        rotation_deg=(0, 0, 0),
        shift_mm=(-0.5, 0, 0),
        head_warp_mm=0.1,
        lobe_warp_mm=0.1,
        gyrus_warp_mm=0.1,
        ventricle_growth_mm=(3.0, 3.0),
    )


@pytest.fixture(scope="module")
def uneven(straight: Build) -> Head:
    return build_head(replace(straight, asymmetry=ASYMMETRY), np.random.default_rng(1))


def difference(head: Head) -> float:
    """How unlike the halves' fluid is, as a share of it."""
    fluid = head.fraction(Tissue.CSF) * (head.depth_mm > 4)
    return float(np.abs(fluid - fluid[::-1]).sum() / fluid.sum())


def test_asymmetry_makes_the_sides_differ(straight: Build, uneven: Head) -> None:
    even = build_head(straight, np.random.default_rng(1))
    assert difference(uneven) > 3 * difference(even)


def test_no_tissue_is_lost_by_it(uneven: Head) -> None:
    assert np.abs(sum(uneven.fractions.values()) - 1).max() < 1e-5
    brain_ml = sum(uneven.fraction(t).sum() for t in (Tissue.GREY, Tissue.WHITE)) / 1000
    assert 900 < brain_ml < 1500
