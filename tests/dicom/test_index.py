from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from corelab.dicom.files import find_files
from corelab.dicom.header import read_header
from corelab.dicom.index import index, index_headers
from corelab.errors import ReasonCode
from corelab.series import Delivery, Refusal, Series, SeriesKind
from tests.dicom.tiny import (
    Change,
    ct_slice,
    cut,
    enhanced_mr,
    mr_slice,
    set_pixels,
    stored_values,
    write,
    write_stack,
)


def assert_nothing_lost(delivery: Delivery, incoming: Path) -> None:
    counted = sum(len(series.files) for series in delivery.series) + len(delivery.loose)
    assert delivery.n_files == counted + delivery.n_duplicates + delivery.n_ignored
    assert delivery.n_files == len(find_files(incoming))
    named = [path for series in delivery.series for path in series.files]
    assert len(named) == len(set(named))


def only(delivery: Delivery) -> Series:
    (series,) = delivery.series
    return series


def refusal_of(series: Series) -> Refusal:
    assert series.refusal is not None
    return series.refusal


def index_all(incoming: Path) -> Delivery:
    delivery = index(incoming)
    assert_nothing_lost(delivery, incoming)
    return delivery


def changed_at(place: int, keyword: str, value: object) -> Change:
    def change(slice_: Dataset, k: int) -> None:
        if k == place:
            setattr(slice_, keyword, value)

    return change


def test_sound_stack_is_one_series(tmp_path: Path) -> None:
    paths = write_stack(tmp_path)
    series = only(index_all(tmp_path))
    assert series.refusal is None
    assert series.kind is SeriesKind.CT
    assert series.files == tuple(paths)
    assert [frame.path for frame in series.frames] == paths
    assert series.frames[1].position_mm == (10.0, 20.0, 35.0)
    assert series.kilovolts == 120.0
    assert series.slice_thickness_mm == 5.0
    assert series.identity.patient_id == "PAT-1"
    assert str(series.identity.acquired_at) == "2024-03-05 13:45:01"
    assert {"Doe^Jane", "PAT-1", "20240305"} <= set(series.identity.texts)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6))
def test_order_and_names_of_files_change_nothing(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "in"
    if not folder.exists():
        write_stack(folder)
        write(enhanced_mr((0.0, 1000.0)), folder / "dwi.dcm")
    records = [read_header(path) for path in find_files(folder)]
    expected = index_headers(records)
    order = np.random.default_rng(seed).permutation(len(records))
    assert index_headers([records[place] for place in order]) == expected


def test_file_order_does_not_decide_k(tmp_path: Path) -> None:
    for k, name in enumerate("dacbe"):
        write(ct_slice(k), tmp_path / name)
    series = only(index_all(tmp_path))
    assert [frame.path.name for frame in series.frames] == list("dacbe")


def test_headers_survive_the_way_between_processes(tmp_path: Path) -> None:
    record = read_header(write_stack(tmp_path)[0])
    sent = pickle.dumps(record)
    assert pickle.loads(sent) == record  # noqa: S301 - our own bytes
    assert len(sent) < 3000


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


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed_at(2, "PatientID", "PAT-2"), ReasonCode.MIXED_PATIENTS),
        (changed_at(2, "PatientBirthDate", "19500101"), None),
        (changed_at(2, "FrameOfReferenceUID", "2.25.9"), ReasonCode.MIXED_FRAME_OF_REFERENCE),
        (changed_at(2, "RescaleSlope", "0"), ReasonCode.RESCALE_INVALID),
        (changed_at(2, "RescaleSlope", None), ReasonCode.RESCALE_INVALID),
        (changed_at(2, "PixelSpacing", None), ReasonCode.GEOMETRY_ABSENT),
        (changed_at(2, "ImagePositionPatient", None), ReasonCode.GEOMETRY_ABSENT),
        (changed_at(2, "ImagePositionPatient", [-10, -20, 35]), ReasonCode.DUPLICATE_POSITION),
        (changed_at(2, "ImagePositionPatient", [-10, -20, 42]), ReasonCode.MISSING_SLICE),
        (changed_at(2, "LossyImageCompression", "01"), ReasonCode.LOSSY_PIXELS),
        (changed_at(2, "SOPInstanceUID", "2.25.300.1"), ReasonCode.DUPLICATE_UID),
        (changed_at(2, "RescaleSlope", "2"), None),
        (changed_at(2, "AcquisitionTime", "235959"), None),
        (changed_at(2, "XRayTubeCurrent", "250"), None),
    ],
)
def test_one_slice_decides_over_its_stack(
    tmp_path: Path, change: Change, reason: ReasonCode | None
) -> None:
    write_stack(tmp_path, change=change)
    series = only(index_all(tmp_path))
    assert (series.refusal and series.refusal.reason) == reason


def test_two_birth_dates_are_two_patients(tmp_path: Path) -> None:
    def born(slice_: Dataset, k: int) -> None:
        slice_.PatientBirthDate = "19500101" if k else "19610101"

    write_stack(tmp_path, change=born)
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.MIXED_PATIENTS


@pytest.mark.parametrize("text", [b"0,488\\0,488", b"0\\0", b"-1\\1", b"NaN\\1", b"0.4"])
def test_spacing_written_wrongly_is_refused(tmp_path: Path, text: bytes) -> None:
    def rewrite(path: Path) -> None:
        content = path.read_bytes()
        place = content.index(b"\x28\x00\x30\x00DS")
        length = content[place + 6]
        padded = text + b" " * (len(text) % 2)
        head = content[: place + 6] + bytes([len(padded), 0]) + padded
        path.write_bytes(head + content[place + 8 + length :])

    for path in write_stack(tmp_path):
        rewrite(path)
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.SPACING_INVALID


def test_ct_without_rescale_is_refused(tmp_path: Path) -> None:
    def drop(slice_: Dataset, _k: int) -> None:
        del slice_.RescaleSlope, slice_.RescaleIntercept

    write_stack(tmp_path, change=drop)
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.RESCALE_INVALID


def test_mixed_matrix_is_refused(tmp_path: Path) -> None:
    def widen(slice_: Dataset, k: int) -> None:
        if k == 2:
            set_pixels(slice_, np.zeros((8, 8), np.int16))

    write_stack(tmp_path, change=widen)
    refusal = refusal_of(only(index_all(tmp_path)))
    assert refusal.reason is ReasonCode.MIXED_MATRIX
    assert refusal.message == "slices of 6 x 4 and 8 x 8"


def test_one_truncated_file_refuses_its_series(tmp_path: Path) -> None:
    cut(write_stack(tmp_path)[3], 10)
    refusal = refusal_of(only(index_all(tmp_path)))
    assert refusal.reason is ReasonCode.PIXELS_TRUNCATED
    assert "1 of 5 files" in refusal.message


@pytest.mark.parametrize("place", [0, 2, 4])
def test_empty_file_beside_a_series_refuses_it(tmp_path: Path, place: int) -> None:
    path = write_stack(tmp_path)[place]
    path.write_bytes(b"")
    delivery = index_all(tmp_path)
    assert len(delivery.loose) == 1
    assert refusal_of(only(delivery)).reason in {ReasonCode.HEADER_CUT, ReasonCode.MISSING_SLICE}


def test_random_bytes_named_dcm_refuse_the_series_beside(tmp_path: Path) -> None:
    write_stack(tmp_path)
    (tmp_path / "005.dcm").write_bytes(os.urandom(500))
    delivery = index_all(tmp_path)
    assert [file.refusal.reason for file in delivery.loose] == [ReasonCode.NOT_DICOM]
    assert refusal_of(only(delivery)).reason is ReasonCode.HEADER_CUT


def test_a_text_beside_a_series_does_it_no_harm(tmp_path: Path) -> None:
    write_stack(tmp_path)
    (tmp_path / "README.txt").write_text("sent on Monday")
    delivery = index_all(tmp_path)
    assert only(delivery).refusal is None
    assert [file.refusal.reason for file in delivery.loose] == [ReasonCode.NOT_DICOM]


def test_directory_records_are_ignored_and_counted(tmp_path: Path) -> None:
    write_stack(tmp_path)
    (tmp_path / "DICOMDIR").write_bytes(b"anything")
    (tmp_path / ".DS_Store").write_bytes(b"anything")
    delivery = index_all(tmp_path)
    assert delivery.n_ignored == 2
    assert delivery.n_files == 7


def test_files_sent_twice_are_counted_once(tmp_path: Path) -> None:
    write_stack(tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "again")
    delivery = index_all(tmp_path)
    assert delivery.n_duplicates == 5
    assert only(delivery).refusal is None


def test_same_uid_with_other_pixels_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path)
    resent = ct_slice(1)
    set_pixels(resent, stored_values(7))
    write(resent, tmp_path / "resent.dcm")
    delivery = index_all(tmp_path)
    assert delivery.n_duplicates == 0
    assert all(refusal_of(series).reason is ReasonCode.DUPLICATE_UID for series in delivery.series)


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


def weighted(b_value: float | None, **more: object) -> Change:
    def change(slice_: Dataset, k: int) -> None:
        slice_.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
        slice_.ScanningSequence = "EP"
        slice_.ImagePositionPatient = [-10, -20, 30 + 5 * (k % 100)]
        if b_value is not None:
            slice_.DiffusionBValue = b_value
        for keyword, value in more.items():
            setattr(slice_, keyword, value)

    return change


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


def test_diffusion_without_b_value_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice, change=weighted(None))
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.B_VALUE_UNKNOWN


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


def test_objects_that_are_no_images_are_listed_and_refused(tmp_path: Path) -> None:
    report = ct_slice()
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    report.Modality = "SR"
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated"):
        delattr(report, keyword)
    write(report, tmp_path / "report.dcm")
    series = only(index_all(tmp_path))
    assert series.kind is SeriesKind.NOT_AN_IMAGE
    assert refusal_of(series).reason is ReasonCode.UNSUPPORTED_CLASS


def test_refusals_tell_the_blinded_side_nothing_that_headers_say(tmp_path: Path) -> None:
    write_stack(tmp_path, change=changed_at(2, "PatientID", "PAT-2"))
    refusal = refusal_of(only(index_all(tmp_path)))
    assert "PAT" not in refusal.message


def test_links_are_not_followed(tmp_path: Path) -> None:
    write_stack(tmp_path / "real")
    (tmp_path / "real" / "link.dcm").symlink_to(tmp_path / "real" / "000.dcm")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    assert len(find_files(tmp_path)) == 5


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dcm")
    assert index_all(tmp_path).n_files == 0


def test_names_that_are_no_text_are_read(tmp_path: Path) -> None:
    write_stack(tmp_path)
    (tmp_path / "000.dcm").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.dcm")))
    assert only(index_all(tmp_path)).refusal is None
