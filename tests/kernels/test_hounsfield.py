from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.hounsfield import has_metal_near, has_usual_brain

SHAPE = (20, 30, 4)


@pytest.fixture
def brain() -> NDArray[np.bool_]:
    """A block that leaves a border in the slices and no brain in the last one."""
    mask = np.zeros(SHAPE, bool)
    mask[5:15, 5:25, :3] = True
    return mask


def head(brain: NDArray[np.bool_], hu: int) -> NDArray[np.int16]:
    return np.where(brain, hu, -1000).astype(np.int16)


@pytest.mark.parametrize(
    ("hu", "is_usual"), [(-988, False), (10, False), (26, True), (36, True), (61, False)]
)
def test_a_brain_off_its_hu_is_unusual(
    brain: NDArray[np.bool_], hu: int, *, is_usual: bool
) -> None:
    assert has_usual_brain(head(brain, hu), brain) is is_usual


@pytest.mark.parametrize(
    ("place", "is_near"),
    [
        pytest.param((10, 15, 1), True, id="clip in the brain"),
        pytest.param((5, 24, 0), True, id="screw at its corner"),
        pytest.param((10, 28, 1), False, id="tooth in front of it"),
        pytest.param((10, 15, 3), False, id="above it"),
    ],
)
def test_metal_counts_within_the_rectangle_of_the_brain(
    brain: NDArray[np.bool_], place: tuple[int, int, int], *, is_near: bool
) -> None:
    hu = head(brain, 35)
    hu[place] = 3071
    assert has_metal_near(hu, brain) is is_near


def test_bone_is_no_metal(brain: NDArray[np.bool_]) -> None:
    hu = head(brain, 35)
    hu[5, 5, 1] = 2400
    assert not has_metal_near(hu, brain)
