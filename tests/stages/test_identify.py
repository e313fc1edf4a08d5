from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

from corelab.blinding.subjects import Crosswalk, SubjectRow
from corelab.blinding.vault import open_vault
from corelab.errors import ReasonCode
from corelab.series import Outcome, Refusal, Series, SeriesVerdict
from corelab.stages.choose import choose
from corelab.stages.identify import identify
from corelab.trial import load_trial
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


def test_a_study_that_had_the_visit_of_such_a_row_keeps_it(tmp_path: Path) -> None:
    row = dataclasses.replace(CROSSWALK.rows[0], study_uid=None)
    first, second = on_day(2, "1.2"), on_day(6, "1.1")
    alone = {"1.2": "fu24h"}
    assert run(tmp_path / "v", Crosswalk((row,)), first) == alone
    both = {"1.2": "fu24h", "1.1": "visit_unknown"}
    assert run(tmp_path / "v", Crosswalk((row,)), first, second) == both
    assert run(tmp_path / "v", Crosswalk((row,)), second) == {"1.1": "fu24h"}
    known = {"1.2": "fu24h", "1.1": "fu24h"}
    assert run(tmp_path / "v", Crosswalk((row,)), first, second) == known


TRIAL = load_trial(Path(__file__).parents[2] / "configs" / "demo.toml")
REFERENCE = datetime.fromisoformat("2026-01-01T10:00")


def timed(*named: tuple[str, str | None]) -> Crosswalk:
    """Give one patient a reference time, and some studies a visit."""
    rows = named or (("9.9", None),)
    return Crosswalk(
        tuple(
            SubjectRow(
                patient_id="PAT-0077",
                subject_code=SubjectCode("KX4M7P"),
                visit=VisitLabel(visit) if visit else None,
                study_uid=uid,
                reference_at=REFERENCE,
            )
            for uid, visit in rows
        )
    )


def at(hours: float, study_uid: str, modality: str = "CT") -> Series:
    series = make_series(study_uid=study_uid, series_uid=f"{study_uid}.9")
    moment = REFERENCE + timedelta(hours=hours)
    identity = dataclasses.replace(series.identity, acquired_at=moment)
    return dataclasses.replace(series, identity=identity, modality=modality)


def run(folder: Path, crosswalk: Crosswalk, *series: Series) -> dict[str, str]:
    """Identify and keep a delivery, as a batch does: visit of each study, or its reason."""
    with open_vault(folder) as vault:
        cast = identify(series, crosswalk, vault, TRIAL)
        plan = choose(series, cast.case_of, TRIAL)
        vault.note_series(plan.verdicts)
    found = {uid: case for (_, uid), case in cast.case_of_study.items()}
    return {
        uid: case.reason.value if isinstance(case, Refusal) else str(case.visit)
        for uid, case in found.items()
    }


def test_the_window_that_holds_a_study_is_its_visit_and_the_hours_are_told(tmp_path: Path) -> None:
    scan = at(24.26, "1.1")
    with open_vault(tmp_path / "vault") as vault:
        cast = identify([scan], timed(), vault, TRIAL)
    assert cast.case_of(scan) == Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
    assert cast.hours_of_study == {("PAT-0077", "1.1"): 24.3}
    assert cast.by_order == frozenset()


def test_the_subjects_file_wins_over_the_window(tmp_path: Path) -> None:
    crosswalk = timed(("1.1", "baseline"))
    assert run(tmp_path / "v", crosswalk, at(24, "1.1")) == {"1.1": "baseline"}


def test_a_study_outside_every_window_is_held_back(tmp_path: Path) -> None:
    assert run(tmp_path / "v", timed(), at(900, "1.1")) == {"1.1": "visit_unknown"}


def test_a_visit_stays_with_the_study_that_had_it_first(tmp_path: Path) -> None:
    first, second = at(20, "1.1"), at(26, "1.2")
    assert run(tmp_path / "v", timed(), first) == {"1.1": "fu24h"}
    assert run(tmp_path / "v", timed(), second) == {"1.2": "visit_unknown"}
    both = {"1.1": "fu24h", "1.2": "visit_unknown"}
    assert run(tmp_path / "v", timed(), first, second) == both


def test_naming_one_study_and_dismissing_the_other_settles_a_clash(tmp_path: Path) -> None:
    first, second = at(20, "1.1"), at(26, "1.2")
    both = run(tmp_path / "v", timed(), first, second)
    assert both == {"1.1": "visit_unknown", "1.2": "visit_unknown"}
    settled = timed(("1.1", "none"), ("1.2", "fu24h"))
    found = run(tmp_path / "v", settled, first, second)
    assert found == {"1.1": "not_a_visit", "1.2": "fu24h"}
    with open_vault(tmp_path / "v") as vault:
        assert vault.unassigned() == ()


def test_one_row_can_dismiss_every_study_of_a_patient(tmp_path: Path) -> None:
    row = dataclasses.replace(CROSSWALK.rows[0], study_uid=None, visit=VisitLabel("none"))
    found = run(tmp_path / "v", Crosswalk((row,)), at(1, "1.1"), at(2, "1.2"))
    assert found == {"1.1": "not_a_visit", "1.2": "not_a_visit"}


def test_a_named_study_takes_the_visit_from_one_that_had_it_by_its_window(tmp_path: Path) -> None:
    first, second = at(20, "1.1"), at(26, "1.2")
    assert run(tmp_path / "v", timed(), first) == {"1.1": "fu24h"}
    named = timed(("1.2", "fu24h"))
    expected = {"1.1": "visit_unknown", "1.2": "fu24h"}
    assert run(tmp_path / "v", named, first, second) == expected


def test_a_corrected_reference_time_moves_the_visit(tmp_path: Path) -> None:
    assert run(tmp_path / "v", timed(), at(24, "1.1")) == {"1.1": "fu24h"}
    later = tuple(
        dataclasses.replace(row, reference_at=REFERENCE + timedelta(hours=24))
        for row in timed().rows
    )
    assert run(tmp_path / "v", Crosswalk(later), at(24, "1.1")) == {"1.1": "baseline"}


def test_nothing_is_written_under_a_code_that_gives_its_patient_away(tmp_path: Path) -> None:
    row = dataclasses.replace(CROSSWALK.rows[0], subject_code=SubjectCode("DOE123"))
    series = make_series()
    with open_vault(tmp_path / "v") as vault:
        refusal = identify([series], Crosswalk((row,)), vault).case_of(series)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is ReasonCode.CODE_IDENTIFYING
        assert "a part of a name" in refusal.message
        assert "DOE123" not in refusal.message
        assert "DOE123" in refusal.evidence
        assert vault.known_code("PAT-0077") is None
