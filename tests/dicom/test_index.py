from __future__ import annotations

import dataclasses
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from corelab.dicom.files import walk
from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.index import index_headers
from corelab.errors import ReasonCode
from corelab.series import SeriesKind
from tests.dicom.tiny import (
    changed_at,
    ct_slice,
    enhanced_mr,
    index_all,
    only,
    refusal_of,
    write,
    write_stack,
)


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
    assert {"Doe^Jane", "PAT-1", "20240305"} <= {known.text for known in series.identity.texts}


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6))
def test_order_and_names_of_files_change_nothing(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "in"
    if not folder.exists():
        write_stack(folder)
        write(enhanced_mr((0.0, 1000.0)), folder / "dwi.dcm")
    records = [read_header(path) for path in walk(folder).files]
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


def test_links_are_not_followed(tmp_path: Path) -> None:
    write_stack(tmp_path / "real")
    (tmp_path / "real" / "link.dcm").symlink_to(tmp_path / "real" / "000.dcm")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    assert len(walk(tmp_path).files) == 5


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dcm")
    assert index_all(tmp_path).n_files == 0


def test_a_series_of_more_slices_than_any_scan_is_refused_in_numbers(tmp_path: Path) -> None:
    header = read_header(write_stack(tmp_path, 1)[0])
    assert isinstance(header, FileHeader)
    many = [
        dataclasses.replace(
            header,
            path=tmp_path / f"{k:06}",
            owner=dataclasses.replace(header.owner, sop_uid=f"2.25.{k}"),
        )
        for k in range(20_001)
    ]
    refusal = refusal_of(only(index_headers(many)))
    assert refusal.reason is ReasonCode.SIZE_BEYOND_SCANNER
    assert "20001 slices in one series, 20000 allowed" in refusal.message


def test_names_that_are_no_text_are_read(tmp_path: Path) -> None:
    write_stack(tmp_path)
    (tmp_path / "000.dcm").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.dcm")))
    assert only(index_all(tmp_path)).refusal is None


def test_garbage_named_as_the_slices_are_refuses_them(tmp_path: Path) -> None:
    for k, path in enumerate(write_stack(tmp_path)):
        path.rename(tmp_path / f"IM{k:04d}")
    (tmp_path / "IM0005").write_bytes(b"garbage")
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.HEADER_CUT


def test_directory_record_of_any_name_does_a_series_no_harm(tmp_path: Path) -> None:
    write_stack(tmp_path)
    record = Dataset()
    record.SOPClassUID, record.SOPInstanceUID = "1.2.840.10008.1.3.10", "2.25.7"
    write(record, tmp_path / "directory")
    delivery = index_all(tmp_path)
    assert only(delivery).refusal is None
    assert [file.refusal.reason for file in delivery.loose] == [ReasonCode.UNSUPPORTED_CLASS]


def test_one_series_sent_as_two_studies_loses_no_slice(tmp_path: Path) -> None:
    """The same instances under another study are no duplicates: neither may take from the other."""
    for k in range(6):
        slice_ = ct_slice(k)
        write(slice_, tmp_path / "one" / f"{k}.dcm")
        slice_.StudyInstanceUID = "2.25.101"
        write(slice_, tmp_path / ("a" if k % 2 else "z") / f"{k}.dcm")
    delivery = index_all(tmp_path)
    assert delivery.n_duplicates == 0
    assert [len(series.frames) for series in delivery.series] == [6, 6]
    assert all(series.refusal is None for series in delivery.series)


def test_a_copy_with_another_birth_date_is_no_duplicate(tmp_path: Path) -> None:
    write_stack(tmp_path, change=lambda slice_, _: setattr(slice_, "PatientBirthDate", "19500101"))
    copy = ct_slice(2)
    copy.PatientBirthDate = "19600101"
    write(copy, tmp_path / "again" / "2.dcm")
    delivery = index_all(tmp_path)
    assert delivery.n_duplicates == 0
    assert refusal_of(only(delivery)).reason is ReasonCode.MIXED_PATIENTS


def test_thickness_is_told_only_where_all_slices_have_it(tmp_path: Path) -> None:
    write_stack(tmp_path / "even")
    assert only(index_all(tmp_path / "even")).slice_thickness_mm == 5.0
    write_stack(tmp_path / "mixed", change=changed_at(4, "SliceThickness", "7"))
    assert only(index_all(tmp_path / "mixed")).slice_thickness_mm is None
    write_stack(tmp_path / "silent", change=changed_at(2, "SliceThickness", ""))
    assert only(index_all(tmp_path / "silent")).slice_thickness_mm is None
