"""Folders and file names as sites send them, some with the patient's name.

Patient numbers are in all of them, so that no two patients' files can meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from corelab.phantom.identity import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlace:
    """Which series of a delivery is to be named.

    ``study`` and ``series`` count from 0 within the subject and within the study.
    """

    person: Person
    modality: str
    day: str
    study: int
    series: int


def series_paths(
    place: SeriesPlace, count: int, *, style: int, rng: np.random.Generator
) -> tuple[PurePosixPath, ...]:
    """Relative paths for a series' files, in the order of its slices.

    Parameters
    ----------
    place
        The series.
    count
        How many files.
    style
        Which of the sites' habits; all whole numbers are valid.
    rng
        Source of names that follow no order.
    """
    return _STYLES[style % len(_STYLES)](place, count, rng)


def _named_folder(
    place: SeriesPlace, count: int, _: np.random.Generator
) -> tuple[PurePosixPath, ...]:
    person = place.person
    study = f"{place.modality} {place.day} {place.study + 1}"
    folder = PurePosixPath(f"{person.plain_name} {person.patient_id}", study)
    series = folder / f"SER{place.series + 1:03d}"
    return tuple(series / f"IM{n + 1:06d}" for n in range(count))


def _flat(place: SeriesPlace, count: int, rng: np.random.Generator) -> tuple[PurePosixPath, ...]:
    person = place.person
    folder = PurePosixPath(f"{person.plain_name}_{person.birth_date:%d-%m-%Y}_{person.patient_id}")
    numbers = rng.permutation(count) + 1 + 100 * (10 * place.study + place.series)
    stem = f"{place.modality}_{person.plain_name.split('_')[0]}"
    return tuple(folder / f"{stem}_{n:05d}.dcm" for n in numbers)


def _disc(place: SeriesPlace, count: int, _: np.random.Generator) -> tuple[PurePosixPath, ...]:
    disc = PurePosixPath(f"CD {place.person.patient_id} {place.day}", "DICOM")
    series = disc / f"PA{place.study:06d}" / "ST000000" / f"SE{place.series:06d}"
    return tuple(series / f"IM{n:06d}" for n in reversed(range(count)))


def _archive(place: SeriesPlace, count: int, rng: np.random.Generator) -> tuple[PurePosixPath, ...]:
    folder = PurePosixPath("export", place.person.patient_id, f"{place.modality}{place.study}")
    names = rng.choice(2**31, size=count, replace=False)
    return tuple(folder / f"{n % 16:X}" / f"{n:08X}.dcm" for n in names)


_Style = Callable[[SeriesPlace, int, np.random.Generator], tuple[PurePosixPath, ...]]
_STYLES: tuple[_Style, ...] = (_named_folder, _flat, _disc, _archive)
