from __future__ import annotations

import numpy as np
import pytest

from corelab.errors import ConfigError
from corelab.phantom import atlas


def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(atlas, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"corelab\[sample\]"):
        atlas.load_atlas.__wrapped__()


def test_the_hull_holds_the_brain() -> None:
    loaded = atlas.load_atlas()
    origin = np.array(atlas.COARSE_ORIGIN_MM)
    thalamus, outside = (0, -15, 8), (0, -15, 100)
    for point, is_inside in ((thalamus, True), (outside, False)):
        index = tuple(np.rint((np.array(point) - origin) / atlas.COARSE_MM).astype(int))
        assert (loaded.hull[index] < 0) == is_inside


def test_tissue_shares_stay_between_nothing_and_all() -> None:
    loaded = atlas.load_atlas()
    whole = loaded.grey + loaded.white
    assert whole.min() >= 0
    assert whole.max() <= 1.1
