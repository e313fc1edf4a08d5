"""Which visit a study is by its time: the trial's windows around the reference time.

Both times are of one clock, the site's, as the scanner writes it. Where that clock was moved
between them (summer time), the hours are one off; the windows of a trial are wider than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from corelab.errors import ReasonCode
from corelab.series import Refusal
from corelab.trial import Trial
from corelab.vocab import VisitLabel

HOURS_DECIMALS = 1
_DAY = timedelta(hours=24)
_MOST_HOURS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedStudy:
    """A study, when its first image was acquired, and which modalities it brings."""

    study_uid: str
    acquired_at: datetime | None
    modalities: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A study that has a visit already, whatever gave it: its modalities count as taken."""

    study_uid: str
    visit: VisitLabel
    modalities: frozenset[str]


def hours_between(reference_at: datetime, acquired_at: datetime | None) -> float | None:
    """Hours from the reference time to an acquisition; ``None`` where its time is not known.

    They are rounded to 0.1 h before anything is decided on them: OUT holds them so, and whoever
    looks there finds the same visit. A header with a date and no time of day stands for midnight,
    which no scan is taken to be.
    """
    if acquired_at is None or acquired_at.time() == time():
        return None
    hours = (acquired_at.replace(tzinfo=None) - reference_at) / timedelta(hours=1)
    return round(hours, HOURS_DECIMALS) + 0.0


def is_plausible(hours: float) -> bool:
    """Whether hours may be those of a trial: a clock that was never set would tell its scanner."""
    return abs(hours) <= _MOST_HOURS


def visit_by_window(
    study: TimedStudy, reference_at: datetime, trial: Trial
) -> VisitLabel | Refusal:
    """Visit whose window holds a study, or why none does."""
    if study.acquired_at is None:
        return _unknown("a study carries no date: its visit cannot be told from the reference time")
    hours = hours_between(reference_at, study.acquired_at)
    if hours is None:
        return _visit_of_a_day(study.acquired_at.replace(tzinfo=None) - reference_at, trial)
    visit = trial.visit_at(hours)
    if visit is None:
        told = f"{hours:.1f}" if is_plausible(hours) else f"more than {_MOST_HOURS}"
        message = f"a study lies {told} h from the reference time, in no window of the trial"
        return _unknown(f"{message} ({_windows(trial)})")
    return visit


def without_clashes(
    placed: Mapping[str, VisitLabel | Refusal],
    studies: Iterable[TimedStudy],
    holders: Iterable[Holder],
    hours_of: Mapping[str, float],
) -> dict[str, VisitLabel | Refusal]:
    """Hold back studies that claim a visit which has images of their modality from elsewhere.

    A CT study and an MR study of one visit belong together: the trial's order of preference
    decides. Two of one modality are never mixed: who came first keeps the visit, and of two that
    come at once neither gets it, since no rule of the trial says which.

    Parameters
    ----------
    placed
        Visit by window of each study.
    studies
        The same studies.
    holders
        Studies that have a visit by the subjects file or by an earlier run.
    hours_of
        Hours from the reference time, for the message.
    """
    settled = dict(placed)
    studies, holders = tuple(studies), tuple(holders)
    kept = {holder.study_uid for holder in holders}
    for study in studies:
        visit = placed[study.study_uid]
        if isinstance(visit, Refusal) or study.study_uid in kept:
            continue
        taken = [h for h in holders if h.visit == visit and h.modalities & study.modalities]
        rivals = [
            other
            for other in studies
            if placed[other.study_uid] == visit and other.modalities & study.modalities
        ]
        if taken:
            settled[study.study_uid] = _taken(visit, hours_of.get(study.study_uid))
        elif len(rivals) > 1:
            hours = [hours_of[s.study_uid] for s in rivals if s.study_uid in hours_of]
            settled[study.study_uid] = _shared(visit, len(rivals), hours)
    return settled


def _visit_of_a_day(start: timedelta, trial: Trial) -> VisitLabel | Refusal:
    """Visit of a study of which only the day is known: it must be the same at any time of it."""
    ends = [moment / timedelta(hours=1) for moment in (start, start + _DAY)]
    first, last = (trial.visit_at(hours) for hours in ends)
    if first is None or first != last:
        told = f", {ends[0]:.1f} to {ends[1]:.1f} h from the reference time"
        return _unknown(
            f"a study carries a date without a time of day{told if is_plausible(ends[0]) else ''}: "
            f"it lies in no one window of the trial ({_windows(trial)})"
        )
    return first


def _taken(visit: VisitLabel, hours: float | None) -> Refusal:
    where = "" if hours is None else f" {hours:.1f} h from the reference time,"
    return _unknown(
        f"a study lies{where} in the window of '{visit}', which another study of this modality "
        f"has already; {_REMEDY}"
    )


def _shared(visit: VisitLabel, count: int, hours: Iterable[float]) -> Refusal:
    listed = " and ".join(f"{value:.1f}" for value in sorted(hours))
    return _unknown(
        f"{count} studies of one modality lie in the window of '{visit}'"
        + (f" ({listed} h from the reference time)" if listed else "")
        + f"; {_REMEDY}"
    )


_REMEDY = (
    "the subjects file must name the visit of the one to measure by its study_instance_uid, and "
    "'none' for the other"
)


def _unknown(message: str) -> Refusal:
    return Refusal(reason=ReasonCode.VISIT_UNKNOWN, message=message)


def _windows(trial: Trial) -> str:
    return ", ".join(f"{v.label} {v.earliest_h:g} to {v.latest_h:g} h" for v in trial.visits)
