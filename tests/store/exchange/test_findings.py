from __future__ import annotations

from collections.abc import Mapping

from corelab.store.column import Cell
from corelab.store.exchange.findings import averaged_cases, findings_of
from corelab.store.exchange.nv import Finding, NotDone

CASE: dict[str, Cell] = {
    "trial_id": "NCT0",
    "subject_code": "KX4M7P",
    "visit": "fu24h",
    "modality": "NCCT",
    "hemisphere": "left",
    "method": None,
    "infarct_volume_ml": 12.0,
}


def volume(**more: Cell) -> dict[str, Cell]:
    told = {
        "read_status": "auto",
        "endpoint_eligible": "yes",
        "hours_from_reference": 24.5,
        "missing_reason": None,
    }
    return {**CASE, **told, **more}


def read(reader: str, **more: Cell) -> dict[str, Cell]:
    told = {
        "reader": reader,
        "stands": "yes",
        "purpose": None if reader == "auto" else "independent",
        "accepted": None if reader == "auto" else "no",
        "read_id": None if reader == "auto" else f"id of {reader}",
        "result_reasons": None,
    }
    return {**CASE, **told, **more}


def by_evaluator(*rows: Mapping[str, Cell], of: Mapping[str, Cell]) -> dict[str, Finding]:
    return {
        ("MEAN" if finding.is_mean else finding.evaluator): finding
        for finding in findings_of([of], rows)
    }


def test_where_nobody_reads_the_automatic_volume_is_the_accepted_one() -> None:
    found = by_evaluator(read("auto", method="ncct_mirror_ratio_4"), of=volume())

    assert found[""].is_accepted
    assert found[""].method == "ncct_mirror_ratio_4"
    assert found[""].hours_from_reference == 24.5


def test_a_volume_that_may_not_enter_the_endpoint_is_not_flagged() -> None:
    found = by_evaluator(read("auto"), of=volume(endpoint_eligible="no"))

    assert not found[""].is_accepted


def test_a_mean_of_two_readers_is_a_record_of_its_own_and_the_only_accepted_one() -> None:
    rows = (
        read("auto"),
        read("ada", accepted="yes", infarct_volume_ml=11.0),
        read("ben", accepted="yes", infarct_volume_ml=13.0),
    )

    found = by_evaluator(*rows, of=volume(read_status="double"))

    assert [name for name, one in found.items() if one.is_accepted] == ["MEAN"]
    assert found["MEAN"].infarct_volume_ml == 12.0
    assert averaged_cases(rows) == {("KX4M7P", "fu24h")}


def test_a_read_of_a_case_that_was_taken_out_is_told_without_its_hours() -> None:
    (found,) = findings_of([], [read("ada")])

    assert (found.evaluator, found.is_accepted) == ("READER 1", False)
    assert found.hours_from_reference is None


def test_an_adjudicated_read_is_accepted_alone() -> None:
    rows = (
        read("ada"),
        read("ben"),
        read("cleo", purpose="adjudication", accepted="yes"),
    )

    found = by_evaluator(*rows, of=volume(read_status="adjudicated"))

    assert set(found) == {"READER 1", "READER 2", "ADJUDICATOR"}
    assert found["ADJUDICATOR"].is_accepted
    assert not found["READER 1"].is_accepted


def test_a_hidden_repeat_is_the_second_of_its_reader() -> None:
    found = findings_of([volume()], [read("ada"), read("ada", purpose="repeat")])

    assert [(one.evaluator, one.repetition) for one in found] == [("READER 1", 1), ("READER 1", 2)]


def test_a_superseded_version_is_no_finding() -> None:
    assert findings_of([volume()], [read("auto"), read("auto", stands="no")])[1:] == ()


def test_what_was_not_measured_and_what_nobody_could_read_have_their_reasons() -> None:
    nothing = dict.fromkeys(("infarct_volume_ml", "hemisphere", "modality", "read_status"))
    other = volume(subject_code="AA2BB3", **nothing, missing_reason="missing_slice;unreadable")
    blank = read("ada", infarct_volume_ml=None, hemisphere=None, result_reasons="motion")

    first, second = findings_of([volume(), other], [blank])

    assert (first.not_done, first.reason) == (NotDone.NOT_ASSESSABLE, "motion")
    assert (second.not_done, second.reason) == (NotDone.NOT_MEASURED, "missing_slice;unreadable")
