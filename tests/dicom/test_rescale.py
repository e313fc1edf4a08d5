"""Stored numbers to values: Philips signal on its own scale, maps as displayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from corelab.dicom.pixels import load
from corelab.errors import ReasonCode
from corelab.series import Series
from corelab.vocab import ValueScale
from tests.dicom.tiny import (
    Change,
    enhanced_mr,
    index_all,
    mr_slice,
    only,
    refusal_of,
    stored_values,
    write,
    write_stack,
)

SLOPE, INTERCEPT, SCALE_SLOPE = 2.0, 6.0, 0.25


def philips(scale_slope: float | None, *, slope: float = SLOPE, **more: object) -> Change:
    def change(slice_: Dataset, _k: int) -> None:
        slice_.RescaleSlope, slice_.RescaleIntercept = str(slope), str(INTERCEPT)
        if scale_slope is not None:
            block = slice_.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
            block.add_new(0x0E, "FL", scale_slope)
        for keyword, value in more.items():
            setattr(slice_, keyword, value)

    return change


def first_slice(series: Series) -> object:
    return np.asarray(load(series).data)[:, :, 0].T


def test_philips_signal_is_its_displayed_value_over_both_slopes(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice, change=philips(SCALE_SLOPE))
    series = only(index_all(tmp_path))
    assert series.value_scale is ValueScale.FLOATING_POINT
    displayed = stored_values() * SLOPE + INTERCEPT
    np.testing.assert_allclose(first_slice(series), displayed / (SLOPE * SCALE_SLOPE))


def test_slices_of_other_slopes_come_to_one_scale(tmp_path: Path) -> None:
    """The same signal, stored twice as large with half the slopes, has the same value."""
    write_stack(tmp_path / "a", make=mr_slice, change=philips(1.0, RescaleIntercept="0"))
    one = only(index_all(tmp_path / "a"))

    def halved(slice_: Dataset, k: int) -> None:
        philips(0.5 if k % 2 else 1.0, RescaleIntercept="0")(slice_, k)
        stored = np.frombuffer(slice_.PixelData, "<i2") // (2 if k % 2 else 1)
        slice_.PixelData = stored.astype("<i2").tobytes()

    write_stack(tmp_path / "b", make=mr_slice, change=halved)
    other = only(index_all(tmp_path / "b"))
    np.testing.assert_allclose(load(one).data, load(other).data, atol=1.0)


def test_a_philips_adc_map_keeps_the_values_that_were_displayed(tmp_path: Path) -> None:
    adc = ["DERIVED", "PRIMARY", "ADC", "ADC"]
    write_stack(tmp_path, make=mr_slice, change=philips(SCALE_SLOPE, ImageType=adc))
    series = only(index_all(tmp_path))
    assert series.value_scale is ValueScale.DISPLAYED
    np.testing.assert_allclose(first_slice(series), stored_values() * SLOPE + INTERCEPT)


def test_without_scale_slope_the_displayed_value_is_said(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice, change=philips(None))
    series = only(index_all(tmp_path))
    assert series.value_scale is ValueScale.DISPLAYED
    np.testing.assert_allclose(first_slice(series), stored_values() * SLOPE + INTERCEPT)


def test_without_any_rescale_the_stored_value_is_said(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice)
    assert only(index_all(tmp_path)).value_scale is ValueScale.STORED


def test_a_ct_is_in_hounsfield_units(tmp_path: Path) -> None:
    write_stack(tmp_path)
    assert only(index_all(tmp_path)).value_scale is ValueScale.HOUNSFIELD


@pytest.mark.parametrize("wrong", [None, 0.0, float("nan"), float("inf")])
def test_slices_without_a_common_scale_are_refused(tmp_path: Path, wrong: float | None) -> None:
    def change(slice_: Dataset, k: int) -> None:
        philips(wrong if k == 2 else SCALE_SLOPE)(slice_, k)

    write_stack(tmp_path, make=mr_slice, change=change)
    refusal = refusal_of(only(index_all(tmp_path)))
    assert refusal.reason is ReasonCode.RESCALE_INVALID
    assert refusal.message.startswith("the scale slope of 1 of 5 slices")


def test_real_world_values_stand_in_where_philips_gives_no_rescale(tmp_path: Path) -> None:
    def change(slice_: Dataset, k: int) -> None:
        philips(SCALE_SLOPE)(slice_, k)
        del slice_.RescaleSlope, slice_.RescaleIntercept
        mapping = Dataset()
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = SLOPE, INTERCEPT
        slice_.RealWorldValueMappingSequence = Sequence([mapping])

    write_stack(tmp_path, make=mr_slice, change=change)
    displayed = stored_values() * SLOPE + INTERCEPT
    series = only(index_all(tmp_path))
    np.testing.assert_allclose(first_slice(series), displayed / (SLOPE * SCALE_SLOPE))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
def test_scale_slope_inside_the_private_sequence_of_a_frame_is_read(
    tmp_path: Path, syntax: str
) -> None:
    whole = enhanced_mr((0.0, 1000.0))
    for frame in whole.PerFrameFunctionalGroupsSequence:
        item = Dataset()
        item.private_block(0x2005, "Philips MR Imaging DD 001", create=True).add_new(
            0x0E, "FL", SCALE_SLOPE
        )
        block = frame.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
        block.add_new(0x0F, "SQ", Sequence([item]))
    write(whole, tmp_path / "dwi.dcm", syntax)
    for series in index_all(tmp_path).series:
        assert series.value_scale is ValueScale.FLOATING_POINT
        assert series.frames[0].rescale_slope == 1 / SCALE_SLOPE
        assert series.frames[0].rescale_intercept == 1 / (2 * SCALE_SLOPE)


def test_a_rescale_that_only_some_slices_tell_is_refused(tmp_path: Path) -> None:
    """Without it the others would be on another scale; an identity says nothing else than none."""

    def some(slope: str) -> Change:
        def change(slice_: Dataset, k: int) -> None:
            if k % 2:
                slice_.RescaleSlope, slice_.RescaleIntercept = slope, "0"

        return change

    write_stack(tmp_path / "a", make=mr_slice, change=some("2"))
    assert refusal_of(only(index_all(tmp_path / "a"))).reason is ReasonCode.RESCALE_INVALID
    write_stack(tmp_path / "b", make=mr_slice, change=some("1"))
    assert only(index_all(tmp_path / "b")).refusal is None
