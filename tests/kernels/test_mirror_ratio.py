from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.midline import Midline
from corelab.kernels.mirror_ratio import MirrorRatio, distrust_uneven_slices, mirror_ratio
from corelab.kernels.reduction import interpolate
from corelab.kernels.tissue_ct import sort_tissue

SPACING_MM = (1.5, 1.5, 5.0)
SHAPE = (80, 80, 4)
MIDDLE = Midline((1.0, 0.0, 0.0), 39.5 * 1.5, 0.0)
NOWHERE = np.zeros(SHAPE, dtype=bool)
LEFT = np.s_[10:30, 25:55, :]
RIGHT = np.s_[50:70, 25:55, :]
CENTRE_LEFT = np.s_[18:22, 38:42, 1:3]
CENTRE_RIGHT = np.s_[58:62, 38:42, 1:3]


def ratio_of(image: NDArray[np.float32], lesion: NDArray[np.bool_] = NOWHERE) -> MirrorRatio:
    brain = np.zeros(SHAPE, dtype=bool)
    brain[4:76, 4:76] = True
    tissue = sort_tissue(np.where(brain, image, -20).astype(np.float32), brain, SPACING_MM)
    return mirror_ratio(tissue, MIDDLE, lesion=lesion, deep=tissue.weight == 1)


def wide_of(ratio: MirrorRatio) -> NDArray[np.float32]:
    return interpolate(ratio.wide, ratio.coarse.factors, SHAPE)


def test_a_dark_place_stands_out_against_its_mirror() -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    image[RIGHT] = 22
    ratio = ratio_of(image)
    assert ratio.border[CENTRE_RIGHT].mean() == pytest.approx(22 / 34, abs=0.03)
    assert wide_of(ratio)[CENTRE_RIGHT].mean() < 0.75
    assert ratio.seed[CENTRE_RIGHT].mean() == pytest.approx(22 / 34, abs=0.03)
    assert ratio.border[CENTRE_LEFT].min() == 1
    assert ratio.seed[CENTRE_LEFT].min() > 1.2


def test_what_is_dark_on_both_sides_does_not() -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    image[RIGHT] = 22
    image[LEFT] = 22
    ratio = ratio_of(image)
    assert ratio.seed[CENTRE_RIGHT].mean() == pytest.approx(1, abs=0.02)
    assert ratio.border[CENTRE_RIGHT].mean() > 0.97
    assert ratio.level[CENTRE_RIGHT].mean() == pytest.approx(22 / 34, abs=0.02)


def test_a_bright_mirror_makes_no_lesion() -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    image[LEFT] = 46
    ratio = ratio_of(image)
    assert ratio.seed[CENTRE_RIGHT].mean() == pytest.approx(1 / 1.1, abs=0.02)
    assert ratio.border[CENTRE_RIGHT].min() == pytest.approx(1, abs=0.01)
    assert wide_of(ratio)[CENTRE_RIGHT].min() == pytest.approx(1, abs=0.01)


def test_a_known_lesion_does_not_count_as_spread() -> None:
    rng = np.random.default_rng(2)
    image = (34 + rng.normal(0, 3, SHAPE)).astype(np.float32)
    image[8:34, 8:48] -= 12
    lesion = NOWHERE.copy()
    lesion[8:34, 8:48] = True
    assert ratio_of(image, lesion).spread < 0.5 * ratio_of(image).spread


def test_a_large_known_lesion_hides_no_other_opposite_to_it() -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    image[RIGHT] = 22
    image[LEFT] = 22
    lesion = NOWHERE.copy()
    lesion[LEFT] = True
    ratio = ratio_of(image, lesion)
    assert ratio.seed[CENTRE_RIGHT].mean() == pytest.approx(22 / 34, abs=0.03)
    assert ratio.border[CENTRE_RIGHT].mean() == pytest.approx(22 / 34, abs=0.03)


def test_what_is_dark_by_nature_stays_dark_in_a_healed_mirror() -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    image[LEFT] = 22
    image[14:26, 32:48, :] = 19
    image[54:66, 32:48, :] = 30
    lesion = NOWHERE.copy()
    lesion[LEFT] = True
    assert ratio_of(image, lesion).seed[CENTRE_RIGHT].mean() > 0.97


def test_what_both_sides_have_and_was_found_in_small_pieces_stays_no_lesion() -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    left, right = np.s_[12:22, 35:50, 1:3], np.s_[58:68, 35:50, 1:3]
    image[left], image[right] = 22, 22
    lesion = NOWHERE.copy()
    lesion[left] = True
    assert ratio_of(image, lesion).seed[61:65, 40:45, 1:3].mean() > 0.97


def test_an_even_brain_has_no_spread() -> None:
    assert ratio_of(np.full(SHAPE, 34, dtype=np.float32)).spread < 1e-3


def test_an_uneven_slice_counts_for_less_at_the_base_of_the_skull_only() -> None:
    i, j, _ = np.indices(SHAPE)
    pattern = np.where((i + j) % 2 == 0, 1, -1).astype(np.float32)
    seed = 1 + np.array([0.03, 0.18, 0.03, 0.18], dtype=np.float32) * pattern
    plain = ratio_of(np.full(SHAPE, 33, dtype=np.float32))
    ratio = plain._replace(border=seed, seed=seed, wide=seed, spread=0.03)
    base = np.array([True, True, False, False])
    drawn = distrust_uneven_slices(ratio, base, np.ones(SHAPE, dtype=bool), NOWHERE)
    for part in (drawn.border, drawn.seed, drawn.wide):
        assert np.abs(part[:, :, 1] - 1).max() < 0.3 * 0.18
        np.testing.assert_array_equal(part[:, :, 2:], seed[:, :, 2:])


def test_a_side_that_is_darker_throughout_lacks_little_on_the_wide_scale() -> None:
    shaded = np.full(SHAPE, 34, dtype=np.float32)
    shaded[40:] -= 2
    ratio = ratio_of(shaded)
    plain = interpolate(ratio.coarse.lacking(8.0, 8.0), ratio.coarse.factors, SHAPE)
    missing = 1 - wide_of(ratio)[CENTRE_RIGHT].mean()
    assert missing < 0.85 * (1 - plain[CENTRE_RIGHT].mean())
    shaded[RIGHT] -= 8
    assert wide_of(ratio_of(shaded))[CENTRE_RIGHT].mean() < 0.88


def test_a_suspected_infarct_does_not_make_its_own_slice_uneven() -> None:
    i, j, _ = np.indices(SHAPE)
    seed = (1 + 0.03 * np.where((i + j) % 2 == 0, 1, -1)).astype(np.float32)
    seed[50:70] = 0.75
    seed[10:30] = 1.3
    plain = ratio_of(np.full(SHAPE, 33, dtype=np.float32))
    ratio = plain._replace(border=seed, seed=seed, wide=seed, spread=0.045)
    base, deep = np.ones(4, dtype=bool), np.ones(SHAPE, dtype=bool)
    suspected = (seed == np.float32(0.75)) | (seed == np.float32(1.3))
    assert distrust_uneven_slices(ratio, base, deep, NOWHERE).seed[60].min() > 0.85
    drawn = distrust_uneven_slices(ratio, base, deep, suspected)
    np.testing.assert_array_equal(drawn.seed, seed)
    assert drawn.wide[60].min() > 0.85


@pytest.mark.parametrize(("mirror_share", "expected_hu"), [(0.0, 34), (0.5, 31), (1.0, 28)])
def test_a_share_of_what_the_mirror_lacks_is_expected_here(
    mirror_share: float, expected_hu: float
) -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    image[RIGHT], image[LEFT] = 22, 28
    below = ratio_of(image).coarse.below_expected(3.0, 5.0, mirror_share)
    centre = interpolate(below, ratio_of(image).coarse.factors, SHAPE)[CENTRE_RIGHT].mean()
    assert centre == pytest.approx((expected_hu - 22) / 34, abs=0.03)
