"""When two readers disagree so far that a third must decide."""

from __future__ import annotations


def needs_adjudication(
    first_ml: float, second_ml: float, *, discrepancy_ml: float, discrepancy_share: float
) -> bool:
    """Whether two volumes of one case differ by more than the trial allows.

    Parameters
    ----------
    first_ml, second_ml
        The two signed volumes.
    discrepancy_ml
        Difference that is always allowed.
    discrepancy_share
        Share of the mean that is allowed where it is larger.

    Notes
    -----
    Zero against non-zero is always a disagreement: one reader saw an infarct.
    """
    if (first_ml == 0) != (second_ml == 0):
        return True
    mean_ml = (first_ml + second_ml) / 2
    return abs(first_ml - second_ml) > max(discrepancy_ml, discrepancy_share * mean_ml)
