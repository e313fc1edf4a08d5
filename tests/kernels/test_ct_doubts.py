from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.ct_doubts import has_blood_outside, suspects_old_infarct
from corelab.kernels.midline import Midline
from corelab.kernels.tissue_ct import CtTissue, sort_tissue

SPACING_MM = (1.5, 1.5, 5.0)
SHAPE = (96, 96, 6)
MIDDLE = Midline((1.0, 0.0, 0.0), 47.5 * 1.5, 0.0)
NOWHERE = np.zeros(SHAPE, dtype=bool)
BLOCK = np.s_[66:82, 40:56, 1:5]
MIRRORED = np.s_[14:30, 40:56, 1:5]


def tissue_of(image: NDArray[np.float32]) -> CtTissue:
    brain = np.zeros(SHAPE, dtype=bool)
    brain[4:92, 4:92] = True
    return sort_tissue(np.where(brain, image, -20).astype(np.float32), brain, SPACING_MM)


def plain() -> NDArray[np.float32]:
    return np.full(SHAPE, 33, dtype=np.float32)


def test_a_bleed_away_from_the_infarct_is_outside() -> None:
    image = plain()
    image[BLOCK] = 65
    assert has_blood_outside(tissue_of(image), NOWHERE)


def test_a_bleed_inside_the_infarct_is_not_outside() -> None:
    image = plain()
    image[BLOCK] = 65
    infarct = NOWHERE.copy()
    infarct[BLOCK] = True
    assert not has_blood_outside(tissue_of(image), infarct)


def test_a_vein_and_calcium_are_no_bleed() -> None:
    image = plain()
    image[70:73, 10:80, 2] = 60
    image[BLOCK] = 200
    assert not has_blood_outside(tissue_of(image), NOWHERE)


def test_a_cavity_on_one_side_is_old() -> None:
    image = plain()
    image[BLOCK] = 7
    assert suspects_old_infarct(tissue_of(image), MIDDLE, NOWHERE)


def test_fluid_alike_on_both_sides_is_not_old() -> None:
    image = plain()
    image[BLOCK] = 7
    image[MIRRORED] = 7
    assert not suspects_old_infarct(tissue_of(image), MIDDLE, NOWHERE)


def test_a_wide_ventricle_is_not_old() -> None:
    image = plain()
    image[50:60, 30:66, 1:5] = 7
    assert not suspects_old_infarct(tissue_of(image), MIDDLE, NOWHERE)


def test_an_infarct_near_the_density_of_fluid_is_old() -> None:
    image = plain()
    infarct = NOWHERE.copy()
    infarct[BLOCK] = True
    image[BLOCK] = 13.5
    assert suspects_old_infarct(tissue_of(image), MIDDLE, infarct)
    image[BLOCK] = 18
    assert not suspects_old_infarct(tissue_of(image), MIDDLE, infarct)
