from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.ct_outline import Outline, outline_infarct
from corelab.kernels.ct_parameters import DEFAULT
from corelab.kernels.ct_plane import RoughOutline
from corelab.kernels.tissue_ct import sort_tissue

SPACING_MM = (1.0, 1.0, 5.0)
SHAPE = (110, 110, 6)
NOWHERE = np.zeros(SHAPE, dtype=bool)
BLOCK = np.s_[30:60, 40:70, 1:5]


def outlined(image: NDArray[np.float32], grown: NDArray[np.bool_] | None = None) -> Outline:
    brain = np.zeros(SHAPE, dtype=bool)
    brain[5:105, 5:105] = True
    if grown is None:
        grown = np.zeros(SHAPE, dtype=bool)
        grown[BLOCK] = True
    tissue = sort_tissue(np.where(brain, image, -20).astype(np.float32), brain, SPACING_MM)
    return outline_infarct(tissue, RoughOutline(grown, NOWHERE, NOWHERE), DEFAULT)


def an_image() -> NDArray[np.float32]:
    image = np.full(SHAPE, 33, dtype=np.float32)
    image[BLOCK] = 21
    return image


def test_a_block_keeps_its_volume() -> None:
    outline = outlined(an_image())
    assert outline.mask.sum() == pytest.approx(30 * 30 * 4, rel=0.04)
    assert not outline.blood.any()


def test_blood_in_the_middle_is_taken_in() -> None:
    image = an_image()
    image[40:50, 50:60, 2:4] = 65
    outline = outlined(image)
    assert outline.mask.sum() == pytest.approx(30 * 30 * 4, rel=0.04)
    assert outline.blood.sum() == pytest.approx(10 * 10 * 2, rel=0.2)


def test_blood_at_the_rim_is_taken_in_when_the_infarct_surrounds_most_of_it() -> None:
    image = an_image()
    image[32:42, 50:60, 2:4] = 65
    assert outlined(image).blood.sum() == pytest.approx(10 * 10 * 2, rel=0.2)


def test_a_bleed_beside_the_infarct_stays_outside() -> None:
    image = an_image()
    image[60:75, 48:62, 2:4] = 65
    outline = outlined(image)
    assert not outline.blood.any()
    assert not outline.mask[62:75].any()


def test_calcium_is_no_blood() -> None:
    image = an_image()
    image[42:48, 52:58, 2:4] = 180
    assert not outlined(image).blood.any()


def test_fluid_beside_the_infarct_is_given_up() -> None:
    image = an_image()
    image[52:60, 40:70, 1:5] = 7
    outline = outlined(image)
    assert outline.mask[54:].sum() == 0
    assert outline.mask.sum() == pytest.approx(22 * 30 * 4, rel=0.06)


def test_a_soft_middle_that_leads_nowhere_is_infarct() -> None:
    image = an_image()
    image[40:50, 50:60, 2:4] = 10
    assert outlined(image).mask[BLOCK].mean() > 0.95
    image[40:110, 50:60, 2:4] = 10
    assert not outlined(image).mask[42:60, 52:58, 2:4].any()


def test_an_effaced_sulcus_is_closed() -> None:
    image = an_image()
    image[44:46, 40:70, 1:5] = 27
    outline = outlined(image)
    assert outline.mask[44:46, 45:65, 1:5].all()


def test_low_and_high_enclose_the_mask() -> None:
    rough = np.random.default_rng(6).normal(0, 3, SHAPE).astype(np.float32)
    outline = outlined(an_image() + rough)
    assert not (outline.low & ~outline.mask).any()
    assert not (outline.mask & ~outline.high).any()
    assert outline.low.sum() <= outline.mask.sum() <= outline.high.sum()


def test_crumbs_are_dropped() -> None:
    image = an_image()
    image[80:84, 80:84, 2] = 20
    grown = np.zeros(SHAPE, dtype=bool)
    grown[BLOCK] = True
    grown[80:84, 80:84, 2] = True
    assert not outlined(image, grown).mask[75:].any()


def test_what_a_moved_plane_changes_widens_the_range() -> None:
    brain = np.zeros(SHAPE, dtype=bool)
    brain[5:105, 5:105] = True
    image = np.where(brain, an_image(), -20).astype(np.float32)
    tissue = sort_tissue(image, brain, SPACING_MM)
    grown, gained, lost = NOWHERE.copy(), NOWHERE.copy(), NOWHERE.copy()
    grown[BLOCK] = True
    gained[60:64, 40:70, 1:5] = True
    lost[30:34, 40:70, 1:5] = True
    still = outline_infarct(tissue, RoughOutline(grown, NOWHERE, NOWHERE), DEFAULT)
    moved = outline_infarct(tissue, RoughOutline(grown, gained, lost), DEFAULT)
    np.testing.assert_array_equal(moved.mask, still.mask)
    assert moved.low.sum() < still.low.sum()
    assert moved.high.sum() > still.high.sum()
