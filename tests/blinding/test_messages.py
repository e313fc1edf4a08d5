"""What is said of bad data on the blinded side repeats nothing that a site wrote.

Every text of a header, each number that may be a patient's, and all names of files and folders
are tokens here; each fault is provoked, and everything that is said of it is searched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from corelab.blinding.release import release
from corelab.blinding.subjects import load_subjects
from corelab.blinding.vault import open_vault
from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.errors import ConfigError, ReasonCode, UnfitDataError
from corelab.series import Delivery
from pipelines.followup import plan_batch
from pipelines.survey import GENERAL
from tests.dicom.tiny import ct_slice as plain_ct_slice
from tests.dicom.tiny import (
    cut,
    mr_slice,
    set_pixels,
    stored_values,
    weighted,
    wide_ct_slice,
    write,
    write_compressed,
    write_stack,
)

TEXT, NUMBER, SHORT = "Zqxvert", 71134173, 41343
TOKENS = (TEXT, str(NUMBER), f"{NUMBER:g}", str(SHORT))
TEXT_VRS = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UR"}
NEEDED = {"SpecificCharacterSet", "Modality", "SOPClassUID"}
Change = Callable[[Dataset, int], None]
R = ReasonCode


def plant(slice_: Dataset) -> Dataset:
    """Put the token into every public text attribute, into a sequence and a private block."""
    item = Dataset()
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if vr in TEXT_VRS and tag >> 16 > 2 and keyword and keyword not in NEEDED:
            setattr(slice_, keyword, TEXT)
    item.CodeMeaning = TEXT
    slice_.ProcedureCodeSequence = Sequence([item])
    slice_.private_block(0x0029, TEXT, create=True).add_new(0x10, "LO", TEXT)
    slice_.StudyInstanceUID = f"2.25.{NUMBER}1"
    slice_.SeriesInstanceUID = f"2.25.{NUMBER}2"
    slice_.FrameOfReferenceUID = f"2.25.{NUMBER}3"
    slice_.SOPInstanceUID = f"2.25.{NUMBER}4.{slice_.InstanceNumber}"
    slice_.SeriesNumber = NUMBER
    return slice_


def ct(k: int = 0) -> Dataset:
    return plant(plain_ct_slice(k))


def mr(k: int = 0) -> Dataset:
    return plant(mr_slice(k))


def every(keyword: str, value: object) -> Change:
    return lambda slice_, _: setattr(slice_, keyword, value)


def second(keyword: str, value: object) -> Change:
    return lambda slice_, k: setattr(slice_, keyword, value) if k == 1 else None


def stack(change: Change | None = None, n: int = 5) -> Callable[[Path], object]:
    return lambda folder: write_stack(folder, n, make=ct, change=change)


def mr_stack(change: Change | None = None, n: int = 5) -> Callable[[Path], object]:
    return lambda folder: write_stack(folder, n, make=mr, change=change)


def files(*contents: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        for number, content in enumerate(contents):
            (folder / f"{TEXT}{number}.dcm").write_bytes(content)

    return make


def cut_stack(n_bytes: int) -> Callable[[Path], object]:
    return lambda folder: cut(write_stack(folder, 5, make=ct)[2], n_bytes)


def without(keyword: str) -> Change:
    return lambda slice_, _: slice_.__delattr__(keyword)


def matrix(slice_: Dataset, k: int) -> None:
    if k == 1:
        set_pixels(slice_, np.zeros((8, 8), np.int16))


def twice(folder: Path) -> None:
    write_stack(folder / "a", 5, make=ct)
    write_stack(folder / "b", 5, make=ct, change=lambda s, k: set_pixels(s, stored_values(k) + 1))


def broken_rle(folder: Path) -> None:
    for k in range(3):
        slice_ = plant(wide_ct_slice(k))
        path = write_compressed(slice_, folder / f"{k}.dcm", RLELossless, "pydicom")
        content = bytearray(path.read_bytes())
        content[-400:-300] = b"\xff" * 100
        path.write_bytes(content)


def not_rle(folder: Path) -> None:
    """Say that plain pixels are run-length coded."""
    for path in write_stack(folder, 5, make=ct):
        content = path.read_bytes()
        path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"))


def no_preamble(folder: Path) -> None:
    path = write(ct(), folder / "a.dcm")
    path.write_bytes(path.read_bytes()[132:])


def text_for_a_spacing(folder: Path) -> None:
    for path in write_stack(
        folder, 5, make=ct, change=every("PixelSpacing", ["1.12345", "1.1234"])
    ):
        content = path.read_bytes()
        assert content.count(b"1.12345\\1.1234") == 1
        path.write_bytes(content.replace(b"1.12345\\1.1234", TEXT.encode()[:14].ljust(14)))


FAULTS: dict[str, tuple[Callable[[Path], object], set[ReasonCode]]] = {
    "no DICOM": (files(TEXT.encode() * 40), {R.NOT_DICOM}),
    "no preamble": (no_preamble, {R.PREAMBLE_ABSENT}),
    "link": (lambda f: (f / TEXT).symlink_to("/dev/null"), {R.NOT_A_FILE}),
    "broken zip": (files(b"PK\x03\x04" + TEXT.encode() * 20), {R.ARCHIVE_BROKEN}),
    "cut header": (lambda f: cut(write(ct(), f / "a.dcm"), 400), {R.HEADER_CUT}),
    "cut pixels": (cut_stack(20), {R.PIXELS_TRUNCATED}),
    "broken stream": (broken_rle, {R.DECODERS_DISAGREE}),
    "no stream": (not_rle, {R.PIXELS_UNDECODABLE}),
    "class": (stack(every("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7")), {R.UNSUPPORTED_CLASS}),
    "colour": (stack(every("SamplesPerPixel", 3)), {R.PIXELS_TRUNCATED}),
    "bits": (stack(every("BitsStored", SHORT)), {R.UNSUPPORTED_LAYOUT}),
    "rows": (stack(every("Rows", SHORT)), {R.SIZE_BEYOND_SCANNER}),
    "frames": (stack(every("NumberOfFrames", NUMBER)), {R.SIZE_BEYOND_SCANNER}),
    "few frames": (stack(every("NumberOfFrames", 17)), {R.PIXELS_TRUNCATED}),
    "patients": (stack(second("PatientID", f"{TEXT}2")), {R.MIXED_PATIENTS}),
    "frames of reference": (
        stack(second("FrameOfReferenceUID", f"2.25.{NUMBER}9")),
        {R.MIXED_FRAME_OF_REFERENCE},
    ),
    "matrix": (stack(matrix), {R.MIXED_MATRIX}),
    "position": (
        stack(second("ImagePositionPatient", [-10, -20, 30])),
        {R.DUPLICATE_POSITION},
    ),
    "far position": (
        stack(second("ImagePositionPatient", [-10, -20, NUMBER])),
        {R.GEOMETRY_ABSENT},
    ),
    "copies": (twice, {R.DUPLICATE_UID}),
    "gap": (
        stack(lambda s, k: setattr(s, "ImagePositionPatient", [-10, -20, 5 * (k + 2 * (k > 2))])),
        {R.MISSING_SLICE},
    ),
    "far gap": (
        stack(lambda s, k: setattr(s, "ImagePositionPatient", [-10, -20, 5 * k + 7113 * (k > 2)])),
        {R.MISSING_SLICE},
    ),
    "one slice": (stack(n=1), {R.TOO_FEW_SLICES}),
    "no position": (stack(without("ImagePositionPatient")), {R.GEOMETRY_ABSENT}),
    "text for a spacing": (text_for_a_spacing, {R.SPACING_INVALID}),
    "spacing": (stack(every("PixelSpacing", [NUMBER, NUMBER])), {R.OUTSIDE_ACQUISITION_LIMITS}),
    "two spacings": (stack(second("PixelSpacing", [NUMBER, NUMBER])), {R.MIXED_MATRIX}),
    "no spacing": (stack(every("PixelSpacing", [0, 0])), {R.SPACING_INVALID}),
    "off the line": (
        stack(second("ImagePositionPatient", [90, -20, 35])),
        {R.POSITIONS_NOT_A_LINE},
    ),
    "slope": (stack(every("RescaleSlope", "0")), {R.RESCALE_INVALID}),
    "large slope": (stack(every("RescaleSlope", NUMBER)), {R.RESCALE_INVALID}),
    "one slope": (
        stack(lambda s, k: k == 1 and without("RescaleSlope")(s, k)),
        {R.RESCALE_INVALID},
    ),
    "b-value": (mr_stack(weighted(None)), {R.B_VALUE_UNKNOWN}),
    "large b-value": (mr_stack(weighted(NUMBER)), {R.OUTSIDE_ACQUISITION_LIMITS}),
    "large b-value of a whole head": (mr_stack(weighted(NUMBER), 20), {R.NO_USABLE_SERIES}),
    "large intercept": (stack(every("RescaleIntercept", NUMBER - 1000)), {R.RESCALE_INVALID}),
    "kilovolts": (stack(every("KVP", NUMBER)), {R.OUTSIDE_ACQUISITION_LIMITS}),
    "thickness": (stack(every("SliceThickness", NUMBER)), {R.OUTSIDE_ACQUISITION_LIMITS}),
    "short head": (stack(), {R.NO_USABLE_SERIES}),
}
ELSEWHERE = {
    R.UNREADABLE: "the operating system's word goes to the evidence",
    R.ARCHIVE_UNSAFE: "tests/dicom/test_archive_hostile.py",
    R.PARSE_LIMIT: "tests/pipelines/test_reader.py",
    R.LOSSY_PIXELS: "fixed words",
    R.ADC_UNIT_UNKNOWN: "a kernel: numbers of voxels",
    R.SUBJECT_UNKNOWN: "below",
    R.CODE_IDENTIFYING: "fixed words; tests/stages/test_identify.py",
    R.VISIT_UNKNOWN: "below, and hours; tests/blinding/test_visits.py",
    R.NOT_A_VISIT: "fixed words",
    R.GRIDS_DIFFER: "a kernel: shapes",
    R.HEAD_NOT_FOUND: "a kernel: numbers of voxels",
    R.BURNED_IN_TEXT: "fixed words and counts; tests/blinding/test_pixels.py",
    R.IMAGE_INVALID: "a blinded file's own numbers",
    R.DEFACE_NOT_PROVED: "numbers of voxels, and what a kernel says behind fixed words",
    R.LEAK_FOUND: "fixed words",
    R.TIME_LIMIT: "fixed words and minutes",
    R.MEMORY_LIMIT: "fixed words and megabytes",
    R.WORKER_DIED: "fixed words",
    R.DISK_FAILED: "the operating system's words for an error number",
    R.INTERNAL_ERROR: "the type of the exception",
}


def said_of(incoming: Path) -> Iterator[tuple[ReasonCode | None, str]]:
    """Everything that a run says of a folder on the blinded side, reading to release."""
    delivery = index(incoming)
    with open_vault(incoming.parent / "vault") as vault:
        plan = plan_batch(delivery, GENERAL, None, vault)
    for problem in plan.problems:
        yield ReasonCode(problem.reason_code), problem.message
    for verdict in plan.verdicts:
        yield None, verdict.why
    yield from ((None, case.choice) for case in plan.cases)
    for file in (*delivery.loose, *delivery.skipped):
        yield file.refusal.reason, file.refusal.message
    yield from _raised_by(delivery)


def _raised_by(delivery: Delivery) -> Iterator[tuple[ReasonCode, str]]:
    for series in delivery.series:
        if series.refusal:
            yield series.refusal.reason, series.refusal.message
        try:
            release(load(series), head=None)
        except UnfitDataError as error:
            yield error.reason, str(error)
            yield error.reason, error.message


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_said_of_a_fault_repeats_nothing_that_a_site_wrote(
    fault: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make, expected = FAULTS[fault]
    incoming = tmp_path / TEXT
    incoming.mkdir()
    make(incoming)
    with caplog.at_level(logging.DEBUG):
        said = list(said_of(incoming))
    assert expected
    assert expected <= {reason for reason, _ in said}
    streams = capfd.readouterr()
    spoken = [text for _, text in said] + [caplog.text, streams.out, streams.err]
    assert [text for text in spoken if any(token in text for token in TOKENS)] == []


def test_every_reason_code_is_provoked_here_or_has_its_reason_why_not() -> None:
    provoked = {reason for _, reasons in FAULTS.values() for reason in reasons}
    assert provoked | set(ELSEWHERE) == set(ReasonCode)
    assert provoked & set(ELSEWHERE) == set()


def test_a_subjects_file_without_its_first_line_names_no_patient(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(f"{TEXT},KX4M7P\nP2,AB2CD3\n")
    with pytest.raises(ConfigError, match="column 1: found an unknown column") as caught:
        load_subjects(tmp_path / "s.csv")
    assert TEXT not in str(caught.value)


@pytest.mark.parametrize(
    "rows",
    [
        f"{TEXT}-1,{TEXT}-1\n",  # the columns swapped, or a code that is the identity
        f"P1,KX4M7P\n{TEXT},KX4M7P\n",
        f"{TEXT},KX4M7P\n{TEXT},AB2CD3\n",
        f"{TEXT},{TEXT}^{TEXT}\n",
        f"{TEXT},20240305\n",
    ],
)
def test_a_fault_of_the_subjects_file_is_named_by_its_line_alone(rows: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("patient_id,subject_code\n" + rows)
    with pytest.raises(ConfigError) as caught:
        load_subjects(tmp_path / "s.csv")
    assert "line" in str(caught.value)
    assert TEXT not in str(caught.value)
    assert "20240305" not in str(caught.value)


def test_a_study_named_twice_in_the_subjects_file_is_named_by_its_line(tmp_path: Path) -> None:
    row = f"{TEXT},KX4M7P,2.25.{NUMBER}\n"
    (tmp_path / "s.csv").write_text("patient_id,subject_code,study_instance_uid\n" + row + row)
    with pytest.raises(ConfigError, match="line 3, study_instance_uid") as caught:
        load_subjects(tmp_path / "s.csv")
    assert str(NUMBER) not in str(caught.value)
