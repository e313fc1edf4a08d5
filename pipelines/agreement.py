"""The agreement sub-study: measured volumes against reference volumes, case by case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.errors import StoreError
from corelab.kernels.agreement import Agreement, agreement
from corelab.store.files import write_bytes
from corelab.store.layout import Layout
from corelab.store.plot import bland_altman_png
from corelab.store.table import read_csv

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
        When a table is absent or a volume is no number.
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
        text = row["infarct_volume_ml"]
        try:
            volume = float(text) if text else None
        except ValueError as error:
            raise StoreError(f"{path.name} line {number}: '{text}' is no volume in mL") from error
        found[row["subject_code"], row["visit"]] = volume
    return found


def _modalities(path: Path) -> dict[tuple[str, str], str]:
    """Modality of each case, where the table tells it."""
    try:
        rows = read_csv(path, (*_KEYS, "modality"))
    except StoreError:
        return {}
    return {(row["subject_code"], row["visit"]): row["modality"] for row in rows}
