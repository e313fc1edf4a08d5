"""How exactly one read repeats: standard error of measurement and smallest real difference."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.limits import LIMITS_FACTOR

_TABLE_AXES = 2
_FEWEST = 2


class Reliability(NamedTuple):
    """What single reads of one case differ by.

    Attributes
    ----------
    sem_ml : float
        Standard error of measurement: the standard deviation of one case's reads.
    mdc_ml : float
        Minimal detectable change: 1.96 sqrt(2) x SEM. Two reads of an unchanged infarct differ
        by less in 95 of 100 cases.
    """

    sem_ml: float
    mdc_ml: float


def reliability(ratings_ml: NDArray[np.float64]) -> Reliability:
    """Tell how exactly single reads repeat.

    Parameters
    ----------
    ratings_ml : (N, R) array
        One row a case, one column a read, mL, none missing.

    Returns
    -------
    Reliability
        SEM as the root of the mean variance within cases, so that a reader's constant difference
        counts as error (Bland and Altman, BMJ 1996;313:744).

    Raises
    ------
    ValueError
        With fewer than two cases or reads, or a volume that is no number.
    """
    if ratings_ml.ndim != _TABLE_AXES or min(ratings_ml.shape) < _FEWEST:
        raise ValueError(f"expected two cases x two reads at least, found {ratings_ml.shape}")
    if not np.isfinite(ratings_ml).all():
        raise ValueError("a volume to be compared is no number")
    sem_ml = float(np.sqrt(ratings_ml.var(axis=1, ddof=1).mean()))
    return Reliability(sem_ml=sem_ml, mdc_ml=LIMITS_FACTOR * float(np.sqrt(2)) * sem_ml)
