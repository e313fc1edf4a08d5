"""What people have read, as it comes out of a real ledger into the tables."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from corelab.reading.event import (
    AmendmentStarted,
    CaseExcluded,
    QaVerdict,
    QaVerdictGiven,
    QueryAnswered,
    QueryOpened,
    ReadOpened,
)
from corelab.reading.lifecycle import ReadState
from corelab.reading.records import ReadKind
from corelab.stages.publish import publication_from, publish
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask, load_volume
from corelab.store.record import load_read, save_read
from corelab.store.table import load_problems
from corelab.trial import load_trial
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.reads import Planner
from tests.pipelines.reading_room import (
    SIGNERS,
    add_case,
    furnish,
    image_sha256,
    labels_of,
    ledger_of,
    room_of,
    sign,
    trial_file,
    write,
)

CASE = Case(SubjectCode("AA11"), VisitLabel("fu24h"))
KEYS = {"subject_code": "AA11", "visit": "fu24h"}
AUTOMATIC_ML = "12.5"
QUERY_ID = "0" * 16
Row = dict[str, str]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two cases, planned for two readers."""
    furnish(tmp_path / "out", "AA11", "BB22")
    plan(tmp_path / "out")
    return tmp_path / "out"


def plan(out: Path) -> None:
    path = trial_file(out.parent)
    with ledger_of(out) as ledger:
        Planner(Layout(out), ledger, SIGNERS["mia"]).plan(load_trial(path), path)


def sign_all(out: Path, reader: str, n_voxels: int | None) -> None:
    """Sign AA11 with so many voxels (None: not assessable) and the other case with 20."""
    for read in room_of(out).worklist(reader):
        if read.state is ReadState.ASSIGNED:
            size = n_voxels if read.case == CASE else 20
            sign(out, read, None if size is None else labels_of(size))


def rebuilt(out: Path) -> None:
    layout = Layout(out)
    publish(layout, load_problems(layout), publication_from(layout))


def table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def row(out: Path) -> Row:
    rebuilt(out)
    return next(row for row in table(out / "volumes.csv") if row["subject_code"] == "AA11")


def verdict(word: QaVerdict) -> QaVerdictGiven:
    image = image_sha256("AA11")
    return QaVerdictGiven(
        **KEYS, image_sha256=image, mask_sha256="b" * 64, verdict=word, reasons=(), comment=""
    )


def test_without_people_every_table_is_as_it_was_but_for_new_columns_at_the_end(
    tmp_path: Path,
) -> None:
    furnish(tmp_path / "out", "AA11")
    (tmp_path / "out" / "reads.sqlite").unlink()
    found = row(tmp_path / "out")
    added = ["endpoint_reason", "automatic_infarct_volume_ml", "missing_reason"]
    assert list(found)[-3:] == added
    assert (found["read_status"], found["infarct_volume_ml"]) == ("auto", AUTOMATIC_ML)
    assert (found["endpoint_eligible"], found["endpoint_reason"]) == ("yes", "")
    (read,) = table(tmp_path / "out" / "reads.csv")
    assert next(iter(read)) == "reader"
    assert list(read)[-8] == "stands"
    assert set(list(read.values())[-7:]) == {""}
    assert not (tmp_path / "out" / "accepted").exists()


def test_the_mean_of_two_agreeing_readers_is_the_volume(out: Path) -> None:
    sign_all(out, "ada", 200)
    sign_all(out, "ben", 210)
    found = row(out)
    assert (found["read_status"], found["infarct_volume_ml"]) == ("double", "10.25")
    assert (found["endpoint_eligible"], found["endpoint_reason"]) == ("yes", "")
    assert found["automatic_infarct_volume_ml"] == AUTOMATIC_ML
    assert (found["infarct_volume_low_ml"], found["infarct_volume_high_ml"]) == ("", "")
    assert (found["n_components"], found["hemisphere"]) == ("1", "left")
    parquet = pq.read_table(out / "volumes.parquet").to_pylist()
    assert parquet[0]["infarct_volume_ml"] == 10.25


def test_what_the_method_measured_on_its_own_mask_is_not_said_of_a_persons(out: Path) -> None:
    sign_all(out, "ada", 200)
    sign_all(out, "ben", 200)
    found = row(out)
    for name in ("nwu_percent", "nwu_window_hu", "csf_ratio", "hemisphere_share_percent"):
        assert found[name] == ""
    missing = dict(pair.split(":") for pair in found["secondary_missing"].split(";"))
    assert missing["nwu_percent"] == "read_by_people"
    assert missing["midline_shift_mm"] == "older_version"
    assert found["brain_volume_ml"] == "1350.0"


def test_until_a_value_is_accepted_the_automatic_one_stands_and_is_not_eligible(
    out: Path,
) -> None:
    assert row(out)["endpoint_reason"] == "reads_awaited"
    sign_all(out, "ada", 200)
    found = row(out)
    assert (found["read_status"], found["infarct_volume_ml"]) == ("auto", AUTOMATIC_ML)
    assert (found["endpoint_eligible"], found["endpoint_reason"]) == ("no", "reads_awaited")


def test_an_adjudicated_volume_is_the_adjudicators(out: Path) -> None:
    sign_all(out, "ada", 200)
    sign_all(out, "ben", 600)
    assert row(out)["endpoint_reason"] == "adjudication_awaited"
    (third,) = room_of(out).worklist("cleo")
    assert third.kind is ReadKind.ADJUDICATION
    sign(out, third, labels_of(500))
    found = row(out)
    assert (found["read_status"], found["infarct_volume_ml"]) == ("adjudicated", "25.0")
    assert found["endpoint_eligible"] == "yes"


def test_no_infarct_is_zero_and_not_an_empty_cell(out: Path) -> None:
    sign_all(out, "ada", 0)
    sign_all(out, "ben", 0)
    found = row(out)
    assert (found["infarct_volume_ml"], found["hemisphere"]) == ("0.0", "none")
    assert found["endpoint_eligible"] == "yes"


def test_not_assessable_is_an_empty_cell_and_a_problem_that_says_why(out: Path) -> None:
    sign_all(out, "ada", None)
    sign_all(out, "ben", None)
    found = row(out)
    assert (found["infarct_volume_ml"], found["read_status"]) == ("", "double")
    assert (found["endpoint_eligible"], found["endpoint_reason"]) == ("no", "not_assessable")
    assert found["automatic_infarct_volume_ml"] == AUTOMATIC_ML
    assert found["missing_reason"] == "not_assessable"
    (problem,) = table(out / "problems.csv")
    assert problem["reason_code"] == "not_assessable"
    assert "the head moved" in problem["message"]
    rebuilt(out)
    assert len(table(out / "problems.csv")) == 1


def test_a_result_of_people_is_no_open_problem_and_goes_when_it_is_amended(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, None)
    rebuilt(out)
    assert load_problems(Layout(out)) == ()
    for name in ("ada", "ben"):
        read = next(r for r in room_of(out).worklist(name) if r.case == CASE)
        write(out, name, AmendmentStarted(read_id=read.read_id, reason="can be read after all"))
        sign(out, room_of(out).read(read.read_id), labels_of(200))
    assert row(out)["infarct_volume_ml"] == "10.0"
    assert table(out / "problems.csv") == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [(QaVerdict.FAIL, "qa_fail"), (QaVerdict.NOT_ASSESSABLE, "qa_not_assessable")],
)
def test_a_failed_case_is_not_eligible_until_the_verdict_is_changed(
    out: Path, word: QaVerdict, reason: str
) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    write(out, "quinn", verdict(word))
    found = row(out)
    assert (found["endpoint_eligible"], found["endpoint_reason"]) == ("no", reason)
    assert found["infarct_volume_ml"] == "10.0"
    write(out, "quinn", verdict(QaVerdict.WARN))
    assert row(out)["endpoint_eligible"] == "yes"


def test_an_open_query_keeps_a_case_from_the_endpoint_until_it_is_answered(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    write(out, "quinn", QueryOpened(**KEYS, query_id=QUERY_ID, text="Is this the same head?"))
    assert row(out)["endpoint_reason"] == "query_open"
    write(out, "mia", QueryAnswered(query_id=QUERY_ID, text="It is."))
    assert row(out)["endpoint_eligible"] == "yes"


def test_an_excluded_case_keeps_its_volume_and_is_not_eligible(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    write(out, "mia", CaseExcluded(**KEYS, reason="consent withdrawn"))
    found = row(out)
    assert (found["infarct_volume_ml"], found["endpoint_reason"]) == ("10.0", "excluded")


def test_a_volume_of_people_is_not_said_of_another_image(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    add_case(out, "AA11", image="sent again")
    found = row(out)
    assert (found["read_status"], found["infarct_volume_ml"]) == ("auto", AUTOMATIC_ML)
    assert found["endpoint_reason"] == "image_changed"
    reads = [row for row in table(out / "reads.csv") if row["subject_code"] == "AA11"]
    assert [(row["reader"], row["accepted"]) for row in reads] == [
        ("auto", ""),
        ("ada", "no"),
        ("ben", "no"),
    ]
    assert not list((out / "accepted").glob("*AA11*"))


def test_reads_csv_has_one_row_a_version_and_no_text_that_anybody_wrote(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    read = next(r for r in room_of(out).worklist("ada") if r.case == CASE)
    secret = "the stent shows that she was treated"  # noqa: S105 - what must not get out
    write(out, "ada", AmendmentStarted(read_id=read.read_id, reason=secret))
    sign(out, room_of(out).read(read.read_id), labels_of(220))
    rebuilt(out)
    rows = [row for row in table(out / "reads.csv") if row["subject_code"] == "AA11"]
    told = [
        (row["reader"], row["version"], row["stands"], row["accepted"], row["infarct_volume_ml"])
        for row in rows
    ]
    assert told == [
        ("auto", "1", "yes", "", AUTOMATIC_ML),
        ("ada", "1", "no", "no", "10.0"),
        ("ada", "2", "yes", "yes", "11.0"),
        ("ben", "1", "yes", "yes", "10.0"),
    ]
    texts = [path for path in out.rglob("*") if path.suffix in {".csv", ".json", ".html"}]
    assert texts
    assert not [path for path in texts if secret in path.read_text("utf-8")]


def test_growth_is_of_accepted_volumes(out: Path) -> None:
    add_case(out, "AA11", visit="baseline")
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    rebuilt(out)
    (growth,) = [row for row in table(out / "growth.csv") if row["subject_code"] == "AA11"]
    assert (growth["infarct_volume_ml"], growth["growth_ml"]) == ("10.0", "-2.5")


def test_growth_without_an_assessable_follow_up_is_missing(out: Path) -> None:
    add_case(out, "AA11", visit="baseline")
    for name in ("ada", "ben"):
        sign_all(out, name, None)
    rebuilt(out)
    (growth,) = [row for row in table(out / "growth.csv") if row["subject_code"] == "AA11"]
    assert (growth["growth_ml"], growth["missing_reason"]) == ("", "follow_up_not_assessable")


def test_accepted_masks_lie_on_the_images_grid_outside_the_cases_folders(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    rebuilt(out)
    reads = [r for r in room_of(out).reads.values() if r.case == CASE]
    paths = [Layout(out).accepted_mask(CASE, r.read_id, 1) for r in reads]
    assert {path.parent for path in paths} == {out / "accepted"}
    for path in paths:
        grid = load_volume(Layout(out).infarct_mask(CASE))
        assert np.array_equal(load_mask(path, grid), labels_of(200))


def test_an_amended_mask_takes_the_place_of_the_former_in_the_view(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    rebuilt(out)
    read = next(r for r in room_of(out).worklist("ada") if r.case == CASE)
    write(out, "ada", AmendmentStarted(read_id=read.read_id, reason="missed a part"))
    rebuilt(out)
    assert not list((out / "accepted").glob("*AA11*"))
    sign(out, room_of(out).read(read.read_id), labels_of(220))
    rebuilt(out)
    names = [path.name for path in (out / "accepted").glob(f"*{read.read_id}*")]
    assert names == [f"sub-AA11_ses-fu24h_desc-read{read.read_id}v2_mask.nii.gz"]


def test_beside_a_broken_ledger_no_automatic_volume_passes_for_a_read_one(out: Path) -> None:
    for name in ("ada", "ben"):
        sign_all(out, name, 200)
    path = Layout(out).ledger
    path.write_bytes(path.read_bytes()[:5000])
    found = row(out)
    assert (found["read_status"], found["infarct_volume_ml"]) == ("auto", AUTOMATIC_ML)
    assert (found["endpoint_eligible"], found["endpoint_reason"]) == ("no", "ledger_broken")


def test_an_entry_that_breaks_a_rule_breaks_the_ledger(out: Path) -> None:
    write(out, "ada", ReadOpened(read_id=room_of(out).worklist("ben")[0].read_id))
    assert row(out)["endpoint_reason"] == "ledger_broken"


def test_lossy_pixels_stay_a_reason_beside_those_of_people(out: Path) -> None:
    path = Layout(out).read(CASE)
    save_read(path, replace(load_read(path), is_endpoint_eligible=False))
    assert row(out)["endpoint_reason"] == "lossy_pixels;reads_awaited"


def test_the_dictionary_says_what_each_reason_means(out: Path) -> None:
    rebuilt(out)
    columns = json.loads((out / "volumes.json").read_text())["columns"]
    found = next(c for c in columns if c["name"] == "endpoint_reason")
    assert all(f"{reason}: " in found["definition"] for reason in found["allowed_values"])
