"""Deliveries that grow: studies of the sample that come as another study of one subject."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

from pipelines.engine import Engine
from pipelines.followup import BatchRequest, BatchResult, run_batch
from pipelines.progress import Silent

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
PATIENT, CODE = "009809779", "GYC4D4"
"""A subject of the sample with one DWI study of two small files."""
OTHER_DWI, OTHER_CT = "007752011", "MRN-2225682"
"""Patients whose images come as another study of that subject."""
_PERSON = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge")


@cache
def _files() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted((SAMPLE / "incoming").rglob("*")):
        if path.is_file() and pydicom.misc.is_dicom(path):
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["PatientID"])
            found[str(header.get("PatientID", "")).strip()].append(path)
    return found


def files_of(patient_id: str) -> list[Path]:
    """Files of the sample that are of one patient, whatever folder they lie in."""
    return _files()[patient_id]


def copy_files(paths: Iterable[Path], folder: Path) -> Path:
    """Copy files under numbers, as a site's export does."""
    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        shutil.copy(path, folder / f"IM{number:04}")
    return folder


def as_study_of(paths: Iterable[Path], owner: Path, folder: Path, name: str) -> str:
    """Write files as a study of the patient of another file; its study UID.

    Parameters
    ----------
    paths
        Whose images.
    owner
        A file of the patient.
    folder
        Where they are written.
    name
        Of the study; the same name gives the same UIDs.
    """
    folder.mkdir(parents=True)
    person = pydicom.dcmread(owner, stop_before_pixels=True)
    study = generate_uid(entropy_srcs=[name])
    for number, path in enumerate(paths):
        image = pydicom.dcmread(path)
        for keyword in _PERSON:
            if keyword in person:
                setattr(image, keyword, getattr(person, keyword))
        image.StudyInstanceUID = study
        image.SeriesInstanceUID = generate_uid(entropy_srcs=[name, image.SeriesInstanceUID])
        image.SOPInstanceUID = generate_uid(entropy_srcs=[name, image.SOPInstanceUID])
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.save_as(folder / f"IM{number:04}")
    return study


def study_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID)


@dataclass(frozen=True)
class Trial:
    """One OUT and vault that deliveries come into."""

    home: Path
    engine: Engine
    visits: tuple[tuple[str, str], ...]

    @property
    def out(self) -> Path:
        return self.home / "out"

    @property
    def case_folder(self) -> Path:
        return self.out / f"sub-{CODE}" / "ses-fu24h"

    def naming(self, *visits: tuple[str, str]) -> Trial:
        """Return the same trial with another subjects file."""
        return replace(self, visits=visits)

    def run(self, incoming: Path) -> BatchResult:
        self.home.mkdir(exist_ok=True)
        subjects = self.home / "subjects.csv"
        rows = [f"{PATIENT},{CODE},{visit},{study}" for study, visit in self.visits]
        head = "patient_id,subject_code,visit,study_instance_uid"
        subjects.write_text("\n".join([head, *rows]) + "\n")
        request = BatchRequest(
            incoming=incoming,
            trial_file=REPOSITORY / "configs" / "demo.toml",
            out=self.out,
            subjects_file=subjects,
            vault=self.home / "vault",
        )
        return run_batch(request, self.engine, Silent())

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.out / name).open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    def content(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and path.name != "batch.json"
        }
