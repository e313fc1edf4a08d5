"""Pairs of volumes of one case, and what many of them come to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from corelab.kernels.intraclass import Interval

DECIMALS = 4


class Comparison(StrEnum):
    """Whose two volumes of a case are compared."""

    INTER_READER = "inter_reader"
    INTRA_READER = "intra_reader"
    AUTO_ACCEPTED = "auto_accepted"
    REFERENCE = "reference"


COMPARISON_WORDS: dict[Comparison, str] = {
    Comparison.INTER_READER: "two readers of one case, each blind to the other",
    Comparison.INTRA_READER: "one reader's hidden repeat read against the first",
    Comparison.AUTO_ACCEPTED: "the accepted volume against the automatic one",
    Comparison.REFERENCE: "the volume in volumes.csv against the reference volume",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Whose two volumes of which case; ``first`` and ``second`` name whose they are."""

    comparison: Comparison
    subject_code: str
    visit: str
    modality: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePair(Compared):
    """Two volumes of one case.

    Overlap and distances are ``None`` where a mask is not at hand, or is empty.
    """

    first_ml: float
    second_ml: float
    dice: float | None = None
    hd95_mm: float | None = None
    assd_mm: float | None = None

    @property
    def difference_ml(self) -> float:
        """Second minus first, mL."""
        return self.second_ml - self.first_ml


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut(Compared):
    """Two reads of one case that give no pair: one, or both, found the scan not assessable."""

    is_first_assessable: bool
    is_second_assessable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """What the reads under an OUT give."""

    pairs: tuple[VolumePair, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pairs that are judged together: a comparison, and what they share besides."""

    comparison: Comparison
    modality: str = "all"
    visit: str = "all"
    readers: str = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """What the pairs of a group come to; ``nan`` inside where a figure is not defined."""

    group: Group
    n: int
    icc_absolute: Interval
    icc_consistency: Interval
    bias_ml: Interval
    lower_limit_ml: Interval
    upper_limit_ml: Interval
    bias_ratio: Interval
    lower_limit_ratio: Interval
    upper_limit_ratio: Interval
    bias_cube_root: Interval
    lower_limit_cube_root: Interval
    upper_limit_cube_root: Interval
    sem_ml: Interval
    mdc_ml: float
    concordance: Interval
    kappa: Interval
    dice: Interval
    hd95_mm: Interval
    assd_mm: Interval


def known(value: float) -> float | None:
    """Round a figure for a table; an undefined one is an empty cell."""
    return None if math.isnan(value) else round(float(value), DECIMALS)
