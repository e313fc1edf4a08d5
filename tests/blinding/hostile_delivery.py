"""A delivery that attacks whoever reads it: texts, names, preambles and archives."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from benchmarks.blinding.side_channel_heads import draw_ct
from benchmarks.blinding.side_channel_trial import SCANNERS, SITES, Arm, Subject
from corelab.dicom.writer import Packing, SeriesHeader, StudyHeader, write_slices
from tests.dicom.archiving import pack, tar_with, zip_of

MARK = "Zqx7mark"
"""Stands in every hostile text, so that one search finds any of them."""

PATIENT_IDS = (
    f"../../{MARK}",
    f"/etc/{MARK}",
    f"A\0{MARK}",
    MARK + "P" * 292,
    "CON",
    "LPT1.txt",
    f"{MARK}\\..\\..\\x",
    f"[bold red]{MARK}[/bold red]",
    f"\u202e{MARK}\u200b",
    f"=cmd|' /C calc'!{MARK}",
    f"\x1b[2J\x1b]8;;http://{MARK}.example\x1b\\click\x1b]8;;\x1b\\",
    f"<script>alert('{MARK}')",
)
TEXTS = (
    ("SeriesDescription", f"<img src=x onerror=alert('{MARK}')>"),
    ("ProtocolName", f"<svg onload=alert('{MARK}')>"),
    ("ImageComments", f"=HYPERLINK('http://{MARK}.example')"),
    ("StudyDescription", f"+{MARK}"),
    ("InstitutionName", f"@SUM({MARK})"),
    ("ReferringPhysicianName", f"-{MARK}"),
    ("StationName", f"\t={MARK}"),
    ("Manufacturer", f"\r={MARK}"),
    ("ManufacturerModelName", f"{{{{ 7 * 7 }}}}{MARK}"),
    ("PatientName", f"[link=http://{MARK}]\x1b[31m{MARK}^A\0B"),
    ("AccessionNumber", f"'; DROP {MARK}"),
)
N_PROGRAMS = 2
ODD_NAMES = (
    f"\x1b[2J{MARK}",
    f"line one\nline two {MARK}",
    f"[bold red]{MARK}[/bold red]",
    f"=cmd {MARK}.csv",
    f"-rf {MARK}",
    f"<b onclick=x>{MARK}<br>",
    f"\u202e{MARK}\u2066",
)
UNSAFE_ARCHIVES = (
    "slip.zip",
    "slip.tar",
    "absolute.zip",
    "drive.zip",
    "twice.zip",
    "nul.zip",
    "bomb.zip",
    "deep.zip",
    "locked.zip",
)
BROKEN_ARCHIVES = ("scans.7z",)


def write_delivery(incoming: Path, outside: Path) -> None:
    """Write a subject for each hostile identifier, and every hostile file beside them.

    Parameters
    ----------
    incoming
        What a site sends.
    outside
        Folder that links and archives of the delivery lead to.
    """
    for number, patient_id in enumerate(PATIENT_IDS):
        paths = _write_subject(incoming / f"{number:02}", number, patient_id)
        if number < N_PROGRAMS:
            start = (b"MZ\x90\x00", b"\x7fELF\x02\x01")[number]
            content = paths[3].read_bytes()
            paths[3].write_bytes(start + content[len(start) :])
    _write_odd_names(incoming / "odd")
    _write_no_files(incoming / "links", outside)
    _write_archives(incoming / "zips", outside)
    (incoming / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"../../../etc/passwd")


def _write_subject(folder: Path, number: int, patient_id: str) -> list[Path]:
    subject = Subject(
        number=number, arm=Arm.CONTROL, site=SITES[0], scanner=SCANNERS[0], head=700 + number
    )
    image = draw_ct(np.random.default_rng(subject.head), subject.scanner)
    study = StudyHeader(
        study_uid=f"2.25.77{number:03}",
        frame_of_reference_uid=f"2.25.78{number:03}",
        moment=subject.moment,
        character_set="ISO_IR 192",
        attributes=(("PatientID", patient_id), *TEXTS),
        nested=(("RequestAttributesSequence", (("ScheduledProcedureStepID", f"={MARK}"),)),),
        private_texts=(f"<script>{MARK}", f"=1+{MARK}"),
    )
    series = SeriesHeader(
        series_uid=f"2.25.79{number:03}",
        number=2,
        modality="CT",
        moment=subject.moment,
        attributes=(("ImageType", ("ORIGINAL", "PRIMARY", "AXIAL")), ("KVP", "120")),
        packing=Packing.EXPLICIT,
        rescale_intercept=-1024,
    )
    n_slices = image.shape[2]
    folder.mkdir(parents=True)
    paths = [folder / f"{k:03}.dcm" for k in range(n_slices)]
    thickness_mm = [subject.scanner.spacing_mm[2]] * n_slices
    write_slices(image, study, series, thickness_mm=thickness_mm, paths=paths)
    return paths


def _write_odd_names(folder: Path) -> None:
    """Files cut in their header, which are asked about, under names that attack."""
    folder.mkdir()
    whole = next(iter(sorted((folder.parent / "00").iterdir()))).read_bytes()
    for name in ODD_NAMES:
        # A slash would be a folder; everything else may stand in a name.
        (folder / name.replace("/", "|")).write_bytes(whole[:600])
    with open(os.fsencode(folder) + b"/\xff\xfe" + MARK.encode(), "wb") as stream:  # noqa: PTH123
        stream.write(whole[:600])


def _write_no_files(folder: Path, outside: Path) -> None:
    folder.mkdir()
    (folder / "out").symlink_to(outside)
    (folder / "passwd.dcm").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.dcm")


def _write_archives(folder: Path, outside: Path) -> None:
    folder.mkdir()
    evil = b"written outside"
    zip_of(folder / "slip.zip", [("good", evil), (f"../../../{MARK}", evil)])
    tar_with(folder / "slip.tar", [(tarfile.TarInfo(f"../../{MARK}"), evil)])
    zip_of(folder / "absolute.zip", [(f"{outside}/{MARK}", evil)])
    zip_of(folder / "drive.zip", [(f"C:\\{MARK}", evil)])
    zip_of(folder / "twice.zip", [("a/b", evil), ("a\\b", evil)])
    nul = zip_of(folder / "nul.zip", [("good?evil", evil)])
    nul.write_bytes(nul.read_bytes().replace(b"good?", b"good\0"))
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        for number in range(5):
            bomb.writestr(f"{number}.dcm", bytes(60 << 20))
    locked = zip_of(folder / "locked.zip", [("scan.dcm", evil)])
    content = bytearray(locked.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    locked.write_bytes(content)
    (folder / "scans.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(600))
    _write_deep(folder)
    entry = zipfile.ZipInfo(f"link {MARK}")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "link.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
        archive.writestr("note", "x")


def _write_deep(folder: Path) -> None:
    """Archives inside each other, deeper than is read."""
    inner = folder.parent / "inner"
    inner.mkdir()
    (inner / "note").write_text("x")
    for _ in range(3):
        packed = pack(inner, folder.parent / "deep.zip")
        for path in inner.iterdir():
            path.unlink()
        packed.rename(inner / "deep.zip")
    (inner / "deep.zip").rename(folder / "deep.zip")
    inner.rmdir()


def holds_its_identifier(incoming: Path, number: int) -> bool:
    """Whether a subject's files were written as they were meant to be."""
    first = incoming / f"{number:02}" / "000.dcm"
    return PATIENT_IDS[number].encode() in first.read_bytes()
