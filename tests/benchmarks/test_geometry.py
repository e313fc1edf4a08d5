from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import geometry
from benchmarks.accuracy.geometry import Ellipsoid, measure_ellipsoids
from benchmarks.accuracy.tables import geometry_target


@pytest.fixture(scope="module")
def few() -> list[Ellipsoid]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geometry, "PLACEMENTS", 1)
        patch.setattr(geometry, "VOLUMES_ML", (20.0,))
        patch.setattr(geometry, "_STACKS", {"2.5 mm": np.full(26, 2.5)})
        return list(measure_ellipsoids())


def test_shares_of_voxels_are_the_ellipsoids_volume(few: list[Ellipsoid]) -> None:
    for one in few:
        assert one.shares_ml == pytest.approx(one.true_ml, rel=2e-4)


def test_masks_come_near_at_any_tilt(few: list[Ellipsoid]) -> None:
    for one in few:
        assert one.measured_ml == pytest.approx(one.true_ml, rel=0.01)


def test_the_product_of_spacings_is_too_large_by_the_tilts_cosine(few: list[Ellipsoid]) -> None:
    for one in few:
        cosine = np.cos(np.radians(one.tilt_deg))
        assert one.naive_ml == pytest.approx(one.measured_ml / cosine, rel=1e-6)


def test_the_target_is_judged_by_the_worst_mean(few: list[Ellipsoid]) -> None:
    assert geometry_target(few).is_met
    wrong = [one for one in few if one.tilt_deg] + [
        Ellipsoid(
            stack="2.5 mm",
            tilt_deg=0.0,
            true_ml=20.0,
            measured_ml=20.4,
            shares_ml=20.0,
            naive_ml=20.4,
        )
    ]
    assert not geometry_target(wrong).is_met
