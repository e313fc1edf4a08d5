"""A synthetic delivery as sites send them, with the exact volumes beside it."""

from __future__ import annotations

import csv
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from corelab.blinding.code import ALPHABET, CODE_LENGTH, check_character
from corelab.errors import StoreError
from corelab.phantom.exam import Exam, FileForm
from corelab.phantom.identity import SITES, draw_person
from corelab.phantom.scenario import draw_exams
from pipelines.sample_files import Owner, write_exam

TRUTH_COLUMNS = (
    "subject_code",
    "visit",
    "modality",
    "infarct_volume_ml",
    "haemorrhage_in_infarct_ml",
    "status",
)
SUBJECT_COLUMNS = ("patient_id", "subject_code", "visit", "study_instance_uid")

_FIRST_DAY = datetime(2024, 1, 8)  # noqa: DTZ001 - DICOM times are the site's own
_ENROLMENT_DAYS = 600


def write_sample(directory: Path, *, n_subjects: int, seed: int) -> None:
    """Write a synthetic delivery whose infarct volumes are known.

    Parameters
    ----------
    directory
        Takes ``incoming/``, ``subjects.csv`` and ``truth.csv``; an earlier sample in it is
        replaced.
    n_subjects
        How many; eight scenarios take turns, so that eight subjects show each once.
    seed
        Source of all randomness: the same seed gives the same subjects, of which a larger
        sample has more.

    Raises
    ------
    StoreError
        When the folder's ``incoming/`` holds something other than an earlier sample.
    ConfigError
        When the extra ``corelab[sample]`` is not installed.
    """
    incoming = _cleared(directory)
    truth, subjects = directory / "truth.csv", directory / "subjects.csv"
    _append(truth, TRUTH_COLUMNS)
    _append(subjects, SUBJECT_COLUMNS)
    taken: set[str] = set()
    for index in range(n_subjects):
        # Own streams: what a head draws never moves what its owner is called.
        identity_rng, exam_rng = np.random.default_rng([seed, index]).spawn(2)
        owner, code = _draw_owner(index, identity_rng, taken)
        for number, exam in enumerate(draw_exams(index, exam_rng)):
            study_uid = write_exam(incoming, owner, exam, number=number, rng=identity_rng)
            _append(truth, _truth_row(code, exam))
            _append(subjects, (owner.person.patient_id, code, exam.visit, study_uid))


def _cleared(directory: Path) -> Path:
    incoming, truth = directory / "incoming", directory / "truth.csv"
    if incoming.is_dir() and any(incoming.iterdir()):
        if not truth.is_file():
            raise StoreError(f"{incoming} holds files, and no truth.csv says that it is a sample")
        shutil.rmtree(incoming)
    for table in (truth, directory / "subjects.csv"):
        table.unlink(missing_ok=True)
    incoming.mkdir(parents=True, exist_ok=True)
    return incoming


def _append(path: Path, row: tuple[str, ...]) -> None:
    with path.open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(row)


def _truth_row(code: str, exam: Exam) -> tuple[str, ...]:
    return (
        code,
        exam.visit,
        exam.modality,
        f"{exam.truth.infarct_volume_ml:.4f}",
        f"{exam.truth.haemorrhage_in_infarct_ml:.4f}",
        "truncated" if exam.form is FileForm.ONE_FILE_CUT else "measurable",
    )


def _draw_owner(index: int, rng: np.random.Generator, taken: set[str]) -> tuple[Owner, str]:
    """Patient and subject code, both unlike those of all earlier subjects."""
    site = SITES[int(rng.integers(len(SITES)))]
    person = draw_person(rng, site)
    while person.patient_id in taken:
        person = draw_person(rng, site)
    code = _draw_code(rng)
    while code in taken:
        code = _draw_code(rng)
    taken.update((person.patient_id, code))
    start = _FIRST_DAY + timedelta(minutes=int(rng.integers(_ENROLMENT_DAYS * 24 * 60)))
    return Owner(person=person, site=site, start=start, style=index), code


def _draw_code(rng: np.random.Generator) -> str:
    body = "".join(rng.choice(list(ALPHABET), size=CODE_LENGTH - 1))
    return body + check_character(body)
