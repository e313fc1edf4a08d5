from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from corelab.blinding.subjects import Crosswalk, SubjectRow
from corelab.errors import ReasonCode
from corelab.series import Refusal, Series
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.codes import cases_of
from tests.factories import make_series


def scan(patient: str, study: str, day: int = 1) -> Series:
    made = make_series(patient, study, series_uid=f"{study}.9")
    moment = datetime(2024, 3, day, tzinfo=UTC)
    return replace(made, identity=replace(made.identity, acquired_at=moment))


def row(patient: str, code: str, visit: str | None = None, study: str | None = None) -> SubjectRow:
    return SubjectRow(
        patient_id=patient,
        subject_code=SubjectCode(code),
        visit=VisitLabel(visit) if visit else None,
        study_uid=study,
    )


def case(code: str, visit: str) -> Case:
    return Case(SubjectCode(code), VisitLabel(visit))


def test_numbers_follow_neither_the_alphabet_nor_the_dates() -> None:
    scans = [scan(f"PAT-{n:02}", f"1.2.{n}", day=n) for n in range(1, 13)]
    found = cases_of(scans, None)
    codes = [found[f"PAT-{n:02}", f"1.2.{n}"].subject_code for n in range(1, 13)]  # type: ignore[union-attr]
    assert sorted(codes) == [f"{n:03}" for n in range(1, 13)]
    rising = sum(a < b for a, b in pairwise(codes))
    assert 2 <= rising <= 9
    assert cases_of(scans[::-1], None) == found


def test_studies_of_a_subject_are_numbered_by_date() -> None:
    found = cases_of([scan("A", "1.9", 1), scan("A", "1.1", 20), scan("A ", "1.5", 7)], None)
    assert found == {
        ("A", "1.9"): case("001", "01"),
        ("A", "1.5"): case("001", "02"),
        ("A", "1.1"): case("001", "03"),
    }


def test_studies_without_a_patient_are_subjects_of_their_own() -> None:
    found = cases_of([scan("", "1.1"), scan(" ", "1.2")], None)
    assert {case.stem for case in found.values() if isinstance(case, Case)} == {
        "sub-001_ses-01",
        "sub-002_ses-01",
    }


def test_the_subjects_file_gives_codes_and_visits_and_numbers_fill_the_rest() -> None:
    crosswalk = Crosswalk((row("A", "KX4M7P", "fu24h", "1.2"), row("B", "LDJGHF")))
    scans = [scan("A", "1.1", 1), scan("A", "1.2", 2), scan("A", "1.3", 3), scan("B", "1.4")]
    assert cases_of(scans, crosswalk) == {
        ("A", "1.1"): case("KX4M7P", "01"),
        ("A", "1.2"): case("KX4M7P", "fu24h"),
        ("A", "1.3"): case("KX4M7P", "03"),
        ("B", "1.4"): case("LDJGHF", "01"),
    }


def test_who_the_subjects_file_does_not_name_is_held_back() -> None:
    crosswalk = Crosswalk((row("A", "KX4M7P", "fu24h"),))
    scans = [scan("A", "1.1"), scan("A", "1.2"), scan("C", "1.3"), scan("", "1.4")]
    reasons = [
        found.reason if isinstance(found, Refusal) else None
        for found in cases_of(scans, crosswalk).values()
    ]
    assert sorted(reasons) == [
        ReasonCode.SUBJECT_UNKNOWN,
        ReasonCode.SUBJECT_UNKNOWN,
        ReasonCode.VISIT_UNKNOWN,
        ReasonCode.VISIT_UNKNOWN,
    ]
