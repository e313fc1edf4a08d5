"""When two readers disagree so far that a third must decide."""

from __future__ import annotations

from enum import StrEnum

from corelab.reading.event import ReadSigned, RulesSet
from corelab.reading.result import Result


class Discrepancy(StrEnum):
    """In what two signed reads of one case disagree."""

    ASSESSABILITY = "assessability"
    PRESENCE = "presence"
    VOLUME = "volume"
    OVERLAP = "overlap"


def discrepancies(
    first: ReadSigned, second: ReadSigned, *, dice: float, rules: RulesSet
) -> tuple[Discrepancy, ...]:
    """In what two reads disagree beyond what the trial allows; empty where they agree.

    Parameters
    ----------
    first, second
        The two signed reads.
    dice
        Overlap of their masks, 0 to 1; looked at where both found an infarct.
    rules
        What the trial allows: a difference of at most ``discrepancy_ml`` or, where that is more,
        ``discrepancy_share`` of the mean; a Dice of at least ``discrepancy_dice`` where the mean
        is above ``discrepancy_dice_above_ml``.

    Notes
    -----
    Zero against non-zero, and assessable against not, always disagree: one reader saw what the
    other did not.
    """
    results = {first.result, second.result}
    if results in ({Result.NOT_ASSESSABLE}, {Result.NO_INFARCT}):
        return ()
    if Result.NOT_ASSESSABLE in results:
        return (Discrepancy.ASSESSABILITY,)
    if Result.NO_INFARCT in results:
        return (Discrepancy.PRESENCE,)
    found = []
    mean_ml = (volume_ml(first) + volume_ml(second)) / 2
    allowed_ml = max(rules.discrepancy_ml, rules.discrepancy_share * mean_ml)
    if abs(volume_ml(first) - volume_ml(second)) > allowed_ml:
        found.append(Discrepancy.VOLUME)
    if mean_ml > rules.discrepancy_dice_above_ml and dice < rules.discrepancy_dice:
        found.append(Discrepancy.OVERLAP)
    return tuple(found)


def needs_comparison(first: ReadSigned, second: ReadSigned) -> bool:
    """Whether the overlap of two reads' masks must be known before they can be judged."""
    both_found = first.result is second.result is Result.INFARCT
    return both_found and first.mask_sha256 != second.mask_sha256


def volume_ml(read: ReadSigned) -> float:
    """Volume of an assessable read, mL."""
    return read.infarct_volume_ml or 0.0
