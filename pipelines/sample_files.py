"""One synthetic exam as the DICOM files that a site would send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np

from corelab.dicom.writer import (
    Attributes,
    Packing,
    SeriesHeader,
    StudyHeader,
    write_dose_report,
    write_slices,
)
from corelab.dicom.writer_multiframe import FrameGroup, write_multiframe
from corelab.phantom.exam import Exam, FileForm, Picture, Role
from corelab.phantom.identity import (
    Person,
    Site,
    device_attributes,
    person_attributes,
    technique_attributes,
)
from corelab.phantom.naming import SeriesPlace, series_paths
from corelab.vocab import Modality

_SINGLE_FRAME_SERIES = (
    (Role.SCOUT,),
    (Role.CT,),
    (Role.BONE,),
    (Role.B0, Role.TRACE),
    (Role.ADC,),
    (Role.FLAIR,),
)
_CUT_SHARE = 0.7
_DIFFUSION_WORDS = ("DiffusionBValue", "DiffusionDirectionality")
_PURPOSES = {"baseline": "stroke code, before EVT", "fu24h": "24h post EVT"}
_PADDING = -2000
_HU_OF_ZERO = -1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who an exam's files belong to.

    Parameters
    ----------
    person, site
        The patient and the hospital.
    start
        Moment of hour 0.
    style
        Which of the sites' habits the file names follow.
    """

    person: Person
    site: Site
    start: datetime
    style: int


def write_exam(
    incoming: Path, owner: Owner, exam: Exam, *, number: int, rng: np.random.Generator
) -> str:
    """Study Instance UID of an exam, after its files are written.

    Parameters
    ----------
    incoming
        Folder to write below.
    owner, exam
        Whose and what.
    number
        How many exams of the owner were written before.
    rng
        Source of UIDs and numbers.
    """
    files = _ExamFiles(incoming=incoming, owner=owner, exam=exam, number=number, rng=rng)
    if exam.form is FileForm.MULTI_FRAME:
        files.write_multiframe((Role.B0, Role.TRACE))
        files.write_multiframe((Role.ADC,))
        return files.study.study_uid
    paths = [
        files.write_series(roles) for roles in _SINGLE_FRAME_SERIES if roles[0] in files.pictures
    ]
    if exam.form is FileForm.ONE_FILE_CUT:
        _cut(paths[0][len(paths[0]) // 2])
    if exam.form is FileForm.WITH_DOSE_REPORT:
        files.write_dose_report()
    return files.study.study_uid


class _ExamFiles:
    """The files of one study, its series counted as they are written."""

    def __init__(
        self,
        *,
        incoming: Path,
        owner: Owner,
        exam: Exam,
        number: int,
        rng: np.random.Generator,
    ) -> None:
        self.pictures = {picture.role: picture for picture in exam.pictures}
        self.study = _study_header(owner, exam, rng)
        self._incoming = incoming
        self._owner = owner
        self._exam = exam
        self._number = number
        self._rng = rng
        self._series = count()

    def write_series(self, roles: Sequence[Role]) -> list[Path]:
        """Write single-frame images, all roles in one series; their paths."""
        place, series_uid = next(self._series), _new_uid(self._rng)
        sizes = [self.pictures[role].image.shape[2] for role in roles]
        paths = self._paths(place, sum(sizes))
        start = 0
        for role, size in zip(roles, sizes, strict=True):
            picture = self.pictures[role]
            write_slices(
                picture.image,
                self.study,
                self._series_header(picture, place, series_uid, self._technique(role)),
                thickness_mm=picture.thickness_mm,
                paths=paths[start : start + size],
                first_instance=start + 1,
            )
            start += size
        return paths

    def write_multiframe(self, roles: Sequence[Role]) -> None:
        """Write one multi-frame file that holds all roles."""
        place = next(self._series)
        pictures = [self.pictures[role] for role in roles]
        techniques = [dict(self._technique(role)) for role in roles]
        groups = [
            FrameGroup(
                image=picture.image,
                image_type=_words(technique["ImageType"]),
                b_value_s_mm2=_b_value(technique),
                directionality=str(technique.get("DiffusionDirectionality", "NONE")),
            )
            for picture, technique in zip(pictures, techniques, strict=True)
        ]
        kept = tuple(p for p in self._technique(roles[-1]) if p[0] not in _DIFFUSION_WORDS)
        write_multiframe(
            groups,
            self.study,
            self._series_header(pictures[-1], place, _new_uid(self._rng), kept),
            thickness_mm=pictures[-1].thickness_mm[0],
            path=self._paths(place, 1)[0],
        )

    def write_dose_report(self) -> None:
        """Write the dose report that CT scanners add."""
        place = next(self._series)
        person = self._owner.person
        header = SeriesHeader(
            series_uid=_new_uid(self._rng),
            number=901,
            modality="SR",
            moment=self.study.moment + timedelta(minutes=9),
            attributes=(("SeriesDescription", "Dose Report"),),
            packing=Packing.EXPLICIT,
        )
        lines = (f"Patient {person.name} {person.patient_id}", "CTDIvol 52.1 mGy, DLP 871 mGy.cm")
        write_dose_report(self.study, header, lines=lines, path=self._paths(place, 1)[0])

    def _technique(self, role: Role) -> Attributes:
        site = self._owner.site
        is_ct = self._exam.modality is Modality.NCCT
        return technique_attributes(role, site.ct if is_ct else site.mr)

    def _series_header(
        self, picture: Picture, place: int, series_uid: str, attributes: Attributes
    ) -> SeriesHeader:
        is_ct = self._exam.modality is Modality.NCCT
        is_padded = is_ct and picture.role is not Role.SCOUT and "GE" in _maker(self._owner)
        tilt = picture.image.tilt_deg
        # Makers do not agree on the sign of the tilt; only positions and orientation count.
        gantry: Attributes = (("GantryDetectorTilt", f"{-tilt:.1f}"),) if is_ct else ()
        return SeriesHeader(
            series_uid=series_uid,
            number=place + 1,
            modality="CT" if is_ct else "MR",
            moment=self.study.moment + timedelta(minutes=2 * place + 1),
            attributes=(*attributes, *gantry),
            packing=_packing(picture.role, _maker(self._owner)),
            is_signed=is_padded,
            bits_stored=16 if is_padded else 12,
            rescale_intercept=_HU_OF_ZERO if is_ct else None,
            padding=_PADDING if is_padded else None,
        )

    def _paths(self, place: int, n_files: int) -> list[Path]:
        named = SeriesPlace(
            person=self._owner.person,
            modality="CT" if self._exam.modality is Modality.NCCT else "MR",
            day=f"{self.study.moment:%Y-%m-%d}",
            study=self._number,
            series=place,
        )
        relative = series_paths(named, n_files, style=self._owner.style, rng=self._rng)
        paths = [self._incoming / path for path in relative]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        return paths


def _study_header(owner: Owner, exam: Exam, rng: np.random.Generator) -> StudyHeader:
    person, site = owner.person, owner.site
    family = person.name.split("^")[0]
    device = site.ct if exam.modality is Modality.NCCT else site.mr
    accession = f"A{int(rng.integers(10**7, 10**8))}"
    description = f"Head {_PURPOSES.get(exam.visit, 'follow-up day 6')}"
    study: Attributes = (
        ("StudyDescription", description),
        ("StudyID", accession[-5:]),
        ("AccessionNumber", accession),
    )
    order: Attributes = (
        ("RequestedProcedureDescription", f"{description} {family}"),
        ("ScheduledProcedureStepDescription", f"for {site.physicians[0].split('^')[0]}"),
    )
    other: Attributes = (
        ("PatientID", f"INS{person.patient_id}"),
        ("IssuerOfPatientID", site.institution),
    )
    return StudyHeader(
        study_uid=_new_uid(rng),
        frame_of_reference_uid=_new_uid(rng),
        moment=owner.start + timedelta(hours=exam.hours),
        character_set=site.character_set,
        attributes=(*study, *person_attributes(person, site), *device_attributes(site, device)),
        nested=(("RequestAttributesSequence", order), ("OtherPatientIDsSequence", other)),
        private_texts=(f"{family} ward 4B", f"id={person.patient_id};name={family}"),
    )


def _new_uid(rng: np.random.Generator) -> str:
    """UID from a random number (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(rng.bytes(12), 'big')}"


def _maker(owner: Owner) -> str:
    return owner.site.ct.manufacturer


def _packing(role: Role, maker: str) -> Packing:
    if "GE" in maker:
        fixed = {Role.SCOUT: Packing.IMPLICIT, Role.BONE: Packing.JPEG_2000}
        return fixed.get(role, Packing.JPEG_LS)
    fixed = {Role.SCOUT: Packing.EXPLICIT, Role.ADC: Packing.RLE}
    return fixed.get(role, Packing.JPEG_2000)


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, tuple) else (str(value),)


def _b_value(technique: dict[str, str | float | int | tuple[str, ...]]) -> float | None:
    value = technique.get("DiffusionBValue")
    return value if isinstance(value, float) else None


def _cut(path: Path) -> None:
    """Cut a file in its pixels, as a broken transfer does."""
    received = path.read_bytes()
    path.write_bytes(received[: int(len(received) * _CUT_SHARE)])
