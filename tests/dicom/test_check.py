from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from corelab.errors import ReasonCode
from corelab.series import SeriesKind
from tests.dicom.tiny import (
    Change,
    changed_at,
    ct_slice,
    cut,
    index_all,
    mr_slice,
    only,
    refusal_of,
    set_pixels,
    stored_values,
    weighted,
    write,
    write_stack,
)


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
        (changed_at(2, "LossyImageCompression", "01"), None),
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


def test_one_truncated_file_refuses_its_series_and_is_named_in_the_evidence_alone(
    tmp_path: Path,
) -> None:
    culprit = write_stack(tmp_path)[3]
    cut(culprit, 10)
    refusal = refusal_of(only(index_all(tmp_path)))
    assert refusal.reason is ReasonCode.PIXELS_TRUNCATED
    assert "1 of 5 files" in refusal.message
    assert str(culprit) in refusal.evidence
    assert culprit.name not in refusal.message


def test_same_uid_with_other_pixels_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path)
    resent = ct_slice(1)
    set_pixels(resent, stored_values(7))
    write(resent, tmp_path / "resent.dcm")
    delivery = index_all(tmp_path)
    assert delivery.n_duplicates == 0
    assert all(refusal_of(series).reason is ReasonCode.DUPLICATE_UID for series in delivery.series)


def test_diffusion_without_b_value_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice, change=weighted(None))
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.B_VALUE_UNKNOWN


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
