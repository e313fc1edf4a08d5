from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom.anatomy import Head, draw_head
from corelab.phantom.lesion import Side, Wedge, with_wedge

pytest.importorskip("nilearn", reason="the atlas ships in the nilearn package")


@pytest.fixture(scope="session")
def head() -> Head:
    return draw_head(np.random.default_rng(11))


@pytest.fixture(scope="session")
def wedge() -> Wedge:
    return Wedge(volume_ml=40.0, side=Side.LEFT, rim_mm=3.0, shape_seed=5)


@pytest.fixture(scope="session")
def stroke(head: Head, wedge: Wedge) -> Head:
    return with_wedge(head, wedge)
