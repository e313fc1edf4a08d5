from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.observer import best_overlap
from benchmarks.accuracy.scoring import dice
from tests.benchmarks.small import MM, box, brain


def test_who_knows_the_healthy_head_loses_nothing_without_noise() -> None:
    dark = 6 * box().astype(np.float32)
    assert best_overlap(dark, box(), brain(), spacing_mm=MM) == 1.0


def test_a_cut_that_suits_the_head_is_found() -> None:
    dark = 6 * box().astype(np.float32)
    dark[:, 30:40] += np.float32(4)
    assert best_overlap(dark, box(), brain(), spacing_mm=MM) == 1.0


def test_what_hangs_together_with_the_infarct_and_is_as_dark_is_lost() -> None:
    spread = box()
    spread[8:18, 30:36, 1:5] = True
    found = best_overlap(6 * spread.astype(np.float32), box(), brain(), spacing_mm=MM)
    assert found == pytest.approx(dice(spread & brain(), box()))
    elsewhere = box()
    elsewhere[30:40, 18:30, 1:5] = True
    dark = 6 * elsewhere.astype(np.float32)
    assert best_overlap(dark, box(), brain(), spacing_mm=MM) == 1.0
