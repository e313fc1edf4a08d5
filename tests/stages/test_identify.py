from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

from corelab.blinding.subjects import Crosswalk, SubjectRow
from corelab.blinding.vault import open_vault
from corelab.errors import ReasonCode
from corelab.series import Outcome, Refusal, Series, SeriesVerdict
from corelab.stages.identify import identify
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.factories import make_series

CROSSWALK = Crosswalk(
    (
        SubjectRow(
            patient_id="PAT-0077",
            subject_code=SubjectCode("KX4M7P"),
            visit=VisitLabel("fu24h"),
            study_uid="1.2.3",
        ),
    )
)


def on_day(day: int, study_uid: str) -> Series:
    series = make_series(study_uid=study_uid)
    identity = dataclasses.replace(series.identity, acquired_at=datetime(2026, 1, day, tzinfo=UTC))
    return dataclasses.replace(series, identity=identity)


def test_the_subjects_file_gives_code_and_visit(tmp_path: Path) -> None:
    series = make_series()
    with open_vault(tmp_path) as vault:
        cast = identify([series], CROSSWALK, vault)
    assert cast.case_of(series) == Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
    assert cast.by_order == frozenset()


def test_a_patient_outside_the_subjects_file_is_held_back(tmp_path: Path) -> None:
    series = make_series(patient_id="PAT-0099")
    with open_vault(tmp_path) as vault:
        case = identify([series], CROSSWALK, vault).case_of(series)
    assert isinstance(case, Refusal)
    assert case.reason is ReasonCode.SUBJECT_UNKNOWN
    assert "0099" not in case.message


def test_a_study_without_patient_identifier_is_held_back(tmp_path: Path) -> None:
    series = make_series(patient_id=" ")
    with open_vault(tmp_path) as vault:
        assert isinstance(identify([series], None, vault).case_of(series), Refusal)


def test_visits_without_a_label_are_numbered_by_date_and_known_as_such(tmp_path: Path) -> None:
    late, early = on_day(6, "1.1"), on_day(2, "1.2")
    with open_vault(tmp_path) as vault:
        cast = identify([late, early], None, vault)
        code = vault.code_of("PAT-0077")
    assert cast.case_of(early) == Case(code, VisitLabel("v1"))
    assert cast.case_of(late) == Case(code, VisitLabel("v2"))
    assert len(cast.by_order) == 2


def test_an_undated_object_does_not_move_its_study_forward(tmp_path: Path) -> None:
    early, late, undated = on_day(2, "1.2"), on_day(6, "1.1"), make_series(study_uid="1.1")
    with open_vault(tmp_path) as vault:
        cast = identify([undated, late, early], None, vault)
    assert [cast.case_of(series).visit for series in (early, late)] == ["v1", "v2"]


def test_numbered_visits_go_on_over_deliveries(tmp_path: Path) -> None:
    first, second = on_day(2, "1.2"), on_day(6, "1.1")
    with open_vault(tmp_path) as vault:
        case = identify([first], None, vault).case_of(first)
        assert isinstance(case, Case)
        vault.note_series(
            [SeriesVerdict(series=first, case=case, outcome=Outcome.USED, why="as ct")]
        )
        later = identify([second], None, vault).case_of(second)
        again = identify([first, second], None, vault)
    assert case.visit == "v1"
    assert isinstance(later, Case)
    assert later.visit == "v2"
    assert again.case_of(first) == case


def test_one_row_that_names_a_visit_cannot_speak_for_two_studies(tmp_path: Path) -> None:
    row = dataclasses.replace(CROSSWALK.rows[0], study_uid=None)
    series = [on_day(2, "1.2"), on_day(6, "1.1")]
    with open_vault(tmp_path) as vault:
        cast = identify(series, Crosswalk((row,)), vault)
    for part in series:
        refusal = cast.case_of(part)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is ReasonCode.VISIT_UNKNOWN
