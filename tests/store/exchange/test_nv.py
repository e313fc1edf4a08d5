from __future__ import annotations

from dataclasses import replace

import pytest

from corelab.store.column import Cell
from corelab.store.exchange.nv import Finding, NotDone, findings_sheet
from corelab.store.exchange.sheet import Sheet
from corelab.store.exchange.xpt import to_xpt
from corelab.vocab import Hemisphere, Modality

AUTO = Finding(
    trial_id="NCT0",
    subject_code="KX4M7P",
    visit="fu24h",
    reference="",
    evaluator="",
    repetition=1,
    infarct_volume_ml=12.5,
    not_done=None,
    reason="",
    hemisphere=Hemisphere.LEFT,
    modality=Modality.NCCT,
    method="ncct_mirror_ratio_4",
    is_accepted=False,
    is_mean=False,
    hours_from_reference=24.5,
)
READER = replace(
    AUTO, evaluator="READER 1", reference="0123456789abcdef", method="", is_accepted=True
)
VISITS = ("baseline", "fu24h")


def rows(sheet: Sheet) -> list[dict[str, Cell]]:
    names = [variable.name for variable in sheet.variables]
    return [dict(zip(names, row, strict=True)) for row in sheet.rows]


def test_one_record_a_read_and_the_accepted_one_is_flagged() -> None:
    auto, reader = rows(findings_sheet([READER, AUTO], VISITS))

    assert (auto["NVEVAL"], auto["NVANMETH"], auto["NVACPTFL"]) == (
        None,
        "ncct_mirror_ratio_4",
        None,
    )
    assert (reader["NVEVAL"], reader["NVEVALID"], reader["NVACPTFL"]) == (
        "INDEPENDENT ASSESSOR",
        "READER 1",
        "Y",
    )
    assert [auto["NVSEQ"], reader["NVSEQ"]] == [1, 2]


def test_zero_is_a_result_and_what_nobody_could_read_is_not_done() -> None:
    zero = replace(READER, infarct_volume_ml=0.0, hemisphere=Hemisphere.NONE)
    blank = replace(
        READER,
        evaluator="READER 2",
        infarct_volume_ml=None,
        not_done=NotDone.NOT_ASSESSABLE,
        reason="motion",
        hemisphere=None,
    )

    first, second = rows(findings_sheet([zero, blank], VISITS))

    assert (first["NVORRES"], first["NVSTRESN"], first["NVSTAT"]) == ("0.0000", 0.0, None)
    assert first["NVLAT"] is None
    assert (second["NVORRES"], second["NVSTRESN"], second["NVSTAT"]) == (None, None, "NOT DONE")
    assert second["NVREASND"] == "NOT ASSESSABLE: motion"


@pytest.mark.parametrize("hours", [24.5, -2.1, 0.0, None])
def test_times_are_hours_from_the_reference_never_dates_nor_planned_times(
    hours: float | None,
) -> None:
    (row,) = rows(findings_sheet([replace(AUTO, hours_from_reference=hours)], VISITS))

    assert row["NVHOURS"] == hours
    assert not {"NVDTC", "NVELTM", "NVTPTREF"} & row.keys()


def test_a_derived_record_has_no_original_result() -> None:
    mean = replace(READER, evaluator="", is_mean=True)

    (row,) = rows(findings_sheet([mean], VISITS))

    assert (row["NVDRVFL"], row["NVORRES"], row["NVORRESU"]) == ("Y", None, None)
    assert (row["NVSTRESC"], row["NVSTRESN"], row["NVSTRESU"]) == ("12.5000", 12.5, "mL")


def test_labels_are_the_published_ones_and_the_required_variables_are_there() -> None:
    labels = {variable.name: variable.label for variable in findings_sheet([], VISITS).variables}

    # SDTM implementation guide 3.4, domain NV.
    assert labels.items() >= {
        ("STUDYID", "Study Identifier"),
        ("DOMAIN", "Domain Abbreviation"),
        ("USUBJID", "Unique Subject Identifier"),
        ("NVSEQ", "Sequence Number"),
        ("NVREFID", "Reference ID"),
        ("NVTESTCD", "Short Name of Nervous System Test"),
        ("NVTEST", "Name of Nervous System Test"),
        ("NVCAT", "Category for Nervous System Test"),
        ("NVORRES", "Result or Finding in Original Units"),
        ("NVORRESU", "Original Units"),
        ("NVSTRESC", "Character Result/Finding in Std Format"),
        ("NVSTRESN", "Numeric Result/Finding in Standard Units"),
        ("NVSTRESU", "Standard Units"),
        ("NVSTAT", "Completion Status"),
        ("NVREASND", "Reason Not Done"),
        ("NVLOC", "Location Used for the Measurement"),
        ("NVLAT", "Laterality"),
        ("NVMETHOD", "Method of Test or Examination"),
        ("NVDRVFL", "Derived Flag"),
        ("NVEVAL", "Evaluator"),
        ("NVEVALID", "Evaluator Identifier"),
        ("VISITNUM", "Visit Number"),
        ("VISIT", "Visit Name"),
    }


def test_sequence_counts_within_a_subject_in_the_order_of_visits() -> None:
    early = replace(AUTO, visit="baseline")
    other = replace(AUTO, subject_code="AA2BB3")

    found = rows(findings_sheet([AUTO, other, early], VISITS))

    assert [(row["USUBJID"], row["VISIT"], row["NVSEQ"]) for row in found] == [
        ("AA2BB3", "fu24h", 1),
        ("KX4M7P", "baseline", 1),
        ("KX4M7P", "fu24h", 2),
    ]


def test_it_fits_sas_transport() -> None:
    pytest.importorskip("pyreadstat", reason="pyreadstat is not installed (extra xpt)")

    assert to_xpt(findings_sheet([AUTO, READER], VISITS)).startswith(b"HEADER RECORD")
