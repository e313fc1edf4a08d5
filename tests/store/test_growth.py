from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from corelab.store.growth import GROWTH_COLUMNS, growth_of, with_growth_flags
from corelab.store.layout import Layout
from corelab.store.record import load_read, save_read
from corelab.store.table import load_visits, write_tables
from corelab.vocab import Modality, Problem, QcFlag, Read, VisitLabel

VISITS = ("baseline", "fu24h", "fu_late")
MakeRead = Callable[..., Read]


def at(read: Read, visit: str, modality: Modality = Modality.DWI) -> Read:
    return replace(read, visit=VisitLabel(visit), modality=modality)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_growth_is_follow_up_minus_baseline(make_read: MakeRead) -> None:
    reads = [at(make_read("A", 10.0), "baseline"), at(make_read("A", 32.5), "fu24h")]
    day, late = growth_of(reads, (), VISITS, "NCT0")
    assert (day.visit, day.growth_ml, day.missing) == ("fu24h", 22.5, ())
    assert (late.visit, late.growth_ml) == ("fu_late", None)
    assert late.missing == ("follow_up_not_received",)


def test_an_infarct_may_shrink_and_may_stay(make_read: MakeRead) -> None:
    reads = [at(make_read("A", v), label) for v, label in zip((9.0, 7.5, 9.0), VISITS, strict=True)]
    assert [pair.growth_ml for pair in growth_of(reads, (), VISITS, "")] == [-1.5, 0.0]


def test_a_missing_volume_leaves_growth_missing_and_says_which(make_read: MakeRead) -> None:
    failed = Problem(subject_code="A", visit="baseline", reason_code="missing_slice", message="gap")
    reads = [at(make_read("A", 0.0), "fu24h")]
    day, late = growth_of(reads, [failed], VISITS, "NCT0")
    assert day.growth_ml is None
    assert day.missing == ("baseline_not_measured",)
    assert late.missing == ("baseline_not_measured", "follow_up_not_received")


def test_what_people_could_not_assess_is_told_apart_from_what_was_not_measured(
    make_read: MakeRead,
) -> None:
    told = [
        Problem(subject_code="A", visit="fu24h", reason_code=reason, message="")
        for reason in ("lossy_pixels", "not_assessable")
    ]
    day, _ = growth_of([at(make_read("A"), "baseline")], told, VISITS, "NCT0")
    assert day.missing == ("follow_up_not_assessable",)


def test_a_subject_of_whom_nothing_was_measured_has_its_rows() -> None:
    failed = Problem(subject_code="A", visit="fu24h", reason_code="missing_slice", message="gap")
    found = growth_of((), [failed], VISITS, "NCT0")
    assert [(pair.subject_code, pair.visit) for pair in found] == [("A", "fu24h"), ("A", "fu_late")]


def test_data_without_a_subject_makes_no_row() -> None:
    loose = Problem(subject_code="", visit="", reason_code="unreadable", message="closed")
    assert growth_of((), [loose], VISITS, "NCT0") == ()


def test_two_modalities_are_flagged_on_the_follow_up(make_read: MakeRead) -> None:
    reads = [
        at(make_read("A"), "baseline", Modality.NCCT),
        at(make_read("A"), "fu24h", Modality.DWI),
        at(make_read("A"), "fu_late", Modality.NCCT),
    ]
    flags = [QcFlag.MODALITIES_DIFFER in read.qc_flags for read in with_growth_flags(reads, VISITS)]
    assert flags == [False, True, False]
    assert [bool(pair.flags) for pair in growth_of(reads, (), VISITS, "")] == [True, False]


def test_a_trial_of_one_visit_has_no_growth(make_read: MakeRead) -> None:
    reads = [at(make_read("A"), "visit")]
    assert growth_of(reads, (), ("visit",), "NCT0") == ()
    assert with_growth_flags(reads, ("visit",)) == tuple(reads)


@pytest.fixture
def layout(tmp_path: Path, make_read: MakeRead) -> Layout:
    layout = Layout(tmp_path)
    reads = [
        at(make_read("AA", 10.0), "baseline"),
        at(make_read("AA", 12.0), "fu24h", Modality.NCCT),
        replace(at(make_read("BB", 3.0), "baseline"), is_endpoint_eligible=False),
        at(make_read("BB", 0.0), "fu24h"),
    ]
    for read in reads:
        save_read(layout.read(read.case), read)
    write_tables(layout, [], "NCT0", VISITS)
    return layout


def test_the_table_has_a_row_for_each_subject_and_follow_up(layout: Layout) -> None:
    found = rows(layout.growth_csv)
    assert [(row["subject_code"], row["visit"], row["growth_ml"]) for row in found] == [
        ("AA", "fu24h", "2.0"),
        ("AA", "fu_late", ""),
        ("BB", "fu24h", "-3.0"),
        ("BB", "fu_late", ""),
    ]
    assert [row["qc_flags"] for row in found] == ["modalities_differ", "", "", ""]
    assert [row["endpoint_eligible"] for row in found] == ["yes", "", "no", ""]
    assert all(bool(row["missing_reason"]) == (row["growth_ml"] == "") for row in found)


def test_the_volume_table_says_that_modalities_differ_and_the_record_stays(
    layout: Layout,
) -> None:
    flags = {(row["subject_code"], row["visit"]): row["qc_flags"] for row in rows(layout.reads_csv)}
    assert "modalities_differ" in flags["AA", "fu24h"]
    assert "modalities_differ" not in flags["AA", "baseline"]
    assert all(QcFlag.MODALITIES_DIFFER not in load_read(path).qc_flags for path in layout.reads())


def test_the_dictionary_of_growth_describes_every_column_in_order(layout: Layout) -> None:
    dictionary = json.loads(layout.growth_dictionary.read_text())
    header = layout.growth_csv.read_text().splitlines()[0].split(",")
    assert [column["name"] for column in dictionary["columns"]] == header
    assert header == [column.name for column in GROWTH_COLUMNS]
    assert dictionary["baseline_visit"] == "baseline"
    assert all(column["definition"] and column["label"] for column in dictionary["columns"])


def test_rebuilding_growth_gives_the_same_bytes(layout: Layout) -> None:
    paths = (layout.growth_csv, layout.growth_dictionary)
    before = [path.read_bytes() for path in paths]
    write_tables(layout, [], "NCT0", VISITS)
    assert [path.read_bytes() for path in paths] == before


def test_without_the_trials_visits_there_is_no_table(tmp_path: Path, make_read: MakeRead) -> None:
    layout = Layout(tmp_path)
    save_read(layout.read(make_read().case), make_read())
    write_tables(layout, [], "NCT0")
    assert not layout.growth_csv.exists()
    assert load_visits(layout) == frozenset()


def test_the_visits_of_the_table_are_known(layout: Layout) -> None:
    assert load_visits(layout) == frozenset(VISITS)
