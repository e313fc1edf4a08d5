from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.blinding.visits import (
    Holder,
    TimedStudy,
    hours_between,
    visit_by_window,
    without_clashes,
)
from corelab.errors import ReasonCode
from corelab.series import Refusal
from corelab.trial import load_trial
from corelab.vocab import VisitLabel

TRIAL = load_trial(Path(__file__).parents[2] / "configs" / "demo.toml")
REFERENCE = datetime.fromisoformat("2026-03-01T14:30")
WINDOWS = {visit.label: (visit.earliest_h, visit.latest_h) for visit in TRIAL.visits}
FU24H = VisitLabel("fu24h")


def study(hours: float | None, uid: str = "1.1", modality: str = "CT") -> TimedStudy:
    moment = None if hours is None else REFERENCE + timedelta(hours=hours)
    return TimedStudy(study_uid=uid, acquired_at=moment, modalities=frozenset({modality}))


def clashes(studies: list[TimedStudy], holders: list[Holder]) -> dict[str, VisitLabel | Refusal]:
    placed = {s.study_uid: visit_by_window(s, REFERENCE, TRIAL) for s in studies}
    pairs = ((s.study_uid, hours_between(REFERENCE, s.acquired_at)) for s in studies)
    return without_clashes(placed, studies, holders, {uid: h for uid, h in pairs if h is not None})


def why(found: VisitLabel | Refusal) -> str:
    assert isinstance(found, Refusal)
    assert found.reason is ReasonCode.VISIT_UNKNOWN
    return found.message


@given(hours=st.floats(-48, 400))
def test_a_study_gets_the_visit_whose_window_holds_its_rounded_hours(hours: float) -> None:
    timed = study(hours)
    told = hours_between(REFERENCE, timed.acquired_at)
    if told is None:
        return
    assert abs(told - hours) <= 0.0501
    found = visit_by_window(timed, REFERENCE, TRIAL)
    inside = [label for label, (low, high) in WINDOWS.items() if low <= told <= high]
    assert inside == ([] if isinstance(found, Refusal) else [found])


def test_outside_every_window_the_hours_and_the_windows_are_told() -> None:
    message = why(visit_by_window(study(500.0), REFERENCE, TRIAL))
    assert "500.0 h from the reference time" in message
    for label, (low, high) in WINDOWS.items():
        assert f"{label} {low:g} to {high:g} h" in message


def test_a_clock_that_was_never_set_is_told_without_its_hours() -> None:
    message = why(visit_by_window(study(-228_000.0), REFERENCE, TRIAL))
    assert "a study lies more than 100000 h from the reference time" in message
    assert "228" not in message


def test_a_study_without_a_date_has_no_visit() -> None:
    assert "carries no date" in why(visit_by_window(study(None), REFERENCE, TRIAL))


def test_a_date_without_a_time_is_no_midnight() -> None:
    day = TimedStudy(
        study_uid="1.1", acquired_at=datetime.fromisoformat("2026-03-02"), modalities=frozenset()
    )
    assert hours_between(REFERENCE, day.acquired_at) is None
    assert "without a time of day, 9.5 to 33.5 h" in why(visit_by_window(day, REFERENCE, TRIAL))


def test_a_date_that_lies_in_one_window_at_any_time_is_enough() -> None:
    late = next(visit for visit in TRIAL.visits if visit.latest_h - visit.earliest_h >= 48)
    middle = REFERENCE + timedelta(hours=late.earliest_h + 24)
    day = TimedStudy(
        study_uid="1.1",
        acquired_at=datetime.combine(middle.date(), datetime.min.time()),
        modalities=frozenset(),
    )
    assert visit_by_window(day, REFERENCE, TRIAL) == late.label


def test_a_clock_with_a_zone_is_read_as_the_local_one() -> None:
    moment = datetime.fromisoformat("2026-03-02T14:30+00:00")
    assert hours_between(REFERENCE, moment) == 24.0


def test_a_ct_and_an_mr_study_of_one_window_belong_together() -> None:
    found = clashes([study(23.0), study(26.0, "1.2", "MR")], [])
    assert found == {"1.1": FU24H, "1.2": FU24H}


def test_two_studies_of_one_modality_in_one_window_are_both_held_back() -> None:
    found = clashes([study(23.0), study(26.0, "1.2"), study(27.0, "1.3", "MR")], [])
    assert "2 studies of one modality" in why(found["1.1"])
    assert "(23.0 and 26.0 h from the reference time)" in why(found["1.2"])
    assert "study_instance_uid" in why(found["1.2"])
    assert found["1.3"] == FU24H


def test_a_study_that_comes_later_does_not_take_a_visit_away() -> None:
    holder = Holder(study_uid="1.1", visit=FU24H, modalities=frozenset({"CT"}))
    found = clashes([study(23.0), study(24.0, "1.2")], [holder])
    assert found["1.1"] == FU24H
    assert "24.0 h from the reference time" in why(found["1.2"])
    assert "has already" in why(found["1.2"])


@pytest.mark.parametrize("modality", ["MR", ""])
def test_a_holder_of_another_modality_is_no_rival(modality: str) -> None:
    holder = Holder(study_uid="9.9", visit=FU24H, modalities=frozenset({modality} - {""}))
    assert clashes([study(23.0)], [holder]) == {"1.1": FU24H}
