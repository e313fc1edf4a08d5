from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.ct_extent import extent_of
from corelab.kernels.midline import Midline
from corelab.kernels.mirror_ratio import mirror_ratio
from corelab.kernels.overlap import dice
from corelab.kernels.tissue_ct import CtTissue, sort_tissue

SPACING_MM = (1.5, 1.5, 5.0)
SHAPE = (80, 80, 10)
MIDDLE = Midline((1.0, 0.0, 0.0), 39.5 * 1.5, 0.0)
BOX = np.s_[50:70, 25:55, 2:8]
BRAIN = np.zeros(SHAPE, dtype=bool)
BRAIN[4:76, 4:76] = True


class Case(NamedTuple):
    """What an extent is made of, and what it is."""

    tissue: CtTissue
    mask: NDArray[np.bool_]


def in_box() -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[BOX] = True
    return mask


def an_image(depth_hu: float = 8.0, noise_hu: float = 3.0) -> NDArray[np.float32]:
    image = 34 + np.random.default_rng(7).normal(0, noise_hu, SHAPE)
    image[BOX] -= depth_hu
    return image.astype(np.float32)


def extended(image: NDArray[np.float32], found: NDArray[np.bool_]) -> Case:
    tissue = sort_tissue(np.where(BRAIN, image, -20).astype(np.float32), BRAIN, SPACING_MM)
    ratio = mirror_ratio(tissue, MIDDLE, lesion=found, deep=tissue.weight == 1)
    return Case(tissue, extent_of(tissue, ratio.coarse, found))


def test_what_an_infarct_lacks_beyond_what_was_found_is_taken_in() -> None:
    found = in_box()
    found[:, 40:] = False
    assert dice(extended(an_image(), found).mask, in_box()) > 0.9


def test_slices_that_were_left_out_are_taken_in() -> None:
    found = in_box()
    found[:, :, [2, 3, 7]] = False
    mask = extended(an_image(), found).mask
    assert dice(mask, in_box()) > 0.9
    assert not mask[:, :, [0, 9]].any()


def test_healthy_tissue_is_given_up() -> None:
    found = np.zeros(SHAPE, dtype=bool)
    found[46:74, 20:62, 2:8] = True
    assert dice(extended(an_image(), found).mask, in_box()) > 0.9


def test_holes_of_noise_are_filled() -> None:
    found = in_box()
    found[57:62, 37:43, 4:6] = False
    image = an_image()
    image[57:62, 37:43, 4] += 6
    assert extended(image, found).mask[57:62, 37:43, 4:6].all()


def test_around_a_bleed_the_surroundings_decide() -> None:
    image = an_image()
    image[54:66, 33:47, 4:6] = 65
    found = in_box()
    found[:, :, 4:6] = False
    mask = extended(image, found).mask
    assert mask[54:66, 33:47, 4:6].mean() > 0.95
    assert dice(mask, in_box()) > 0.88


def test_fluid_is_no_part_of_it() -> None:
    image = an_image()
    image[62:70, 25:55] = 7
    case = extended(image, in_box())
    assert not (case.mask & case.tissue.fluid).any()


def test_a_place_of_its_own_is_not_reached() -> None:
    image = an_image()
    image[50:70, 62:72, 2:8] -= 8
    assert not extended(image, in_box()).mask[:, 63:].any()


@pytest.mark.parametrize("size", [0, 1])
def test_what_is_too_small_for_the_grid_stays_as_it_is(size: int) -> None:
    found = np.zeros(SHAPE, dtype=bool)
    found[60 : 60 + size, 40 : 40 + size, 4 : 4 + size] = True
    assert np.array_equal(extended(an_image(), found).mask, found)
