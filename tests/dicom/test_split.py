from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.split import split_series
from corelab.errors import ReasonCode
from corelab.series import SeriesKind
from corelab.vocab import QcFlag
from tests.dicom.tiny import (
    NATIVE,
    Change,
    ct_slice,
    enhanced_mr,
    index_all,
    mr_slice,
    only,
    refusal_of,
    weighted,
    write,
    write_stack,
)


def test_localizer_inside_a_series_is_split_off(tmp_path: Path) -> None:
    write_stack(tmp_path)
    scout = ct_slice(9)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    write(scout, tmp_path / "scout.dcm")
    head, localizer = index_all(tmp_path).series
    assert head.refusal is None
    assert len(head.frames) == 5
    assert localizer.kind is SeriesKind.SCOUT
    assert refusal_of(localizer).reason is ReasonCode.UNSUPPORTED_CLASS


def test_two_orientations_in_one_series_are_two_parts(tmp_path: Path) -> None:
    def turn(slice_: Dataset, k: int) -> None:
        slice_.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        slice_.ImagePositionPatient = [-10 - 5 * k, -20, 30]

    write_stack(tmp_path, 4)
    write_stack(tmp_path, 4, change=turn, start=10)
    delivery = index_all(tmp_path)
    assert [len(series.frames) for series in delivery.series] == [4, 4]
    assert all(series.refusal is None for series in delivery.series)


def acquired(first: int, offset_mm: float) -> Callable[[Dataset, int], None]:
    def change(slice_: Dataset, k: int) -> None:
        slice_.AcquisitionNumber = first
        slice_.ImagePositionPatient = [-10, -20, 30 + 5 * (k % 100) + offset_mm]

    return change


@pytest.mark.parametrize("offset_mm", [0.0, 1.3, 2.5])
def test_two_acquisitions_of_one_head_are_two_parts(tmp_path: Path, offset_mm: float) -> None:
    write_stack(tmp_path, 30, change=acquired(1, 0.0))
    write_stack(tmp_path, 30, change=acquired(2, offset_mm), start=100)
    delivery = index_all(tmp_path)
    assert [len(series.frames) for series in delivery.series] == [30, 30]
    assert all(series.refusal is None for series in delivery.series)


def test_two_halves_of_one_head_are_one_part(tmp_path: Path) -> None:
    write_stack(tmp_path, 10, change=acquired(1, 0.0))
    write_stack(tmp_path, 10, change=acquired(2, 50.0), start=100)
    series = only(index_all(tmp_path))
    assert series.refusal is None
    assert len(series.frames) == 20


def test_halves_that_overlap_by_one_slice_are_refused(tmp_path: Path) -> None:
    write_stack(tmp_path, 10, change=acquired(1, 0.0))
    write_stack(tmp_path, 10, change=acquired(2, 45.0), start=100)
    refusal = refusal_of(only(index_all(tmp_path)))
    assert refusal.reason is ReasonCode.DUPLICATE_POSITION


def test_b0_trace_and_adc_in_one_series_are_three_parts(tmp_path: Path) -> None:
    isotropic = {"DiffusionDirectionality": "ISOTROPIC"}
    adc = {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}
    write_stack(tmp_path, make=mr_slice, change=weighted(0.0))
    write_stack(tmp_path, make=mr_slice, change=weighted(1000.0, **isotropic), start=100)
    write_stack(tmp_path, make=mr_slice, change=weighted(None, **adc), start=200)
    found = {series.kind: series for series in index_all(tmp_path).series}
    assert set(found) == {SeriesKind.B0, SeriesKind.TRACE, SeriesKind.ADC}
    assert all(series.refusal is None for series in found.values())
    assert found[SeriesKind.TRACE].b_value_s_mm2 == 1000.0
    assert found[SeriesKind.B0].b_value_s_mm2 == 0.0
    assert found[SeriesKind.ADC].b_value_s_mm2 is None


def test_several_volumes_at_one_b_value_are_directions(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice, change=weighted(0.0))
    for repetition in (1, 2, 3):
        write_stack(tmp_path, make=mr_slice, change=weighted(1000.0), start=100 * repetition)
    kinds = [series.kind for series in index_all(tmp_path).series]
    assert kinds.count(SeriesKind.DIRECTION) == 3
    assert kinds.count(SeriesKind.B0) == 1


def test_repetitions_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    def muddle(slice_: Dataset, k: int) -> None:
        weighted(0.0)(slice_, k)
        slice_.InstanceNumber = 1 + (k * 7) % 11

    write_stack(tmp_path, 5, make=mr_slice, change=muddle)
    write_stack(tmp_path, 5, make=mr_slice, change=muddle, start=100)
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.DUPLICATE_POSITION


def test_enhanced_object_is_split_by_b_value_and_counted_once(tmp_path: Path) -> None:
    write(enhanced_mr((0.0, 1000.0)), tmp_path / "dwi.dcm")
    first, second = index_all(tmp_path).series
    assert {first.kind, second.kind} == {SeriesKind.B0, SeriesKind.TRACE}
    assert {len(first.files), len(second.files)} == {0, 1}
    trace = first if first.kind is SeriesKind.TRACE else second
    assert [frame.index for frame in trace.frames] == [1, 3, 5, 7]
    assert trace.frames[0].rescale_slope == 2.0
    assert trace.slice_thickness_mm == 5.0


def test_echoes_and_phase_are_separate_parts(tmp_path: Path) -> None:
    def echo(number: int, word: str) -> Change:
        def change(slice_: Dataset, k: int) -> None:
            slice_.EchoTime = str(7 * number)
            slice_.ImageType = ["ORIGINAL", "PRIMARY", word, "FFE"]
            slice_.ImagePositionPatient = [-10, -20, 30 + 5 * (k % 100)]

        return change

    for place, (number, word) in enumerate([(1, "M"), (2, "M"), (1, "P"), (2, "P")]):
        write_stack(tmp_path, make=mr_slice, change=echo(number, word), start=100 * place)
    delivery = index_all(tmp_path)
    assert [len(series.frames) for series in delivery.series] == [5] * 4
    assert all(series.refusal is None for series in delivery.series)


def toshiba(b_value: float | None) -> Change:
    return weighted(b_value, Manufacturer="TOSHIBA_MEC", SeriesDescription="dwi")


def test_toshiba_image_without_b_value_is_b0_beside_weighted_ones(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice, change=toshiba(None))
    write_stack(tmp_path, make=mr_slice, change=toshiba(1000.0), start=100)
    found = {series.kind: series for series in index_all(tmp_path).series}
    assert set(found) == {SeriesKind.B0, SeriesKind.TRACE}
    assert found[SeriesKind.B0].b_value_s_mm2 == 0.0


@pytest.mark.parametrize("others", [None, 0.0])
def test_no_b_value_is_not_guessed_where_nothing_is_weighted(
    tmp_path: Path, others: float | None
) -> None:
    write_stack(tmp_path, make=mr_slice, change=toshiba(None))
    write_stack(tmp_path, make=mr_slice, change=toshiba(others), start=100)
    reasons = [series.refusal and series.refusal.reason for series in index_all(tmp_path).series]
    assert ReasonCode.B_VALUE_UNKNOWN in reasons


def test_no_b_value_of_another_maker_is_not_guessed(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice, change=weighted(None))
    write_stack(tmp_path, make=mr_slice, change=weighted(1000.0), start=100)
    reasons = [series.refusal and series.refusal.reason for series in index_all(tmp_path).series]
    assert ReasonCode.B_VALUE_UNKNOWN in reasons


def test_a_repetition_that_was_cut_is_flagged_and_the_whole_ones_are_not(tmp_path: Path) -> None:
    def repeated(slice_: Dataset, k: int) -> None:
        slice_.TemporalPositionIdentifier = 1 + k // 100
        slice_.ImagePositionPatient = [-10, -20, 30 + 5 * (k % 100)]
        slice_.InstanceNumber = (0, 8, 16, 22)[k // 100] + k % 100 + 1

    for start, n_slices in ((0, 8), (100, 8), (200, 6), (300, 1)):
        write_stack(tmp_path, n_slices, make=mr_slice, change=repeated, start=start)
    parts = index_all(tmp_path).series
    found = {len(series.frames): series.flags for series in parts if series.refusal is None}
    assert found == {8: (), 6: (QcFlag.SLICES_MAY_BE_MISSING,)}
    assert [len(series.frames) for series in parts if series.refusal] == [1]


@pytest.mark.parametrize("element", [("ConvolutionKernel", "BONE"), ("ContrastBolusAgent", "yes")])
def test_two_halves_of_a_head_named_two_kinds_are_flagged(
    tmp_path: Path, element: tuple[str, str]
) -> None:
    def upper(slice_: Dataset, k: int) -> None:
        if k >= 6:
            setattr(slice_, *element)

    write_stack(tmp_path, 10, change=upper)
    lower, rest = index_all(tmp_path).series
    assert QcFlag.SLICES_MAY_BE_MISSING in lower.flags
    assert QcFlag.SLICES_MAY_BE_MISSING in rest.flags


def test_an_echo_time_that_differs_a_little_from_slice_to_slice_is_one_echo(
    tmp_path: Path,
) -> None:
    def jittering(slice_: Dataset, k: int) -> None:
        slice_.EchoTime = "12.3444" if k % 2 else "12.3456"

    write_stack(tmp_path, 6, make=mr_slice, change=jittering)
    assert len(only(index_all(tmp_path)).frames) == 6


def test_echoes_half_a_millisecond_apart_are_two(tmp_path: Path) -> None:
    def echoing(slice_: Dataset, k: int) -> None:
        slice_.EchoTime = "2.5" if k < 100 else "3.0"
        slice_.ImagePositionPatient = [-10, -20, 30 + 5 * (k % 100)]

    for start in (0, 100):
        write_stack(tmp_path, 6, make=mr_slice, change=echoing, start=start)
    assert [len(series.frames) for series in index_all(tmp_path).series] == [6, 6]


@pytest.mark.parametrize("syntax", NATIVE)
def test_ge_s_number_of_a_component_is_read_in_every_syntax(tmp_path: Path, syntax: str) -> None:
    for place in range(8):
        slice_ = mr_slice(place // 4)
        slice_.SOPInstanceUID = f"2.25.300.{place + 1}"
        block = slice_.private_block(0x0043, "GEMS_PARM_01", create=True)
        block.add_new(0x2F, "SS", place % 4)
        write(slice_, tmp_path / f"{place}.dcm", syntax)
    headers = [read_header(path) for path in sorted(tmp_path.iterdir())]
    parts = split_series([header for header in headers if isinstance(header, FileHeader)])
    assert {part.slices[0].frame.component for part in parts} == set("MPRI")
