from __future__ import annotations

from pathlib import Path

import pytest

from corelab.blinding.person import Person
from corelab.blinding.subjects import load_subjects
from corelab.errors import ConfigError, ReasonCode
from corelab.series import Refusal


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_study_uid_row_wins_over_a_general_row(tmp_path: Path) -> None:
    text = (
        "patient_id,subject_code,visit,study_instance_uid\n"
        "P1,KX4M7P,baseline,\nP1,KX4M7P,fu24h,1.2.3\n"
    )
    crosswalk = load_subjects(write(tmp_path / "s.csv", text))
    assert crosswalk.code_of("P1 ") == "KX4M7P"
    assert crosswalk.visit_of("P1", "1.2.3") == "fu24h"
    assert crosswalk.visit_of("P1", "9.9") == "baseline"
    assert crosswalk.code_of("P2") is None


@pytest.mark.parametrize(
    ("patient_id", "name", "expected"),
    [
        ("P1", "Roe", "KX4M7P"),
        ("P1", "kx", ReasonCode.CODE_IDENTIFYING),
        ("P2", "Roe", ReasonCode.SUBJECT_UNKNOWN),
        ("", "Roe", ReasonCode.SUBJECT_UNKNOWN),
    ],
)
def test_a_patient_has_the_code_that_was_issued_unless_it_tells_who_it_is(
    tmp_path: Path, patient_id: str, name: str, expected: str
) -> None:
    crosswalk = load_subjects(write(tmp_path / "s.csv", "patient_id,subject_code\nP1,KX4M7P\n"))
    person = Person(patient_id=patient_id, names=frozenset({name}), days=frozenset())
    found = crosswalk.code_for(person)
    assert (found.reason if isinstance(found, Refusal) else found) == expected


def test_two_columns_are_enough(tmp_path: Path) -> None:
    crosswalk = load_subjects(write(tmp_path / "s.csv", "patient_id,subject_code\nP1,KX4M7P\n"))
    assert crosswalk.visit_of("P1", "1.2.3") is None


def test_every_fault_is_named_with_its_line(tmp_path: Path) -> None:
    text = (
        "patient_id,subject_code,visit,study_instance_uid\n"
        ",AB2CD3,fu24h,1\nP1,../x,fu24h,2\nP2,KX4M7P,Follow Up,3\n"
        "P3,KX4M7P,fu24h,4\nP2,ZZ9ZZ9,fu24h,5\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_subjects(write(tmp_path / "s.csv", text))
    keys = [fault.key for fault in caught.value.faults]
    assert keys == [
        "line 2, patient_id",
        "line 3, subject_code",
        "line 4, visit",
        "line 5, subject_code",
        "line 6, subject_code",
    ]


@pytest.mark.parametrize("text", ["patient,code\nP1,A1\n", ""])
def test_a_file_without_the_columns_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="subject_code"):
        load_subjects(write(tmp_path / "s.csv", text))


def test_a_treatment_column_is_refused(tmp_path: Path) -> None:
    text = "patient_id,subject_code,arm\nP1,KX4M7P,albumin\n"
    with pytest.raises(ConfigError, match="arm: found an unknown column"):
        load_subjects(write(tmp_path / "s.csv", text))


def test_two_rows_for_one_study_are_a_fault(tmp_path: Path) -> None:
    text = (
        "patient_id,subject_code,visit,study_instance_uid\n"
        "P1,KX4M7P,baseline,1.2\nP1,KX4M7P,fu24h,1.2\nP2,AB2CD3,baseline,\nP2,AB2CD3,fu24h,\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_subjects(write(tmp_path / "s.csv", text))
    assert [fault.key for fault in caught.value.faults] == [
        "line 3, study_instance_uid",
        "line 5, study_instance_uid",
    ]


def test_a_reference_time_speaks_for_every_study_of_its_patient(tmp_path: Path) -> None:
    text = (
        "patient_id,subject_code,reference_time,study_instance_uid\n"
        "P1,KX4M7P,2026-03-01T14:30,1.2\nP1,KX4M7P,,1.3\nP2,AB2CD3,2026-03-02 01:05:30,\n"
    )
    crosswalk = load_subjects(write(tmp_path / "s.csv", text))
    assert str(crosswalk.reference_of("P1")) == "2026-03-01 14:30:00"
    assert str(crosswalk.reference_of("P2 ")) == "2026-03-02 01:05:30"
    assert crosswalk.reference_of("P3") is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-03-01T14:30+01:00",
        "2026-03-01T14:30Z",
        "01.03.2026 14:30",
        "2026-02-30T10:00",
    ],
)
def test_a_reference_time_without_hour_or_with_a_zone_is_refused(tmp_path: Path, text: str) -> None:
    content = f"patient_id,subject_code,reference_time\nP1,KX4M7P,{text}\n"
    with pytest.raises(ConfigError, match="local time such as 2026-03-01T14:30, without a zone"):
        load_subjects(write(tmp_path / "s.csv", content))


def test_two_reference_times_of_one_patient_are_a_fault(tmp_path: Path) -> None:
    text = (
        "patient_id,subject_code,study_instance_uid,reference_time\n"
        "P1,KX4M7P,1.2,2026-03-01T14:30\nP1,KX4M7P,1.3,2026-03-01T14:31\n"
    )
    with pytest.raises(ConfigError, match="line 3, reference_time: found another time"):
        load_subjects(write(tmp_path / "s.csv", text))


def test_a_slip_in_one_code_among_checked_ones_is_named(tmp_path: Path) -> None:
    rows = "".join(f"P{n},{code},\n" for n, code in enumerate(("LDJGHF", "W23926", "6A9E5P")))
    text = f"patient_id,subject_code,visit\n{rows}P9,KAL9NE,\n"
    with pytest.raises(ConfigError, match="line 5, subject_code: found a code without its check"):
        load_subjects(write(tmp_path / "s.csv", text))


@pytest.mark.parametrize("code", ["KX4\u202e7P", "KX4\u200bM7P", "\u041aX4M7P", "KX4M7\0"])
def test_signs_that_deceive_the_eye_are_refused_and_not_shown(tmp_path: Path, code: str) -> None:
    text = f"patient_id,subject_code\nP1,{code}\n"
    with pytest.raises(ConfigError) as caught:
        load_subjects(write(tmp_path / "s.csv", text))
    assert "line 2, subject_code" in str(caught.value)
    assert "letters and digits" in str(caught.value)
    assert str(caught.value).isascii()
    assert "\0" not in str(caught.value)
