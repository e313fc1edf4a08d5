from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from corelab.blinding.release import admit_decoder, allow_list, release
from corelab.dicom import syntax
from corelab.dicom.reading import Reading
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Series, SeriesKind, Stack
from corelab.vocab import Acquisition, Contrast, ValueScale
from tests.factories import make_series


def stack(series: Series) -> Stack:
    return Stack(series=series, data=np.ones((4, 4, 30), np.int16), decoder="numpy 2.3.1")


def test_only_geometry_voxels_and_listed_numbers_cross() -> None:
    source = stack(make_series())
    volume = release(source, head=None)
    assert volume.acquisition == Acquisition(
        contrast=Contrast.CT,
        kilovolts=120.0,
        slice_thickness_mm=5.0,
        value_scale=ValueScale.HOUNSFIELD,
        decoder="numpy 2.3.1",
    )
    assert not volume.data.flags.writeable
    np.testing.assert_array_equal(volume.data, source.data)


def test_an_acquisition_has_no_field_that_the_list_does_not_name() -> None:
    fields = set(asdict(Acquisition(contrast=Contrast.CT)))
    words = {"contrast", "value_scale", "derivation", "decoder", "is_lossy", "has_bits_outside"}
    assert fields == words | set(allow_list())


def test_every_listed_number_says_why_and_by_which_clause() -> None:
    for number in allow_list().values():
        assert number.why
        assert number.clause.startswith("PS3.")
        assert number.minimum < number.maximum


def test_a_number_beyond_any_scanner_stops_the_series() -> None:
    with pytest.raises(UnfitDataError, match="kilovolts is 7e\\+06") as caught:
        release(stack(make_series(kilovolts=7_000_000.0)), head=None)
    assert caught.value.reason is ReasonCode.OUTSIDE_ACQUISITION_LIMITS


@pytest.mark.parametrize(
    "text",
    [
        "numpy 2.3.1",
        "pyjpegls 1.5.1, agrees with SimpleITK 2.5.7",
        "pylibjpeg-openjpeg 2.6.0, agrees with SimpleITK 2.5.0.post1, sign by the header",
    ],
)
def test_our_own_decoders_names_cross(text: str) -> None:
    assert admit_decoder(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "native",
        "numpy",
        "numpy 2.3.1, Doe^Jane",
        "Doe 2.3.1",
        "numpy 20240305.134501",
        "numpy 2\n",
    ],
)
def test_no_other_text_crosses_as_a_decoder(text: str) -> None:
    with pytest.raises(UnfitDataError) as caught:
        admit_decoder(text)
    assert "Doe" not in caught.value.message


def test_every_decoder_and_every_reading_may_cross() -> None:
    for name in {*syntax.DECODERS.values(), "numpy"}:
        readings = "".join(f", {reading}" for reading in Reading)
        assert admit_decoder(f"{name} 1.2.3, agrees with SimpleITK 1.2{readings}")


def test_loss_and_bits_outside_cross_as_words_of_our_own() -> None:
    source = stack(replace(make_series(), is_lossy=True))
    acquisition = release(replace(source, has_bits_outside=True), head=None).acquisition
    assert acquisition is not None
    assert acquisition.is_lossy
    assert acquisition.has_bits_outside


def test_a_scout_is_never_released() -> None:
    for kind in (SeriesKind.SCOUT, SeriesKind.DERIVED, SeriesKind.NOT_AN_IMAGE):
        with pytest.raises(UnfitDataError, match="only CT"):
            release(stack(make_series(kind=kind)), head=None)


@pytest.mark.parametrize("kind", SeriesKind)
def test_what_can_be_measured_and_what_can_be_shown_are_two_questions(kind: SeriesKind) -> None:
    series = make_series(kind=kind)
    measured = {Contrast.CT, Contrast.DWI, Contrast.ADC, Contrast.B0, Contrast.FLAIR}
    assert series.contrast is None or series.contrast in measured
    if series.contrast:
        assert series.shows is series.contrast
    elif series.shows:
        assert series.shows not in measured
        assert release(stack(series), head=None).acquisition.contrast is series.shows  # type: ignore[union-attr]
