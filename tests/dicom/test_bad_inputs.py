"""Bad inputs by the numbers of the table in docs/dicom.md, each with what must become of it.

Rows 23, 28, 35 and 43 to 47 concern packing, archives, NIfTI and people; they have tests of
their own, and so has what happens after reading (38, 39, 50 to 53).
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from corelab.blinding.subjects import load_subjects
from corelab.blinding.vault import open_vault
from corelab.dicom.check import series_refusal
from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.pixels import load
from corelab.errors import ConfigError, ReasonCode, UnfitDataError
from corelab.series import CasePlan, Outcome, Plan, SeriesKind
from corelab.stages.segment import segment_ct
from corelab.store.layout import Layout
from corelab.vocab import QcFlag
from corelab.volume import Volume
from pipelines.followup import plan_batch
from pipelines.survey import GENERAL
from tests.dicom.tiny import (
    NATIVE,
    Change,
    changed_at,
    ct_slice,
    cut,
    enhanced_mr,
    index_all,
    mr_slice,
    only,
    refusal_of,
    set_pixels,
    stored_values,
    weighted,
    wide_ct_slice,
    write,
    write_compressed,
    write_stack,
)
from tests.kernels.ct_phantom import Recipe, build_ct_head

R = ReasonCode
F = QcFlag
N_HEAD = 20


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return tmp_path / "in"


def planned(incoming: Path) -> Plan:
    """What a run would do with a folder, without measuring."""
    with open_vault(incoming.parent / "vault") as vault:
        return plan_batch(index_all(incoming), GENERAL, None, vault)


def codes(plan: Plan) -> list[str]:
    return [problem.reason_code for problem in plan.problems]


def assert_held_back(incoming: Path, *reasons: ReasonCode) -> None:
    """No series of the folder is measured, each says why, and the site is asked."""
    delivery = index_all(incoming)
    assert {refusal_of(series).reason for series in delivery.series} <= set(reasons)
    for series in delivery.series:
        with pytest.raises(UnfitDataError):
            load(series)
    plan = planned(incoming)
    assert plan.cases == ()
    assert set(codes(plan)) & set(reasons)


def used(incoming: Path) -> CasePlan:
    (case,) = planned(incoming).cases
    return case


def change_all(**elements: object) -> Change:
    def change(slice_: Dataset, _k: int) -> None:
        for keyword, value in elements.items():
            setattr(slice_, keyword, value)

    return change


def without(*keywords: str) -> Change:
    def change(slice_: Dataset, _k: int) -> None:
        for keyword in keywords:
            delattr(slice_, keyword)

    return change


def rewrite_text(path: Path, tag: bytes, text: bytes) -> None:
    """Put bytes that no writer would into a short text element."""
    content = path.read_bytes()
    place = content.index(tag)
    (length,) = struct.unpack("<H", content[place + 6 : place + 8])
    padded = text + b" " * (len(text) % 2)
    head = content[: place + 6] + struct.pack("<H", len(padded)) + padded
    path.write_bytes(head + content[place + 8 + length :])


@pytest.mark.parametrize("place", [0, 9, N_HEAD - 1])
def test_row_1_zero_byte_file_quarantines_the_series(incoming: Path, place: int) -> None:
    write_stack(incoming, N_HEAD)[place].write_bytes(b"")
    assert_held_back(incoming, R.HEADER_CUT, R.MISSING_SLICE)


def test_row_2_random_bytes_are_counted_and_quarantine_the_series_beside(incoming: Path) -> None:
    write_stack(incoming, N_HEAD)
    (incoming / "020.dcm").write_bytes(os.urandom(800))
    assert len(index_all(incoming).loose) == 1
    assert_held_back(incoming, R.HEADER_CUT)


def test_row_3_file_cut_in_its_pixels_is_quarantined(incoming: Path) -> None:
    cut(write_stack(incoming, N_HEAD)[N_HEAD - 1], 7)
    assert_held_back(incoming, R.PIXELS_TRUNCATED)


@pytest.mark.parametrize("kept_bytes", [140, 300, 500, 700])
def test_row_4_file_cut_in_its_header_is_quarantined(incoming: Path, kept_bytes: int) -> None:
    os.truncate(write_stack(incoming, N_HEAD)[4], kept_bytes)
    assert_held_back(incoming, R.HEADER_CUT, R.MISSING_SLICE)


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("n_bytes", [128, 132, -1])
def test_row_5_files_without_preamble_are_quarantined_and_asked_about(
    incoming: Path, syntax: str, n_bytes: int
) -> None:
    for k in range(3):
        path = write(ct_slice(k), incoming / f"{k}.dcm", syntax)
        content = path.read_bytes()
        meta_end = 144 + struct.unpack("<I", content[140:144])[0]
        path.write_bytes(content[meta_end if n_bytes < 0 else n_bytes :])
    delivery = index_all(incoming)
    assert delivery.series == ()
    assert {file.refusal.reason for file in delivery.loose} == {R.PREAMBLE_ABSENT}
    (problem,) = planned(incoming).problems
    assert problem.reason_code == R.PREAMBLE_ABSENT
    assert problem.message.endswith("(3 files)")


def test_row_5_one_slice_without_preamble_quarantines_its_series(incoming: Path) -> None:
    path = write_stack(incoming, N_HEAD)[N_HEAD - 1]
    path.write_bytes(path.read_bytes()[132:])
    path.rename(incoming / "last")
    assert_held_back(incoming, R.HEADER_CUT, R.PREAMBLE_ABSENT)


@pytest.mark.parametrize("place", range(1, 7))
def test_row_6_missing_slice_is_quarantined(incoming: Path, place: int) -> None:
    write_stack(incoming, 8)[place].unlink()
    assert_held_back(incoming, R.MISSING_SLICE)


@pytest.mark.parametrize("place", [0, 7])
def test_row_6_lost_end_slice_that_numbers_betray_is_flagged(incoming: Path, place: int) -> None:
    paths = write_stack(incoming, N_HEAD, change=change_all(ImagesInAcquisition=N_HEAD))
    for path in paths[:1] if place == 0 else paths[-1:]:
        path.unlink()
    assert F.SLICES_MAY_BE_MISSING in used(incoming).flags


def test_row_6_every_second_slice_lost_is_flagged(incoming: Path) -> None:
    for path in write_stack(incoming, 2 * N_HEAD)[1::2]:
        path.unlink()
    series = only(index_all(incoming))
    assert series.refusal is None
    assert F.SLICES_MAY_BE_MISSING in series.flags


def test_row_6_numbers_of_another_meaning_are_no_alarm(incoming: Path) -> None:
    def renumber(slice_: Dataset, k: int) -> None:
        slice_.InstanceNumber = 2001 + 10 * k

    write_stack(incoming, N_HEAD, change=renumber)
    assert only(index_all(incoming)).flags == ()


def test_row_7_two_slices_at_one_position_are_quarantined(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, change=changed_at(3, "ImagePositionPatient", [-10, -20, 50]))
    assert_held_back(incoming, R.DUPLICATE_POSITION)


def test_row_8_variable_spacing_keeps_every_position(incoming: Path) -> None:
    heights = np.cumsum([0.0] + [2.5] * 9 + [1.0] + [7.5] * 9)

    def place(slice_: Dataset, k: int) -> None:
        slice_.ImagePositionPatient = [-10, -20, 30 + float(heights[k])]
        slice_.SliceThickness = "2.5" if k < 10 else "7.5"

    write_stack(incoming, N_HEAD, change=place)
    series = only(index_all(incoming))
    assert series.grid is not None
    assert series.grid.slice_positions_mm == pytest.approx(heights)
    assert series.flags == (F.OVERLAPPING_SLICES,)


def test_row_9_other_orientation_inside_is_split_off_and_flagged(incoming: Path) -> None:
    write_stack(incoming, N_HEAD)
    scout = ct_slice(30)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    write(scout, incoming / "scout.dcm")
    case = used(incoming)
    assert F.SERIES_WAS_SPLIT in case.flags
    assert len(case.images[0].sources[0].frames) == N_HEAD


def test_row_9_contrasts_of_one_diffusion_series_are_no_split(incoming: Path) -> None:
    write_stack(incoming, make=mr_slice, change=weighted(0.0))
    traced = weighted(1000.0, DiffusionDirectionality="ISOTROPIC")
    write_stack(incoming, make=mr_slice, change=traced, start=100)
    assert all(F.SERIES_WAS_SPLIT not in series.flags for series in index_all(incoming).series)


@pytest.mark.parametrize(
    ("keyword", "other"),
    [("PatientID", "PAT-2"), ("PatientBirthDate", "19610101"), ("PatientSex", "F")],
)
def test_row_10_two_patients_in_one_series_are_quarantined(
    incoming: Path, keyword: str, other: str
) -> None:
    known = {"PatientID": "PAT-1", "PatientBirthDate": "19500101", "PatientSex": "M"}

    def mix(slice_: Dataset, k: int) -> None:
        change_all(**known)(slice_, k)
        changed_at(4, keyword, other)(slice_, k)

    write_stack(incoming, N_HEAD, change=mix)
    assert_held_back(incoming, R.MIXED_PATIENTS)


def test_row_10_is_asked_about_whatever_the_series_shows(incoming: Path) -> None:
    write_stack(incoming / "good", N_HEAD)

    def angiography(slice_: Dataset, k: int) -> None:
        slice_.SeriesInstanceUID, slice_.SOPInstanceUID = "2.25.201", f"2.25.301.{k + 1}"
        slice_.ContrastBolusAgent = "OMNIPAQUE 350"
        slice_.PatientBirthDate = "19500101" if k else "19610101"

    write_stack(incoming / "cta", N_HEAD, change=angiography)
    assert codes(planned(incoming)) == [R.MIXED_PATIENTS]


@pytest.mark.parametrize("name", ["DOE^JANE", "Doe^J", "Doe, Jane", ""])
def test_row_10_a_name_in_two_spellings_is_one_patient(incoming: Path, name: str) -> None:
    write_stack(incoming, N_HEAD, change=changed_at(4, "PatientName", name))
    assert only(index_all(incoming)).refusal is None


@pytest.mark.parametrize("other", ["2.25.9", None])
def test_row_11_frame_of_reference_that_changes_is_quarantined(
    incoming: Path, other: str | None
) -> None:
    write_stack(incoming, N_HEAD, change=changed_at(4, "FrameOfReferenceUID", other))
    assert_held_back(incoming, R.MIXED_FRAME_OF_REFERENCE)


def test_row_11_no_frame_of_reference_at_all_is_read(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, change=without("FrameOfReferenceUID"))
    assert only(index_all(incoming)).refusal is None


def scan(number: int | None, offset_mm: float) -> Change:
    def change(slice_: Dataset, k: int) -> None:
        slice_.ImagePositionPatient = [-10, -20, 30 + 5 * (k % 100) + offset_mm]
        if number is not None:
            slice_.AcquisitionNumber = number

    return change


def test_row_12_two_acquisitions_interleaved_are_split_and_flagged(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, change=scan(1, 0.0))
    write_stack(incoming, N_HEAD, change=scan(2, 2.5), start=100)
    assert [len(series.frames) for series in index_all(incoming).series] == [N_HEAD, N_HEAD]
    assert F.SERIES_WAS_SPLIT in used(incoming).flags


def test_row_12_interleaved_without_numbers_are_quarantined(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, change=scan(None, 0.0))
    write_stack(incoming, N_HEAD, change=scan(None, 1.3), start=100)
    assert_held_back(incoming, R.MISSING_SLICE)


def test_row_13_mixed_matrix_is_quarantined(incoming: Path) -> None:
    def widen(slice_: Dataset, k: int) -> None:
        if k == 4:
            set_pixels(slice_, np.zeros((8, 8), np.int16))

    write_stack(incoming, N_HEAD, change=widen)
    assert_held_back(incoming, R.MIXED_MATRIX)


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_row_14_absent_geometry_is_quarantined(incoming: Path, keyword: str) -> None:
    write_stack(incoming, N_HEAD, change=without(keyword))
    assert_held_back(incoming, R.GEOMETRY_ABSENT)


def test_row_15_absent_pixel_spacing_is_quarantined(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, change=without("PixelSpacing"))
    assert_held_back(incoming, R.GEOMETRY_ABSENT)


@pytest.mark.parametrize("text", [b"0\\0", b"-0.5\\0.5", b"0.5\\0", b"NaN\\NaN"])
def test_row_15_pixel_spacing_that_is_not_positive_is_quarantined(
    incoming: Path, text: bytes
) -> None:
    for path in write_stack(incoming, N_HEAD):
        rewrite_text(path, b"\x28\x00\x30\x00DS", text)
    assert_held_back(incoming, R.SPACING_INVALID)


@pytest.mark.parametrize("text", [b"0,488\\0,488", b"0,488"])
def test_row_16_decimal_comma_in_pixel_spacing_is_quarantined(incoming: Path, text: bytes) -> None:
    for path in write_stack(incoming, N_HEAD):
        rewrite_text(path, b"\x28\x00\x30\x00DS", text)
    assert_held_back(incoming, R.SPACING_INVALID)


def test_row_16_decimal_comma_in_one_slice_position_is_quarantined(incoming: Path) -> None:
    rewrite_text(write_stack(incoming, N_HEAD)[5], b"\x20\x00\x32\x00DS", b"-10,0\\-20,0\\55,0")
    assert_held_back(incoming, R.GEOMETRY_ABSENT)


def test_row_17_anisotropic_spacing_keeps_rows_and_columns_apart(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, change=change_all(PixelSpacing=[2, 1]))
    grid = only(index_all(incoming)).grid
    assert grid is not None
    affine = np.array(grid.affine)
    assert affine[:3, 0] == pytest.approx([-1, 0, 0])
    assert affine[:3, 1] == pytest.approx([0, -2, 0])


def test_row_18_overlapping_slices_take_their_positions_and_are_flagged(incoming: Path) -> None:
    def lay(slice_: Dataset, k: int) -> None:
        slice_.ImagePositionPatient = [-10, -20, 30 + 3 * k]
        slice_.SliceThickness = "6"

    write_stack(incoming, 30, change=lay)
    case = used(incoming)
    grid = case.images[0].sources[0].grid
    assert grid is not None
    assert grid.slice_spacing_mm == pytest.approx(3.0)
    assert F.OVERLAPPING_SLICES in case.flags


def test_row_19_gantry_tilt_is_a_sheared_grid(incoming: Path) -> None:
    cosine, sine = float(np.cos(np.radians(20))), float(np.sin(np.radians(20)))
    orientation = [1, 0, 0, 0, round(cosine, 6), round(-sine, 6)]
    write_stack(incoming, N_HEAD, change=change_all(ImageOrientationPatient=orientation))
    series = only(index_all(incoming))
    assert series.grid is not None
    assert series.grid.tilt_deg == pytest.approx(20, abs=0.01)
    assert series.grid.slice_spacing_mm == pytest.approx(5 * cosine, abs=1e-4)
    assert series.flags == ()


@pytest.mark.parametrize("text", [b"0", b"NaN", b"1,0", b"1e30"])
def test_row_20_rescale_slope_that_is_none_is_quarantined(incoming: Path, text: bytes) -> None:
    rewrite_text(write_stack(incoming, N_HEAD)[3], b"\x28\x00\x53\x10DS", text)
    assert_held_back(incoming, R.RESCALE_INVALID)


def test_row_21_slope_of_each_slice_is_applied_to_it(incoming: Path) -> None:
    def rescale(slice_: Dataset, k: int) -> None:
        slice_.RescaleSlope = str(1 + k % 3)

    write_stack(incoming, N_HEAD, change=rescale)
    data = load(only(index_all(incoming))).data
    for k in range(N_HEAD):
        assert np.array_equal(data[:, :, k], stored_values(k).T * (1 + k % 3) - 1024)


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_row_22_ct_without_rescale_is_quarantined(incoming: Path, keyword: str) -> None:
    write_stack(incoming, N_HEAD, change=without(keyword))
    assert_held_back(incoming, R.RESCALE_INVALID)


def test_row_24_instances_that_share_a_uid_are_quarantined(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, change=change_all(SOPInstanceUID="2.25.5"))
    assert_held_back(incoming, R.DUPLICATE_UID)


def test_row_24_a_slice_sent_again_with_other_pixels_is_quarantined(incoming: Path) -> None:
    write_stack(incoming, N_HEAD)
    resent = ct_slice(1)
    set_pixels(resent, stored_values(7))
    write(resent, incoming / "resent.dcm")
    assert_held_back(incoming, R.DUPLICATE_UID)


def test_row_25_a_matrix_beyond_any_scanner_is_refused_unallocated(incoming: Path) -> None:
    write_stack(incoming, 3, change=change_all(Rows=65535, Columns=65535))
    assert_held_back(incoming, R.SIZE_BEYOND_SCANNER)


def test_row_25_frames_beyond_any_scanner_are_refused_unallocated(incoming: Path) -> None:
    write_stack(incoming, 1, change=change_all(NumberOfFrames=2_000_000))
    assert_held_back(incoming, R.SIZE_BEYOND_SCANNER)


def test_row_25_it_is_asked_about_beside_a_series_that_is_used(incoming: Path) -> None:
    write_stack(incoming / "good", N_HEAD)
    huge = change_all(
        Rows=65535, Columns=65535, SeriesInstanceUID="2.25.201", SOPInstanceUID="2.25.301"
    )
    write_stack(incoming / "bad", 1, change=huge)
    plan = planned(incoming)
    assert len(plan.cases) == 1
    assert codes(plan) == [R.SIZE_BEYOND_SCANNER]


def test_row_26_short_pixel_data_is_quarantined(incoming: Path) -> None:
    def shorten(slice_: Dataset, k: int) -> None:
        if k == 2:
            slice_.PixelData = slice_.PixelData[:-4]

    write_stack(incoming, N_HEAD, change=shorten)
    assert_held_back(incoming, R.PIXELS_TRUNCATED)


def test_row_27_bytes_after_the_pixels_change_nothing(incoming: Path) -> None:
    for path in write_stack(incoming, N_HEAD):
        path.write_bytes(path.read_bytes() + b"Doe^Jane" * 20)
    data = load(only(index_all(incoming))).data
    assert np.array_equal(data[:, :, 3], stored_values(3).T - 1024)


def test_row_29_sequences_nested_beyond_reason_stop_nothing_else(incoming: Path) -> None:
    write_stack(incoming / "good", N_HEAD)
    bad = ct_slice()
    bad.SeriesInstanceUID, bad.SOPInstanceUID = "2.25.201", "2.25.301"
    path = write(bad, incoming / "bad" / "a.dcm")
    content = path.read_bytes()
    place = content.index(b"\x10\x00\x10\x00PN")
    opening = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    path.write_bytes(content[:place] + opening * 2000 + closing * 2000 + content[place:])
    delivery = index_all(incoming)
    assert [series.refusal for series in delivery.series if len(series.frames) == N_HEAD] == [None]
    refusals = [file.refusal for file in delivery.loose]
    refusals += [s.refusal for s in delivery.series if s.refusal is not None]
    assert [refusal.reason for refusal in refusals] == [R.HEADER_CUT]


def test_row_30_an_element_longer_than_its_file_is_quarantined(incoming: Path) -> None:
    path = write_stack(incoming, N_HEAD)[6]
    content = bytearray(path.read_bytes())
    place = bytes(content).index(b"\xe0\x7f\x10\x00OW")
    content[place + 8 : place + 12] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(content)
    assert_held_back(incoming, R.PIXELS_TRUNCATED, R.HEADER_CUT)


@pytest.mark.parametrize("syntax", NATIVE)
def test_row_31_every_byte_order_gives_the_same_values(incoming: Path, syntax: str) -> None:
    for k in range(N_HEAD):
        write(ct_slice(k), incoming / f"{k:02}.dcm", syntax)
    data = load(only(index_all(incoming))).data
    assert np.array_equal(data[:, :, 3], stored_values(3).T - 1024)


def test_row_31_lossless_compression_gives_the_same_values(incoming: Path) -> None:
    for k in range(3):
        write_compressed(wide_ct_slice(k), incoming / f"{k}.dcm", RLELossless, "pydicom")
    data = load(only(index_all(incoming))).data
    expected = np.frombuffer(wide_ct_slice(1).PixelData, "<i2").reshape(32, 32).T - 1024
    assert np.array_equal(data[:, :, 1], np.maximum(expected, -1024))


PROGRAMS = [b"MZ\x90\x00", b"\x7fELF\x02\x01", b"\xcf\xfa\xed\xfe", b"#!/bin/sh\n"]


@pytest.mark.parametrize("start", PROGRAMS)
def test_row_32_a_program_in_the_preamble_is_an_alert_and_stays_outside(
    incoming: Path, start: bytes
) -> None:
    path = write_stack(incoming, N_HEAD)[5]
    path.write_bytes(start + path.read_bytes()[len(start) :])
    case = used(incoming)
    assert F.EXECUTABLE_PREAMBLE in case.flags
    assert start not in load(case.images[0].sources[0]).data.tobytes()


def test_row_32_a_program_in_a_file_that_is_not_used_is_named(incoming: Path) -> None:
    (path,) = write_stack(incoming, 1, change=change_all(ImageType=["DERIVED", "SECONDARY"]))
    path.write_bytes(b"MZ" + path.read_bytes()[2:])
    (verdict,) = planned(incoming).verdicts
    assert verdict.outcome is Outcome.NOT_NEEDED
    assert "begins as a program does" in verdict.why


@pytest.mark.parametrize("start", [b"II*\x00", bytes(4)])
def test_row_32_other_preambles_are_no_alert(incoming: Path, start: bytes) -> None:
    path = write_stack(incoming, N_HEAD)[5]
    path.write_bytes(start + path.read_bytes()[4:])
    assert F.EXECUTABLE_PREAMBLE not in used(incoming).flags


@pytest.mark.filterwarnings("ignore:The value length")
@pytest.mark.parametrize(
    "patient_id", ["../../x", "/etc/passwd", "A\0B", "P" * 300, "CON", "a/b\\c", "\u202etneitap"]
)
def test_row_33_no_identifier_reaches_a_path(incoming: Path, patient_id: str) -> None:
    hostile = change_all(PatientID=patient_id, SpecificCharacterSet="ISO_IR 192")
    write_stack(incoming, N_HEAD, change=hostile)
    case = used(incoming).case
    assert re.fullmatch(r"[A-Z0-9]{6}", case.subject_code)
    out = Layout(incoming.parent / "OUT")
    assert out.case_folder(case).resolve().is_relative_to(out.root.resolve())


def test_row_34_a_directory_record_is_ignored_and_the_files_are_walked(incoming: Path) -> None:
    write_stack(incoming / "IMG", N_HEAD)
    (incoming / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"../../etc/passwd")
    delivery = index_all(incoming)
    assert delivery.n_ignored == 1
    assert len(only(delivery).files) == N_HEAD


def test_row_36_only_regular_files_are_read(incoming: Path) -> None:
    write_stack(incoming / "real", N_HEAD)
    (incoming / "loop").symlink_to(incoming)
    (incoming / "link.dcm").symlink_to(incoming / "real" / "000.dcm")
    os.mkfifo(incoming / "pipe.dcm")
    series = only(index_all(incoming))
    assert series.refusal is None
    assert len(series.files) == N_HEAD


def test_row_37_markup_in_a_header_reaches_no_text_of_the_blinded_side(incoming: Path) -> None:
    script = "<script>alert(1)</script>"
    hostile = change_all(SeriesDescription=script, PatientName=script, ProtocolName=script)
    write_stack(incoming, N_HEAD, change=hostile)
    plan = planned(incoming)
    shown = [verdict.why for verdict in plan.verdicts] + [case.choice for case in plan.cases]
    assert not any("<" in text for text in shown)


@pytest.mark.parametrize(
    "code", ["\u202eKX4M7P", "KX4\u200bM7P", "\u041aX4M7P", "KX4\0M7P", "../KX4M", "=KX4M7P"]
)
def test_row_40_a_subject_code_with_hidden_characters_is_refused(tmp_path: Path, code: str) -> None:
    table = tmp_path / "subjects.csv"
    table.write_text(f"patient_id,subject_code\nPAT-1,{code}\n", "utf-8")
    with pytest.raises(ConfigError):
        load_subjects(table)


@pytest.mark.parametrize("character_set", ["ISO_IR 999", "", "ISO 2022 IR 87", "utf8"])
def test_row_41_an_unknown_character_set_changes_nothing(
    incoming: Path, character_set: str
) -> None:
    for path in write_stack(incoming, N_HEAD, change=change_all(SpecificCharacterSet="ISO_IR 100")):
        rewrite_text(path, b"\x08\x00\x05\x00CS", character_set.encode())
        rewrite_text(path, b"\x10\x00\x10\x00PN", b"M\xfcller^J\xe9r\xf4me")
    assert only(index_all(incoming)).refusal is None


OTHER_CLASSES = {
    "encapsulated PDF": "1.2.840.10008.5.1.4.1.1.104.1",
    "dose report": "1.2.840.10008.5.1.4.1.1.88.67",
    "presentation state": "1.2.840.10008.5.1.4.1.1.11.1",
    "key images": "1.2.840.10008.5.1.4.1.1.88.59",
    "secondary capture": "1.2.840.10008.5.1.4.1.1.7",
    "segmentation": "1.2.840.10008.5.1.4.1.1.66.4",
}


@pytest.mark.parametrize("uid", OTHER_CLASSES.values(), ids=OTHER_CLASSES.keys())
def test_row_42_objects_that_are_no_ct_or_mr_image_are_kept_out(incoming: Path, uid: str) -> None:
    write_stack(incoming, N_HEAD, change=change_all(SOPClassUID=uid))
    series = only(index_all(incoming))
    assert series.kind is SeriesKind.NOT_AN_IMAGE
    assert refusal_of(series).reason is R.UNSUPPORTED_CLASS
    plan = planned(incoming)
    assert plan.cases == ()
    assert codes(plan) == [R.NO_USABLE_SERIES]


def test_row_48_a_mixed_diffusion_series_is_split_by_weighting(incoming: Path) -> None:
    write(enhanced_mr((0.0, 1000.0)), incoming / "dwi.dcm")
    kinds = {series.kind for series in index_all(incoming).series}
    assert kinds == {SeriesKind.B0, SeriesKind.TRACE}


def test_row_48_diffusion_of_unknown_weighting_is_quarantined(incoming: Path) -> None:
    write_stack(incoming, N_HEAD, make=mr_slice, change=weighted(None))
    assert_held_back(incoming, R.B_VALUE_UNKNOWN)


@pytest.mark.parametrize(
    ("offset_hu", "clip", "flag"),
    [(0, False, None), (20, False, F.HU_UNUSUAL), (0, True, F.METAL_NEAR_BRAIN)],
)
def test_row_49_hu_that_are_off_and_metal_are_flagged(
    offset_hu: int, *, clip: bool, flag: QcFlag | None
) -> None:
    head = build_ct_head(Recipe(lesion_ml=40.0))
    hu = head.hu.astype(np.int16) + np.int16(offset_hu)
    if clip:
        hu[tuple(size // 2 for size in hu.shape)] = 3071
    image = Volume(data=hu, affine=np.diag([*head.spacing_mm, 1.0]))
    flags = segment_ct(image).record.flags
    assert {F.HU_UNUSUAL, F.METAL_NEAR_BRAIN} & set(flags) == ({flag} if flag else set())


def test_row_49_padding_becomes_air(incoming: Path) -> None:
    def pad(slice_: Dataset, k: int) -> None:
        values = stored_values(k)
        values[0, 0] = -2000
        set_pixels(slice_, values)

    write_stack(incoming, N_HEAD, change=pad)
    assert (load(only(index_all(incoming))).data[0, 0] == -1024).all()


def test_row_54_one_slice_is_no_volume(incoming: Path) -> None:
    write_stack(incoming, 1)
    assert refusal_of(only(index_all(incoming))).reason is R.TOO_FEW_SLICES
    assert codes(planned(incoming)) == [R.NO_USABLE_SERIES]


def test_row_54_a_series_of_too_many_slices_is_refused_with_the_limit(incoming: Path) -> None:
    header = read_header(write_stack(incoming, 1)[0])
    assert isinstance(header, FileHeader)
    owners = (replace(header.owner, sop_uid=f"2.25.{n}") for n in range(20_001))
    refusal = series_refusal([replace(header, owner=owner) for owner in owners])
    assert refusal is not None
    assert refusal.reason is R.SIZE_BEYOND_SCANNER
    assert refusal.message == "20001 slices in one series, 20000 allowed"


def test_row_54_a_file_that_no_length_could_describe_is_refused_unread(incoming: Path) -> None:
    os.truncate(write_stack(incoming, 1)[0], 16 * 2**30)
    (file,) = index_all(incoming).loose
    assert file.refusal.reason is R.SIZE_BEYOND_SCANNER
    assert file.refusal.message == "the file has 16.0 GB, 4.1 allowed"
