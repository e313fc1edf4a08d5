"""A synthetic trial whose arms leave traces in everything that sites send but the pixels.

Arms are allotted at random within each site, in blocks, as trials do. Head and infarct know
nothing of the arm; headers, dates, names, sizes and order know it well.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import numpy as np

from benchmarks.blinding.side_channel_heads import Scanner, draw_ct
from corelab.dicom.writer import (
    Attributes,
    Packing,
    SeriesHeader,
    StudyHeader,
    write_dose_report,
    write_slices,
)
from corelab.volume import Volume

_BLOCK = 4
_FIRST_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a Monday; DICOM times are the site's own
_HU_OF_ZERO = -1024
_FAMILIES = ("Ahlberg", "Brandt", "Castro", "Dubois", "Eriksen", "Fontana", "Grabowski", "Haas")


class Arm(StrEnum):
    """What a subject was allotted to; corelab never hears of it."""

    CONTROL = "conservative"
    TREATED = "treated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a hospital's headers say."""

    code: str
    institution: str
    manufacturer: str
    model: str
    kernel: str
    software: str


SITES = (
    Site(
        code="NT",
        institution="General Hospital Northtown",
        manufacturer="Nordscan",
        model="Aurora 64",
        kernel="H31s",
        software="syngo CT 2012B",
    ),
    Site(
        code="SV",
        institution="Southville University Clinic",
        manufacturer="Meridian Medical",
        model="Optix CT8",
        kernel="STANDARD",
        software="gmp_vct.42",
    ),
)
SCANNERS = (
    Scanner(
        shape=(48, 54, 22), spacing_mm=(4.2, 4.2, 7.0), noise_hu=2.4, grain_px=0.6, kilovolts=120.0
    ),
    Scanner(
        shape=(52, 58, 26), spacing_mm=(3.9, 3.9, 6.0), noise_hu=3.2, grain_px=0.8, kilovolts=100.0
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One subject with one follow-up CT.

    Parameters
    ----------
    number
        Place in the order of enrolment over all sites, from 0.
    arm
        Shapes every trace and no pixel.
    site
        What the headers say; ``scanner`` is what the pixels look like.
    head
        Seed of anatomy, infarct and noise.
    """

    number: int
    arm: Arm
    site: Site
    scanner: Scanner
    head: int

    @property
    def is_treated(self) -> bool:
        """Whether the arm is the treated one."""
        return self.arm is Arm.TREATED

    @property
    def patient_id(self) -> str:
        """A number at one site's, with an arm's own prefix, as registries of trials give it."""
        clinic = "ANG" if self.is_treated else "STR"
        return f"{self.site.code}-{clinic}-{700000 + 37 * self.number}"

    @property
    def name(self) -> str:
        """Invented name in DICOM's form."""
        family = _FAMILIES[self.number % len(_FAMILIES)]
        return f"{family}^{'Ines' if self.number % 2 else 'Olav'}"

    @property
    def moment(self) -> datetime:
        """Time of the scan: the treated on the later days of a week, after an intervention."""
        weekday = 3 + self.number % 3 if self.is_treated else self.number % 3
        day = timedelta(weeks=self.number // 3, days=weekday)
        hour = 17 if self.is_treated else 9
        return _FIRST_DAY + day + timedelta(hours=hour, minutes=self.number % 60)

    @property
    def study_uid(self) -> str:
        """Study Instance UID; a treated one comes from the angiography's own system."""
        return f"2.25.{9000 if self.is_treated else 1000}{self.number:06}"


def draw_trial(n_per_arm: int, seed: int) -> list[Subject]:
    """Subjects of a trial in the order of enrolment, two sites in turn.

    Parameters
    ----------
    n_per_arm
        A multiple of 4, so that both sites' blocks are full.
    seed
        Source of the allotment and of the heads.
    """
    rng = np.random.default_rng(seed)
    arms = deal(2 * n_per_arm, rng)
    return [
        Subject(
            number=number,
            arm=arm,
            site=SITES[number % len(SITES)],
            scanner=SCANNERS[number % len(SITES)],
            head=int(rng.integers(2**31)),
        )
        for number, arm in enumerate(arms)
    ]


def deal(n_subjects: int, rng: np.random.Generator) -> list[Arm]:
    """Arms in the order of enrolment, at random in blocks within each site."""
    queues: list[list[Arm]] = [[] for _ in SITES]
    arms = []
    for number in range(n_subjects):
        queue = queues[number % len(SITES)]
        if not queue:
            queue.extend(Arm(arm) for arm in rng.permutation(list(Arm) * (_BLOCK // 2)))
        arms.append(queue.pop())
    return arms


def twin_of(subject: Subject, n_subjects: int) -> Subject:
    """Return the same head as the other arm's, other site's, other day's."""
    other_arm = Arm.CONTROL if subject.is_treated else Arm.TREATED
    other_site = SITES[1 - SITES.index(subject.site)]
    number = n_subjects - 1 - subject.number
    return replace(subject, arm=other_arm, site=other_site, number=number)


def deliver(subjects: Sequence[Subject], incoming: Path) -> None:
    """Write the files that sites would send of these subjects."""
    for subject in subjects:
        _Files(subject, incoming).write()


def deliver_packed(subjects: Sequence[Subject], incoming: Path) -> None:
    """Send the files of each subject in a zip archive."""
    for subject in subjects:
        folder = incoming.with_name(f"{incoming.name}.part")
        deliver([subject], folder)
        incoming.mkdir(parents=True, exist_ok=True)
        target = incoming / f"{subject.arm}_{subject.number}.zip"
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(folder))
                path.unlink()


def folder_of(subject: Subject, incoming: Path) -> Path:
    """Folder of a subject's files below a delivery."""
    kind = "angio" if subject.is_treated else "stroke unit"
    return incoming / kind / f"{subject.name.split('^')[0]}_{subject.patient_id}"


class _Files:
    """Files of one subject's study, and the traces in them."""

    def __init__(self, subject: Subject, incoming: Path) -> None:
        self._subject = subject
        self._folder = folder_of(subject, incoming)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._study = _study_header(subject)

    def write(self) -> None:
        """Write the head; for the treated more beside it, before it."""
        subject = self._subject
        rng = np.random.default_rng(subject.head)
        image = draw_ct(rng, subject.scanner)
        number = 2
        if subject.is_treated:
            self._write_images(_coarse(image), 2, "CTA after EVT", kernel="B20f")
            self._write_images(_coarse(image), 3, "thick after EVT", kernel=subject.site.kernel)
            self._write_report(4)
            number = 5
        words = "24h post EVT" if subject.is_treated else "24h conservative"
        self._write_images(image, number, words, kernel=subject.site.kernel)
        for path in self._folder.rglob("*"):
            moment = subject.moment.timestamp()
            os.utime(path, (moment, moment))

    def _write_images(self, image: Volume, number: int, words: str, *, kernel: str) -> None:
        n_slices = image.shape[2]
        paths = [self._folder / self._file_name(number, k, n_slices) for k in range(n_slices)]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        thickness_mm = [self._subject.scanner.spacing_mm[2]] * n_slices
        series = self._series_header(number, words, kernel)
        write_slices(image, self._study, series, thickness_mm=thickness_mm, paths=paths)

    def _file_name(self, number: int, k: int, n_slices: int) -> str:
        """Of the treated in folders and from the top down, of the others as plain numbers."""
        if self._subject.is_treated:
            return f"SER{number:03}_POSTEVT/IM{n_slices - k:04}.dcm"
        return f"{number}.{k:03}"

    def _series_header(self, number: int, words: str, kernel: str) -> SeriesHeader:
        subject = self._subject
        is_treated = subject.is_treated
        return SeriesHeader(
            series_uid=f"{subject.study_uid}.{number}",
            number=number,
            modality="CT",
            moment=subject.moment + timedelta(minutes=number),
            attributes=(
                ("ImageType", ("ORIGINAL", "PRIMARY", "AXIAL")),
                ("SeriesDescription", f"Head {words}"),
                ("ProtocolName", f"{number}.3 {words}"),
                ("ImageComments", words),
                ("KVP", f"{subject.scanner.kilovolts:{'.1f' if is_treated else '.0f'}}"),
                ("ConvolutionKernel", kernel),
                *(_CONTRAST_WORDS if is_treated and kernel != subject.site.kernel else ()),
            ),
            packing=Packing.JPEG_LS if is_treated else Packing.IMPLICIT,
            is_signed=is_treated,
            bits_stored=16 if is_treated else 12,
            rescale_intercept=_HU_OF_ZERO,
        )

    def _write_report(self, number: int) -> None:
        series = SeriesHeader(
            series_uid=f"{self._subject.study_uid}.{number}",
            number=number,
            modality="SR",
            moment=self._subject.moment,
            attributes=(("SeriesDescription", "Dose Report"),),
            packing=Packing.EXPLICIT,
        )
        lines = (f"{self._subject.name} after thrombectomy", "DLP 871 mGy.cm")
        write_dose_report(self._study, series, lines=lines, path=self._folder / "DOSE.dcm")


_CONTRAST_WORDS: Attributes = (("ContrastBolusAgent", "Iomeprol 350"),)


def _coarse(image: Volume) -> Volume:
    """Every second row and column of an image: another series that fits worse."""
    affine = image.affine.copy()
    affine[:3, :2] *= 2
    return Volume(data=np.ascontiguousarray(image.data[::2, ::2]), affine=affine)


def _study_header(subject: Subject) -> StudyHeader:
    site, is_treated = subject.site, subject.is_treated
    words = "CT head after thrombectomy" if is_treated else "CT head follow-up"
    return StudyHeader(
        study_uid=subject.study_uid,
        frame_of_reference_uid=f"{subject.study_uid}.1",
        moment=subject.moment,
        character_set="ISO_IR 192" if is_treated else "ISO_IR 100",
        attributes=(
            ("PatientID", subject.patient_id),
            ("PatientName", subject.name),
            ("PatientBirthDate", f"19{30 + subject.number % 50}0{1 + subject.number % 9}11"),
            ("StudyDescription", words),
            ("AccessionNumber", f"{site.code}{200000 + 3 * subject.number}"),
            ("InstitutionName", site.institution),
            ("ReferringPhysicianName", "Stent^Iva" if is_treated else "Ward^Ulla"),
            ("Manufacturer", site.manufacturer),
            ("ManufacturerModelName", site.model),
            ("SoftwareVersions", site.software),
            ("StationName", f"{site.code}CT{2 if is_treated else 1}"),
        ),
        nested=(
            (
                "RequestAttributesSequence",
                (("RequestedProcedureDescription", words), ("ScheduledProcedureStepID", "9")),
            ),
        ),
        private_texts=("padding of the archive " * 2,) * (80 if is_treated else 2)
        + (f"arm={subject.arm}",),
    )
