from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

from pydicom.dataset import Dataset

from corelab.dicom.index import index
from corelab.series import Attribute, Delivery, Outcome, Series, SeriesVerdict
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.deidentification import COLUMNS, FOLDER, Action, fate_of, write_reports
from tests.dicom.tiny import ct_slice, write_stack

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
SITE_WORDS = ("Doe", "PAT-1", "20240305", "TINY", "VENDOR", "secret")


def private_slice(k: int) -> Dataset:
    slice_ = ct_slice(k)
    slice_.private_block(0x0029, "VENDOR", create=True).add_new(0x10, "LO", "secret")
    return slice_


def delivered(tmp_path: Path) -> Delivery:
    write_stack(tmp_path / "in", 5, make=private_slice)
    return index(tmp_path / "in")


def verdicts(delivery: Delivery, outcome: Outcome, case: Case | None) -> list[SeriesVerdict]:
    return [
        SeriesVerdict(series=part, case=case, outcome=outcome, why="") for part in delivery.series
    ]


def report_of(vault: Path) -> Path:
    (path,) = (vault / FOLDER).iterdir()
    return path


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return {row["tag"]: row for row in csv.DictReader(stream)}


def test_each_attribute_of_a_used_study_has_its_action_reason_and_count(tmp_path: Path) -> None:
    delivery = delivered(tmp_path)
    write_reports(tmp_path, delivery, verdicts(delivery, Outcome.USED, CASE), {})
    found = rows(report_of(tmp_path))
    (attributes,) = set(delivery.attributes.values())
    assert len(found) == len(attributes) + 1
    assert all(row["objects"] == "5" and row["study"] == "1" for row in found.values())
    assert {row["action"] for row in found.values()} <= set(Action)
    assert found["(0018,0060)"]["action"] == Action.CROSSED
    assert found["(0018,0060)"]["keyword"] == "KVP"
    assert found["(0010,0010)"]["action"] == Action.KEPT
    assert found["(0008,0070)"]["action"] == Action.READ
    assert found["(0029,1010)"]["why"].startswith("private: never copied")
    assert found["(7FE0,0010)"]["action"] == Action.DECODED


def test_a_report_holds_no_value(tmp_path: Path) -> None:
    delivery = delivered(tmp_path)
    write_reports(tmp_path, delivery, verdicts(delivery, Outcome.USED, CASE), {})
    (path,) = (tmp_path / FOLDER).iterdir()
    text = path.read_text("utf-8")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert [word for word in SITE_WORDS if word in text] == []


def test_nothing_of_a_case_that_could_not_be_measured_has_crossed(tmp_path: Path) -> None:
    delivery = delivered(tmp_path)
    used = verdicts(delivery, Outcome.USED, CASE)
    write_reports(tmp_path, delivery, used, {CASE: "pixels_undecodable"})
    found = rows(report_of(tmp_path))
    assert {row["action"] for row in found.values()} == {Action.REFUSED.value}
    assert {row["why"] for row in found.values()} == {"pixels_undecodable"}


def test_a_study_without_a_case_is_named_by_a_digest_until_it_has_one(tmp_path: Path) -> None:
    delivery = delivered(tmp_path)
    write_reports(tmp_path, delivery, verdicts(delivery, Outcome.QUARANTINED, None), {})
    (path,) = (tmp_path / FOLDER).iterdir()
    assert path.name.startswith("study-")
    assert {row["action"] for row in rows(path).values()} == {Action.REFUSED.value}
    write_reports(tmp_path, delivery, verdicts(delivery, Outcome.USED, CASE), {})
    (path,) = (tmp_path / FOLDER).iterdir()
    assert path.name.startswith("sub-KX4M7P_ses-fu24h_study-")


def test_two_studies_of_a_case_that_come_one_after_the_other_both_keep_their_report(
    tmp_path: Path,
) -> None:
    delivery = delivered(tmp_path)
    used = verdicts(delivery, Outcome.USED, CASE)
    other = [dataclasses.replace(v, series=of_study(v.series, "2.25.7")) for v in used]
    for told in (used, other, used):
        write_reports(tmp_path, delivery, told, {})
    assert len(list((tmp_path / FOLDER).glob("sub-KX4M7P_ses-fu24h_study-*.csv"))) == 2


def test_a_case_that_a_study_has_left_has_no_report_of_it(tmp_path: Path) -> None:
    delivery = delivered(tmp_path)
    write_reports(tmp_path, delivery, verdicts(delivery, Outcome.USED, CASE), {})
    left = dataclasses.replace(CASE, visit=VisitLabel("baseline"))
    write_reports(tmp_path, delivery, verdicts(delivery, Outcome.USED, left), {})
    assert report_of(tmp_path).name.startswith("sub-KX4M7P_ses-baseline_study-")


def of_study(series: Series, uid: str) -> Series:
    return dataclasses.replace(series, identity=dataclasses.replace(series.identity, study_uid=uid))


def test_reports_are_for_the_vaults_owner_alone(tmp_path: Path) -> None:
    delivery = delivered(tmp_path)
    write_reports(tmp_path, delivery, verdicts(delivery, Outcome.USED, CASE), {})
    for path in (tmp_path / FOLDER, *(tmp_path / FOLDER).iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_what_lies_in_a_sequence_crosses_in_functional_groups_alone() -> None:
    """A spacing in a reference to another image is another image's."""
    nested = Attribute((0x52009229, 0x00289110, 0x00280030), "DS")
    elsewhere = Attribute((0x00081140, 0x00280030), "DS")
    assert fate_of(nested).action is Action.CROSSED
    assert fate_of(elsewhere).action is Action.NOT_COPIED
