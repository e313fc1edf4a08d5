from __future__ import annotations

from collections.abc import Mapping

import pytest

from corelab.store.column import Cell
from corelab.store.exchange.adam import analysis_sheet
from corelab.store.exchange.sheet import Sheet
from corelab.store.exchange.xpt import to_xpt

VISITS = ("baseline", "fu24h")


def volume(code: str, visit: str, measured_ml: float | None, **more: Cell) -> dict[str, Cell]:
    return {
        "trial_id": "NCT0",
        "subject_code": code,
        "visit": visit,
        "infarct_volume_ml": measured_ml,
        "modality": None if measured_ml is None else "NCCT",
        "read_status": None if measured_ml is None else "auto",
        "endpoint_eligible": None if measured_ml is None else "yes",
        "hours_from_reference": None,
        "missing_reason": "missing_slice" if measured_ml is None else None,
        **more,
    }


def sheet(*volumes: Mapping[str, Cell]) -> Sheet:
    return analysis_sheet(volumes, VISITS, frozenset({("MM3NN4", "fu24h")}))


def record(found: Sheet, code: str, visit: str, parameter: str = "INFVOL") -> dict[str, Cell]:
    rows = [dict(zip([v.name for v in found.variables], row, strict=True)) for row in found.rows]
    (row,) = [
        row
        for row in rows
        if (row["USUBJID"], row["AVISIT"], row["PARAMCD"]) == (code, visit, parameter)
    ]
    return row


def test_change_is_from_the_first_visit_of_the_trial() -> None:
    found = sheet(volume("KX4M7P", "fu24h", 30.5), volume("KX4M7P", "baseline", 12.0))

    after, before = record(found, "KX4M7P", "fu24h"), record(found, "KX4M7P", "baseline")
    assert (after["BASE"], after["CHG"], after["ABLFL"]) == (12.0, 18.5, None)
    assert (before["BASE"], before["CHG"], before["ABLFL"]) == (12.0, None, "Y")


def test_the_cube_root_is_a_parameter_of_its_own() -> None:
    found = sheet(volume("KX4M7P", "fu24h", 27.0))

    assert record(found, "KX4M7P", "fu24h", "INFVOLCR")["AVAL"] == pytest.approx(3)
    assert record(found, "KX4M7P", "fu24h")["AVAL"] == 27.0


def test_a_missing_volume_is_missing_and_a_measured_zero_is_zero() -> None:
    found = sheet(volume("KX4M7P", "fu24h", None), volume("ZZ9ZZ9", "fu24h", 0.0))

    assert record(found, "KX4M7P", "fu24h")["AVAL"] is None
    assert record(found, "KX4M7P", "fu24h")["ANL01FL"] is None
    assert record(found, "ZZ9ZZ9", "fu24h")["AVAL"] == 0.0
    assert record(found, "ZZ9ZZ9", "fu24h", "INFVOLCR")["AVAL"] == 0.0
    assert record(found, "ZZ9ZZ9", "fu24h")["ANL01FL"] == "Y"


def test_what_may_not_enter_the_endpoint_is_not_flagged_for_the_analysis() -> None:
    found = sheet(volume("KX4M7P", "fu24h", 9.0, endpoint_eligible="no"))

    assert record(found, "KX4M7P", "fu24h")["ANL01FL"] is None
    assert record(found, "KX4M7P", "fu24h")["AVAL"] == 9.0


def test_a_change_from_what_may_not_enter_the_endpoint_is_not_flagged() -> None:
    found = sheet(
        volume("KX4M7P", "baseline", 12.0, endpoint_eligible="no"),
        volume("KX4M7P", "fu24h", 30.5),
        volume("AA2BB3", "baseline", 1.0),
        volume("AA2BB3", "fu24h", 2.0),
    )

    after = record(found, "KX4M7P", "fu24h")
    assert (after["CHG"], after["ANL01FL"], after["ANL02FL"]) == (18.5, "Y", None)
    assert record(found, "AA2BB3", "fu24h")["ANL02FL"] == "Y"
    assert record(found, "AA2BB3", "baseline")["ANL02FL"] is None


def test_without_a_baseline_volume_no_record_is_the_baseline() -> None:
    found = sheet(volume("KX4M7P", "baseline", None), volume("KX4M7P", "fu24h", 30.5))

    before, after = record(found, "KX4M7P", "baseline"), record(found, "KX4M7P", "fu24h")
    assert (before["ABLFL"], before["MISSWHY"]) == (None, "missing_slice")
    assert (after["BASE"], after["CHG"], after["ANL02FL"]) == (None, None, None)


def test_names_that_the_standard_keeps_for_moments_are_not_used() -> None:
    names = {variable.name for variable in sheet().variables}

    # ADaM implementation guide 1.3: ARELTM wants ARELTMU and the moment that it counts from.
    assert not {"ARELTM", "ADT", "ADTM", "ADY"} & names


def test_a_mean_of_two_readers_is_told_as_an_average() -> None:
    found = sheet(
        volume("MM3NN4", "fu24h", 9.0, read_status="double"),
        volume("KX4M7P", "fu24h", 9.0, read_status="double"),
    )

    assert record(found, "MM3NN4", "fu24h")["DTYPE"] == "AVERAGE"
    assert record(found, "KX4M7P", "fu24h")["DTYPE"] is None


def test_what_no_reader_could_assess_is_no_average() -> None:
    found = sheet(volume("MM3NN4", "fu24h", None))

    assert record(found, "MM3NN4", "fu24h")["DTYPE"] is None


def test_it_fits_sas_transport() -> None:
    pytest.importorskip("pyreadstat", reason="pyreadstat is not installed (extra xpt)")

    assert to_xpt(sheet(volume("KX4M7P", "fu24h", 9.0))).startswith(b"HEADER RECORD")
