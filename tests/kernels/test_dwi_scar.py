from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.across import Across
from corelab.kernels.dwi_contrast import diffusion_contrast
from corelab.kernels.dwi_evidence import gather_evidence
from corelab.kernels.dwi_lesion import Lesion
from corelab.kernels.dwi_mixture import Mixture
from corelab.kernels.dwi_parameters import DEFAULTS
from corelab.kernels.dwi_scar import has_scar
from corelab.kernels.midline import find_midline
from tests.kernels.dwi_phantom import B_VALUE, SHAPE, SPACING_MM, Blob, Change, Head, make_head

NOWHERE = np.zeros(SHAPE, dtype=bool)
RIGHT = Blob((38, 5, 12), (14, 18, 16))
LEFT = Blob((-38, 5, 12), (14, 18, 16))
SHINE = Change(adc=1.45, b0=2.6)
CAVITY = Change(adc=3.0, b0=3.0)


def told(head: Head, mask: NDArray[np.bool_] = NOWHERE) -> bool:
    across = Across(SHAPE, SPACING_MM, find_midline(head.brain, SPACING_MM))
    contrast = diffusion_contrast(head.dwi, head.adc, head.brain, across, b_value_s_mm2=B_VALUE)
    evidence = gather_evidence(contrast, head.brain, across)
    nothing = Mixture(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32))
    lesion = Lesion(contrast, evidence, head.brain, across, DEFAULTS, NOWHERE, nothing)
    return has_scar(lesion, mask)


@pytest.mark.parametrize("change", [SHINE, CAVITY], ids=["shine-through", "cavity"])
def test_free_water_on_one_side_is_told_and_on_both_sides_is_not(change: Change) -> None:
    assert told(make_head((RIGHT,), change=change))
    assert not told(make_head((RIGHT, LEFT), change=change))


def test_a_healthy_head_and_a_fresh_infarct_hold_no_scar() -> None:
    assert not told(make_head())
    assert not told(make_head((RIGHT,)))


def test_what_lies_in_the_new_infarct_is_not_old() -> None:
    head = make_head((RIGHT,), change=SHINE)
    assert not told(head, head.fraction > 0)
