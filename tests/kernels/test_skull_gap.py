from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.skull_gap import is_skull_open
from tests.kernels.ct_phantom import CtHead, Recipe, build_ct_head, head_axes

RECIPE = Recipe()


@pytest.fixture(scope="module")
def head() -> CtHead:
    return build_ct_head(RECIPE)


def without_bone(head: CtHead, where: NDArray[np.bool_]) -> NDArray[np.int16]:
    return np.where(where & (head.hu > 60), np.int16(35), head.hu)


def test_a_whole_skull_is_closed(head: CtHead) -> None:
    assert not is_skull_open(head.hu, head.brain, head.spacing_mm)


def test_a_craniectomy_is_open(head: CtHead) -> None:
    right, _, up = head_axes(RECIPE)
    flap = (right > 35) & (up > 0) & (up < 45)
    assert is_skull_open(without_bone(head, flap), head.brain, head.spacing_mm)


def test_a_burr_hole_is_no_open_skull(head: CtHead) -> None:
    right, front, up = head_axes(RECIPE)
    hole = (right > 35) & (np.hypot(front, up - 20) < 8)
    assert not is_skull_open(without_bone(head, hole), head.brain, head.spacing_mm)


def test_a_stripped_brain_is_no_open_skull(head: CtHead) -> None:
    stripped = np.where(head.brain, head.hu, np.int16(0))
    assert not is_skull_open(stripped, head.brain, head.spacing_mm)


def test_a_head_cut_by_the_field_of_view_is_no_open_skull(head: CtHead) -> None:
    first = int(np.flatnonzero(head.brain.any(axis=(1, 2)))[0]) + 3
    assert not is_skull_open(head.hu[first:], head.brain[first:], head.spacing_mm)
