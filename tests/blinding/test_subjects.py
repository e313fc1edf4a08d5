from __future__ import annotations

from pathlib import Path

import pytest

from corelab.blinding.subjects import load_subjects
from corelab.errors import ConfigError


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
