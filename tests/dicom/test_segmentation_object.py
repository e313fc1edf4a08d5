"""Masks as DICOM: what comes back is what went in, slice by slice where the source's slices lie."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import uuid
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from corelab.dicom.index import index
from corelab.dicom.segmentation_object import (
    DicomObjects,
    Drawing,
    Finding,
    Segment,
    Signed,
    dicom_objects,
)
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Series, SeriesKind
from corelab.vocab import Label, ReadStatus
from tests.dicom.seg_reading import dataset_of, frames_of, masks_of, measured_in
from tests.dicom.tiny import enhanced_mr, mr_slice, only, write, write_stack

INFARCT_ML, BLOOD_ML = 12.3456, 0.25
TO_LPS = np.array([-1.0, -1.0, 1.0])
REAL = (
    ("ct_ge_tilt_variable", SeriesKind.CT),
    ("ct_philips_head_study", SeriesKind.CT),
    ("mr_canon_dwi", SeriesKind.DIRECTION),
    ("mr_siemens_xa30_dwi", SeriesKind.TRACE),
    ("mr_siemens_xa30_dwi", SeriesKind.ADC),
)


def uid_of(text: str) -> str:
    return f"2.25.{uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16]).int}"


def made(
    source: Series,
    infarct: NDArray[np.bool_],
    blood: NDArray[np.bool_] | None = None,
    signed: Signed | None = None,
) -> DicomObjects:
    segments = [Segment(label=Label.INFARCT, mask=infarct, volume_ml=INFARCT_ML)]
    if blood is not None:
        segments += [Segment(label=Label.BLOOD_IN_INFARCT, mask=blood, volume_ml=BLOOD_ML)]
    return dicom_objects(
        Finding(
            source=source,
            segments=tuple(segments),
            signed=signed,
            method="a-method-1",
            software_version="0.1.0",
            device_serial="0123456789abcdef",
            measured_at=datetime(2026, 1, 14, 9, 30, tzinfo=UTC),
            tracking_uid_of=lambda label: uid_of(f"tracking {label}"),
            uid_of=uid_of,
        )
    )


def tiny_ct(folder: Path) -> Series:
    write_stack(folder)
    return only(index(folder))


@cache
def real_source(shared_data: Path, name: str, kind: SeriesKind) -> Series:
    delivery = index(shared_data / "dicom" / name / "dicom")
    usable = [part for part in delivery.series if part.refusal is None]
    return next(part for part in usable if part.kind is kind)


def origins_lps_mm(source: Series) -> NDArray[np.float64]:
    return np.array([frame.position_mm for frame in source.frames]) * TO_LPS


def patches(shape: tuple[int, int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """An infarct that is like no mirror image of itself, on some slices, and blood on fewer."""
    i, j, k = shape
    infarct = np.zeros(shape, dtype=bool)
    infarct[i // 4 : i // 2, j // 5 : j // 2, 1 : k // 2 + 1] = True
    infarct[i // 4, :, 1] = True
    blood = infarct.copy()
    blood[:, :, 2:] = False
    return infarct, blood


def check_with(tool: str, content: bytes, folder: Path) -> str:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    path = folder / "checked.dcm"
    path.write_bytes(content)
    done = subprocess.run([tool, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@settings(max_examples=30)
@given(mask=arrays(np.bool_, (4, 6, 5)))
def test_any_mask_comes_back_as_it_went_in(
    mask: NDArray[np.bool_], tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = tiny_ct(tmp_path_factory.mktemp("ct"))
    segmentation = dataset_of(made(source, mask).segmentation)
    back = masks_of(segmentation, origins_lps_mm(source), (4, 6, 5))
    np.testing.assert_array_equal(back[1], mask)


@settings(max_examples=15)
@given(order=st.permutations(range(5)))
def test_files_in_any_order_give_the_same_masks(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ct")
    for place, path in zip(order, write_stack(folder / "sent"), strict=True):
        path.rename(folder / f"{place}.dcm")
    source = only(index(folder))
    infarct, blood = patches((4, 6, 5))
    back = masks_of(
        dataset_of(made(source, infarct, blood).segmentation), origins_lps_mm(source), (4, 6, 5)
    )
    np.testing.assert_array_equal(back[1], infarct)
    np.testing.assert_array_equal(back[2], blood)


def test_slices_without_a_mark_have_no_frame(tmp_path: Path) -> None:
    infarct, blood = patches((4, 6, 5))
    segmentation = dataset_of(made(tiny_ct(tmp_path), infarct, blood).segmentation)
    found = sorted((frame.segment, frame.position_mm[2]) for frame in frames_of(segmentation))
    assert found == [(1, 35.0), (1, 40.0), (2, 35.0)]


def test_a_mask_without_a_mark_is_told_as_0_ml_of_the_whole_series(tmp_path: Path) -> None:
    source = tiny_ct(tmp_path)
    objects = made(source, np.zeros((4, 6, 5), dtype=bool))
    back = masks_of(dataset_of(objects.segmentation), origins_lps_mm(source), (4, 6, 5))
    assert not back[1].any()
    text = str(dataset_of(objects.report))
    assert "Source Series for Segmentation" in text
    assert "Source Image for Segmentation" not in text


@pytest.mark.parametrize(("name", "kind"), REAL)
def test_real_scans_come_back_voxel_by_voxel(
    shared_data: Path, name: str, kind: SeriesKind
) -> None:
    source = real_source(shared_data, name, kind)
    assert source.grid is not None
    infarct, blood = patches(source.grid.shape)
    segmentation = dataset_of(made(source, infarct, blood).segmentation)
    back = masks_of(segmentation, origins_lps_mm(source), source.grid.shape)
    np.testing.assert_array_equal(back[1], infarct)
    np.testing.assert_array_equal(back[2], blood)


@pytest.mark.parametrize(("name", "kind"), REAL)
def test_each_frame_refers_to_the_image_that_lies_where_it_does(
    shared_data: Path, name: str, kind: SeriesKind
) -> None:
    source = real_source(shared_data, name, kind)
    assert source.grid is not None
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in source.files]
    by_uid = {header.SOPInstanceUID: header for header in headers}
    infarct, blood = patches(source.grid.shape)
    for frame in frames_of(dataset_of(made(source, infarct, blood).segmentation)):
        header = by_uid[frame.source_uid]
        if frame.source_frame is not None:
            item = header.PerFrameFunctionalGroupsSequence[int(frame.source_frame) - 1]
            header = item.PlanePositionSequence[0]
        np.testing.assert_allclose(header.ImagePositionPatient, frame.position_mm, atol=1e-6)


def test_frames_of_another_weighting_at_the_same_place_are_not_referred_to(tmp_path: Path) -> None:
    write(enhanced_mr((0.0, 1000.0)), tmp_path / "whole.dcm")
    parts = {part.b_value_s_mm2: part for part in index(tmp_path).series}
    infarct = np.ones((4, 6, 4), dtype=bool)
    numbers = [
        frame.source_frame
        for frame in frames_of(dataset_of(made(parts[1000.0], infarct).segmentation))
    ]
    assert sorted(map(int, filter(None, numbers))) == [2, 4, 6, 8]


def test_the_report_tells_the_volume_in_ml_and_follows_the_segment(tmp_path: Path) -> None:
    infarct, blood = patches((4, 6, 5))
    objects = made(tiny_ct(tmp_path), infarct, blood)
    segmentation, report = dataset_of(objects.segmentation), dataset_of(objects.report)
    of_infarct, of_blood = measured_in(report)
    assert (of_infarct.volume, of_infarct.unit) == (INFARCT_ML, "mL UCUM")
    assert (of_blood.volume, of_blood.unit) == (BLOOD_ML, "mL UCUM")
    assert (of_infarct.finding, of_blood.finding) == ("55641003 SCT", "50960005 SCT")
    for measured, segment in zip((of_infarct, of_blood), segmentation.SegmentSequence, strict=True):
        assert measured.segment == segment.SegmentNumber
        assert measured.tracking_uid == segment.TrackingUID
        assert measured.segmentation_uid == segmentation.SOPInstanceUID
        code = segment.SegmentedPropertyTypeCodeSequence[0]
        assert measured.finding == f"{code.CodeValue} {code.CodingSchemeDesignator}"


def test_what_nobody_signed_is_preliminary_and_unverified(tmp_path: Path) -> None:
    infarct, _ = patches((4, 6, 5))
    objects = made(tiny_ct(tmp_path), infarct)
    report, segmentation = dataset_of(objects.report), dataset_of(objects.segmentation)
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert segmentation.SegmentationType == "BINARY"
    assert segmentation.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    assert not segmentation.get("ContentCreatorName")


def test_both_belong_to_the_sources_patient_study_and_place(tmp_path: Path) -> None:
    def named(slice_: Dataset, _: int) -> None:
        slice_.SpecificCharacterSet = "ISO_IR 100"
        slice_.PatientName, slice_.PatientSex = "Sørbye^Åse", "F"
        slice_.StudyDate, slice_.StudyTime, slice_.StudyID = "20240305", "134501", "77"

    write_stack(tmp_path, change=named)
    infarct, _ = patches((4, 6, 5))
    objects = made(only(index(tmp_path)), infarct)
    for found in map(dataset_of, (objects.segmentation, objects.report)):
        assert (found.PatientID, str(found.PatientName)) == ("PAT-1", "Sørbye^Åse")
        assert (found.PatientSex, found.StudyDate, found.StudyID) == ("F", "20240305", "77")
        assert found.StudyInstanceUID == "2.25.100"
        assert found.SeriesInstanceUID != "2.25.200"
    assert dataset_of(objects.segmentation).FrameOfReferenceUID == "2.25.400"


def test_a_date_that_is_none_is_left_empty(tmp_path: Path) -> None:
    write_stack(tmp_path / "sent")
    for path in (tmp_path / "sent").iterdir():
        found = pydicom.dcmread(path)
        found.StudyDate = "20240305"
        found.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"20240305", b"00000000"))
    infarct, _ = patches((4, 6, 5))
    objects = made(only(index(tmp_path)), infarct)
    assert dataset_of(objects.segmentation).StudyDate == ""


def test_what_was_ever_compressed_with_loss_stays_so(tmp_path: Path) -> None:
    def lossy(slice_: Dataset, _: int) -> None:
        slice_.LossyImageCompression = "01"
        slice_.LossyImageCompressionRatio = ["10", "2.5"]
        slice_.LossyImageCompressionMethod = ["ISO_10918_1", "ISO_15444_1"]

    write_stack(tmp_path / "lossy", change=lossy)
    infarct, _ = patches((4, 6, 5))
    objects = made(only(index(tmp_path / "lossy")), infarct)
    segmentation = dataset_of(objects.segmentation)
    assert segmentation.LossyImageCompression == "01"
    assert list(segmentation.LossyImageCompressionRatio) == [10, 2.5]
    exact = dataset_of(made(tiny_ct(tmp_path / "exact"), infarct).segmentation)
    assert exact.LossyImageCompression == "00"
    assert "Error" not in check_with("dciodvfy", objects.segmentation, tmp_path)


def test_a_source_inside_an_archive_is_referred_to_as_any_other(tmp_path: Path) -> None:
    write_stack(tmp_path / "sent")
    (tmp_path / "packed").mkdir()
    archive = shutil.make_archive(str(tmp_path / "packed" / "site"), "zip", tmp_path / "sent")
    infarct, blood = patches((4, 6, 5))
    packed = only(index(Path(archive).parent))
    assert made(packed, infarct, blood) == made(only(index(tmp_path / "sent")), infarct, blood)


def test_the_same_finding_gives_the_same_bytes(tmp_path: Path) -> None:
    source, (infarct, blood) = tiny_ct(tmp_path), patches((4, 6, 5))
    assert made(source, infarct, blood) == made(source, infarct, blood)


def test_another_header_gives_another_object(tmp_path: Path) -> None:
    def renamed(slice_: Dataset, _: int) -> None:
        slice_.PatientName = "Doe^Joan"

    infarct, _ = patches((4, 6, 5))
    write_stack(tmp_path / "other", change=renamed)
    one = dataset_of(made(tiny_ct(tmp_path / "one"), infarct).segmentation)
    other = dataset_of(made(only(index(tmp_path / "other")), infarct).segmentation)
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SegmentSequence[0].TrackingUID == other.SegmentSequence[0].TrackingUID


def test_slices_of_several_thicknesses_are_told_their_mean_height(tmp_path: Path) -> None:
    def thick(slice_: Dataset, k: int) -> None:
        slice_.SliceThickness = "5" if k % 2 else "4"

    write_stack(tmp_path, change=thick)
    infarct, _ = patches((4, 6, 5))
    shared = dataset_of(made(only(index(tmp_path)), infarct).segmentation)
    measures = shared.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (measures.SliceThickness, list(measures.PixelSpacing)) == (5.0, [0.5, 0.4])


def test_a_sheet_of_tiles_is_refused(shared_data: Path) -> None:
    delivery = index(shared_data / "dicom" / "mr_siemens_mosaic_orient" / "dicom")
    source = next(part for part in delivery.series if part.refusal is None)
    assert source.grid is not None
    with pytest.raises(UnfitDataError, match="tiles of one sheet") as caught:
        made(source, np.ones(source.grid.shape, dtype=bool))
    assert caught.value.reason is ReasonCode.UNSUPPORTED_LAYOUT


def test_a_source_without_a_frame_of_reference_is_refused(tmp_path: Path) -> None:
    def unplaced(slice_: Dataset, _: int) -> None:
        del slice_.FrameOfReferenceUID

    write_stack(tmp_path, change=unplaced)
    with pytest.raises(UnfitDataError, match="names no frame of reference"):
        made(only(index(tmp_path)), np.ones((4, 6, 5), dtype=bool))


def test_several_multi_frame_objects_are_refused(tmp_path: Path) -> None:
    for number, height in enumerate((0.0, 20.0)):
        part = enhanced_mr((1000.0,))
        part.SOPInstanceUID = f"2.25.300.9{number}"
        for frame in part.PerFrameFunctionalGroupsSequence:
            frame.PlanePositionSequence[0].ImagePositionPatient[2] += height
        write(part, tmp_path / f"{number}.dcm")
    source = next(part for part in index(tmp_path).series if part.refusal is None)
    assert len(source.frames) == 8
    with pytest.raises(UnfitDataError, match="lie in 2 objects"):
        made(source, np.ones((4, 6, 8), dtype=bool))


@pytest.mark.parametrize("make", [mr_slice, None], ids=["classic", "enhanced"])
def test_other_programs_find_no_error(tmp_path: Path, make: object) -> None:
    if make is None:
        write(enhanced_mr((1000.0,)), tmp_path / "sent" / "whole.dcm")
    else:
        write_stack(tmp_path / "sent", 4, make=mr_slice)
    source = next(part for part in index(tmp_path / "sent").series if part.refusal is None)
    infarct, blood = patches((4, 6, 4))
    objects = made(source, infarct, blood)
    for content in (objects.segmentation, objects.report):
        assert "Error" not in check_with("dciodvfy", content, tmp_path)
    told = check_with("dsrdump", objects.report, tmp_path)
    assert 'NUM:(,,"Volume")="12.3456" (mL,UCUM,"milliliter")' in told


@pytest.mark.parametrize("drawing", Drawing)
@pytest.mark.parametrize("tool", ["dciodvfy", "dsrdump"])
def test_other_programs_find_no_error_in_what_people_signed(
    tmp_path: Path, tool: str, drawing: Drawing
) -> None:
    infarct, blood = patches((4, 6, 5))
    signed = Signed(reader_id="1a2b3c4d", read_status=ReadStatus.ADJUDICATED, drawing=drawing)
    objects = made(tiny_ct(tmp_path), infarct, blood, signed)
    contents = {"dciodvfy": (objects.segmentation, objects.report), "dsrdump": (objects.report,)}
    for content in contents[tool]:
        assert "Error" not in check_with(tool, content, tmp_path)
