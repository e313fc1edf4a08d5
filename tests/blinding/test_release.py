from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from corelab.blinding.release import allow_list, release
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Series, SeriesKind, Stack
from corelab.vocab import Acquisition, Contrast
from tests.factories import make_series


def stack(series: Series) -> Stack:
    return Stack(series=series, data=np.ones((4, 4, 30), np.int16), decoder="numpy 2.3.1")


def test_only_geometry_voxels_and_listed_numbers_cross() -> None:
    source = stack(make_series())
    volume = release(source)
    assert volume.acquisition == Acquisition(
        contrast=Contrast.CT, kilovolts=120.0, slice_thickness_mm=5.0, decoder="numpy 2.3.1"
    )
    assert not np.shares_memory(volume.data, source.data)
    np.testing.assert_array_equal(volume.data, source.data)


def test_an_acquisition_has_no_field_that_the_list_does_not_name() -> None:
    fields = set(asdict(Acquisition(contrast=Contrast.CT)))
    words = {"contrast", "decoder", "is_lossy", "has_bits_outside"}
    assert fields == words | set(allow_list())


def test_every_listed_number_says_why_and_by_which_clause() -> None:
    for number in allow_list().values():
        assert number.why
        assert number.clause.startswith("PS3.")
        assert number.minimum < number.maximum


def test_a_number_beyond_any_scanner_stops_the_series() -> None:
    with pytest.raises(UnfitDataError, match="kilovolts is 7e\\+06") as caught:
        release(stack(make_series(kilovolts=7_000_000.0)))
    assert caught.value.reason is ReasonCode.OUTSIDE_ACQUISITION_LIMITS


def test_a_scout_is_never_released() -> None:
    with pytest.raises(UnfitDataError, match="only CT"):
        release(stack(make_series(kind=SeriesKind.SCOUT)))
