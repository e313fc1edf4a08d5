from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.ct_wide import WideView, find_wide_regions, unevenness, upright_groups
from corelab.kernels.midline import Midline
from corelab.kernels.smoothing import gaussian

SPACING_MM = (3.0, 3.0, 5.0)
SHAPE = (50, 60, 20)
DEFAULT = CtParameters()
RIGHT = np.s_[32:44, 20:36, 6:12]
LEFT = np.s_[6:18, 20:36, 6:12]


def lacking(seed: int = 1) -> NDArray[np.float32]:
    """What an even brain lacks: 0.02 root mean square, as smooth as the wide scale makes it."""
    rough = np.random.default_rng(seed).normal(0, 1, SHAPE).astype(np.float32)
    smooth = gaussian(rough, (8.0, 8.0, 0.0), spacing_mm=SPACING_MM)
    above = np.maximum(smooth, 0)
    return np.asarray(0.02 * above / np.sqrt(np.mean(np.square(above))), dtype=np.float32)


def a_view(missing: NDArray[np.float32]) -> WideView:
    inside = np.zeros(SHAPE, dtype=bool)
    inside[2:48, 2:58] = True
    middle = Midline((1.0, 0.0, 0.0), 24.5 * SPACING_MM[0], 0.0)
    return WideView(1 - missing, inside, inside, inside, middle, SPACING_MM)


def test_a_large_faint_region_is_found_with_its_border() -> None:
    missing = lacking()
    missing[RIGHT] += 0.13
    (region,) = find_wide_regions(a_view(missing), DEFAULT)
    assert region.core == pytest.approx(0.86, abs=0.02)
    assert region.mask[RIGHT].mean() > 0.95
    assert region.size == pytest.approx(12 * 16 * 6, rel=0.15)


@pytest.mark.parametrize("seed", range(6))
def test_an_even_brain_has_no_wide_region(seed: int) -> None:
    assert find_wide_regions(a_view(lacking(seed)), DEFAULT) == []


def test_a_small_faint_place_is_chance() -> None:
    missing = lacking()
    missing[36:41, 26:32, 8:10] += 0.13
    assert find_wide_regions(a_view(missing), DEFAULT) == []


def test_the_same_on_both_sides_is_no_region() -> None:
    missing = lacking()
    missing[RIGHT] += 0.13
    missing[LEFT] += 0.13
    assert find_wide_regions(a_view(missing), DEFAULT) == []


def test_a_region_does_not_hide_in_its_own_statistics() -> None:
    missing = lacking()
    before = unevenness(a_view(missing))
    missing[RIGHT] += 0.3
    assert unevenness(a_view(missing)) == pytest.approx(before, rel=0.15)
    assert np.sqrt(np.mean(np.square(missing))) > 2 * before


def test_a_group_of_one_wide_slice_is_left_out() -> None:
    groups = np.zeros(SHAPE, dtype=bool)
    groups[RIGHT] = True
    groups[LEFT[0], LEFT[1], 8] = True
    upright = upright_groups(groups, SPACING_MM, DEFAULT.seed_flatness)
    assert upright[RIGHT].all()
    assert not upright[LEFT].any()
