"""The agreement sub-study: measured volumes against reference volumes, case by case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.errors import StoreError
from corelab.kernels.agreement import Agreement, agreement
from corelab.store.csv_table import read_csv
from corelab.store.files import write_bytes
from corelab.store.layout import Layout
from corelab.store.plot import bland_altman_png

_KEYS = ("subject_code", "visit", "infarct_volume_ml")
_FEWEST_CASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case's two volumes; ``None`` where one is missing, no modality where none is told."""

    subject_code: str
    visit: str
    modality: str
    measured_ml: float | None
    reference_ml: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every case of either table, and the agreement over those in both."""

    pairs: tuple[Pair, ...]
    agreement: Agreement | None


def compare(out: Path, reference: Path) -> Comparison:
    """Pair measured and reference volumes by subject code and visit.

    Raises
    ------
    StoreError
        When a table is absent, names a case twice, or a volume is none.
    """
    table = Layout(out).volumes_csv
    measured, wanted = _volumes(table), _volumes(reference)
    modalities = _modalities(table)
    pairs = tuple(
        Pair(
            subject_code=code,
            visit=visit,
            modality=modalities.get((code, visit), ""),
            measured_ml=measured.get((code, visit)),
            reference_ml=wanted.get((code, visit)),
        )
        for code, visit in sorted(measured.keys() | wanted.keys())
    )
    reference_ml, measured_ml = _both(pairs)
    if reference_ml.size < _FEWEST_CASES:
        return Comparison(pairs=pairs, agreement=None)
    return Comparison(pairs=pairs, agreement=agreement(reference_ml, measured_ml))


def write_plot(comparison: Comparison, path: Path) -> None:
    """Write scatter and Bland-Altman plot of the cases that have both volumes.

    Raises
    ------
    StoreError
        When there are too few cases for an agreement.
    """
    if comparison.agreement is None:
        raise StoreError(f"a plot needs at least {_FEWEST_CASES} cases with both volumes")
    reference_ml, measured_ml = _both(comparison.pairs)
    write_bytes(path, bland_altman_png(reference_ml, measured_ml, comparison.agreement))


def _both(pairs: tuple[Pair, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    both = [
        (pair.reference_ml, pair.measured_ml)
        for pair in pairs
        if pair.reference_ml is not None and pair.measured_ml is not None
    ]
    table = np.array(both, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _volumes(path: Path) -> dict[tuple[str, str], float | None]:
    if not path.is_file():
        raise StoreError(f"{path.name} is absent")
    found: dict[tuple[str, str], float | None] = {}
    for number, row in enumerate(read_csv(path, _KEYS), start=2):
        place, text = f"{path.name} line {number}", row["infarct_volume_ml"]
        case = (row["subject_code"], row["visit"])
        if case in found:
            raise StoreError(f"{place}: a second row of {' '.join(case)}, expected one a case")
        found[case] = _volume_of(text, place) if text else None
    return found


def _volume_of(text: str, place: str) -> float:
    try:
        volume_ml = float(text)
    except ValueError:
        volume_ml = math.nan
    if not 0 <= volume_ml < math.inf:
        raise StoreError(f"{place}: '{text}' is no volume in mL")
    return volume_ml


def _modalities(path: Path) -> dict[tuple[str, str], str]:
    """Modality of each case, where the table tells it."""
    try:
        rows = read_csv(path, (*_KEYS, "modality"))
    except StoreError:
        return {}
    return {(row["subject_code"], row["visit"]): row["modality"] for row in rows}
