"""The delivery of a whole trial for the benchmarks: many subjects, few distinct heads.

Each subject has a CT of 512 x 512 x 32 at baseline and a DWI of 256 x 256 x 24 with b0 and ADC map
a day later, under headers of its own: name, numbers, UIDs, dates, file places. The pixels are those
of a few synthetic heads in turn, which no step of a batch can tell from as many different ones.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset

from benchmarks.heads import SEED, diffusion, thick_ct
from corelab.phantom.identity import SITES, Person, Site, draw_person, person_attributes

N_SUBJECTS, N_HEADS = 60, 3
_START = datetime(2024, 1, 8, 9)  # noqa: DTZ001 - DICOM times are the site's own
_BETWEEN_SUBJECTS = timedelta(days=3)
_VISITS: dict[str, tuple[Callable[[int], Path], timedelta]] = {
    "baseline": (thick_ct, timedelta(0)),
    "fu24h": (diffusion, timedelta(hours=24)),
}
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDelivery:
    """Where a trial's delivery lies, and the subjects file beside it."""

    incoming: Path
    subjects: Path
    n_cases: int


def trial_delivery(folder: Path, n_subjects: int = N_SUBJECTS) -> TrialDelivery:
    """Delivery below a folder; made where there is none yet, there whole or not at all."""
    place = folder / f"delivery-{n_subjects}"
    if not place.is_dir():
        unfinished = place.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        _write(unfinished, n_subjects)
        unfinished.rename(place)
    return TrialDelivery(
        incoming=place / "incoming",
        subjects=place / "subjects.csv",
        n_cases=n_subjects * len(_VISITS),
    )


def _write(place: Path, n_subjects: int) -> None:
    rng = np.random.default_rng(SEED)
    people: dict[str, Person] = {}
    while len(people) < n_subjects:
        person = draw_person(rng, SITES[len(people) % len(SITES)])
        people.setdefault(person.patient_id, person)
    place.mkdir(parents=True)
    with (place / "subjects.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("patient_id", "subject_code", "visit", "study_instance_uid"))
        for number, person in enumerate(people.values()):
            for visit, study_uid in _write_subject(place / "incoming", number, person, rng):
                writer.writerow((person.patient_id, f"SPD{number:03}", visit, study_uid))


def _write_subject(
    incoming: Path, number: int, person: Person, rng: np.random.Generator
) -> Iterator[tuple[str, str]]:
    """Write the studies of one subject; visit and UID of each."""
    site, start = SITES[number % len(SITES)], _START + number * _BETWEEN_SUBJECTS
    for visit, (head, after) in _VISITS.items():
        template = head(SEED + number % N_HEADS)
        uids: dict[str, str] = {}
        (home,) = template.iterdir()
        for path in sorted(file for file in template.rglob("*") if file.is_file()):
            slice_ = pydicom.dcmread(path)
            _give(slice_, person, site, start + after)
            _rename_uids(slice_, uids, rng)
            target = incoming / f"{person.plain_name} {person.patient_id}" / path.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True)
            slice_.save_as(target)
        yield visit, str(slice_.StudyInstanceUID)


def _give(slice_: FileDataset, person: Person, site: Site, moment: datetime) -> None:
    """Put another person's names and another day into the header, sequences included."""
    before = str(slice_.PatientID)
    for keyword, value in person_attributes(person, site):
        if keyword in slice_:
            setattr(slice_, keyword, value)
    for keyword in _DATES:
        if keyword in slice_:
            setattr(slice_, keyword, f"{moment:%Y%m%d}")
    slice_.AccessionNumber = f"A{person.patient_id[-6:]}{moment:%d%H}"
    for element in slice_.iterall():
        if element.VR == "LO" and element.value and before in str(element.value):
            element.value = str(element.value).replace(before, person.patient_id)


def _rename_uids(slice_: FileDataset, known: dict[str, str], rng: np.random.Generator) -> None:
    """Give every UID of the object, its study, series and frame of reference a new one."""
    for keyword in (
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "FrameOfReferenceUID",
    ):
        uid = str(slice_[keyword].value)
        new = known.setdefault(uid, f"2.25.{int.from_bytes(rng.bytes(12), 'big')}")
        setattr(slice_, keyword, new)
    slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
