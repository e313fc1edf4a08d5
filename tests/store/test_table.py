from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from corelab.errors import StoreError
from corelab.store.csv_table import read_csv, to_csv
from corelab.store.layout import Layout
from corelab.store.record import load_read, save_read
from corelab.store.schema import VOLUME_COLUMNS
from corelab.store.table import load_problems, write_tables
from corelab.vocab import Absence, Problem, QcFlag, Read, Swelling

CONTRACT = [
    "trial_id",
    "subject_code",
    "visit",
    "modality",
    "infarct_volume_ml",
    "infarct_volume_low_ml",
    "infarct_volume_high_ml",
    "haemorrhage_in_infarct_ml",
    "n_components",
    "hemisphere",
    "brain_volume_ml",
    "voxel_volume_mm3",
    "slice_spacing_mm",
    "method",
    "read_status",
    "qc_flags",
    "software_version",
    "config_digest",
]
PROBLEM = Problem(
    subject_code="AB2CD3", visit="fu24h", reason_code="missing_slice", message="gap of 10.0 mm"
)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def layout(tmp_path: Path, make_read: Callable[..., Read]) -> Layout:
    layout = Layout(tmp_path)
    for read in (make_read("ZZ9ZZ9", 0.0), make_read("KX4M7P")):
        save_read(layout.read(read.case), read)
    write_tables(layout, [PROBLEM], "NCT0")
    return layout


def test_the_first_columns_are_the_contract() -> None:
    assert [column.name for column in VOLUME_COLUMNS][: len(CONTRACT)] == CONTRACT


def test_a_read_comes_back_as_it_was(tmp_path: Path, make_read: Callable[..., Read]) -> None:
    save_read(tmp_path / "r.json", make_read())
    assert load_read(tmp_path / "r.json") == make_read()


def test_the_key_of_what_a_site_sent_stays_out_of_a_read(
    tmp_path: Path, make_read: Callable[..., Read]
) -> None:
    save_read(tmp_path / "r.json", replace(make_read(), case_key="0123abcd"))
    assert "0123abcd" not in (tmp_path / "r.json").read_text("utf-8")


def test_an_edited_read_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"trial_id": 3}')
    with pytest.raises(StoreError, match="is no read"):
        load_read(tmp_path / "r.json")


def test_an_unmeasured_case_is_an_empty_cell_and_zero_is_a_value(layout: Layout) -> None:
    found = {row["subject_code"]: row for row in rows(layout.volumes_csv)}
    assert found["AB2CD3"]["infarct_volume_ml"] == ""
    assert found["AB2CD3"]["trial_id"] == "NCT0"
    assert found["AB2CD3"]["missing_reason"] == "missing_slice"
    assert found["ZZ9ZZ9"]["missing_reason"] == ""
    assert found["ZZ9ZZ9"]["infarct_volume_ml"] == "0.0"
    assert found["KX4M7P"]["qc_flags"] == "gantry_tilt;uneven_slices"
    assert list(found) == sorted(found)


def test_parquet_holds_the_same_cells_as_csv(layout: Layout) -> None:
    typed = pq.read_table(layout.volumes_parquet).to_pylist()
    for text_row, row in zip(rows(layout.volumes_csv), typed, strict=True):
        assert text_row == {name: "" if cell is None else str(cell) for name, cell in row.items()}


def test_the_dictionary_describes_every_column_in_order(layout: Layout) -> None:
    dictionary = json.loads(layout.volumes_dictionary.read_text())
    header = layout.volumes_csv.read_text().splitlines()[0].split(",")
    assert [column["name"] for column in dictionary["columns"]] == header
    for column in dictionary["columns"]:
        assert column["label"]
        assert column["definition"]
        assert column["type"] in {"string", "number", "integer"}


def test_the_dictionary_explains_every_flag(layout: Layout) -> None:
    columns = json.loads(layout.volumes_dictionary.read_text())["columns"]
    [flags] = (column for column in columns if column["name"] == "qc_flags")
    assert all(f"{flag}: " in flags["definition"] for flag in flags["allowed_values"])
    assert flags["allowed_values"] == list(QcFlag)


def test_problems_come_back(layout: Layout) -> None:
    assert load_problems(layout) == (PROBLEM,)


def test_a_case_with_several_problems_tells_all_of_them_once(tmp_path: Path) -> None:
    layout, other = Layout(tmp_path), replace(PROBLEM, reason_code="unreadable")
    write_tables(layout, [other, PROBLEM, replace(PROBLEM, message="gap of 5.0 mm")], "NCT0")
    (row,) = rows(layout.volumes_csv)
    assert row["missing_reason"] == "missing_slice;unreadable"


def test_rebuilding_gives_the_same_bytes(layout: Layout) -> None:
    paths = (layout.volumes_csv, layout.volumes_parquet, layout.reads_csv, layout.problems_csv)
    before = [path.read_bytes() for path in paths]
    write_tables(layout, [PROBLEM, PROBLEM], "NCT0")
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.parametrize("text", [*(f"{sign}x" for sign in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")])
def test_text_that_a_spreadsheet_would_run_is_defused(text: str) -> None:
    assert to_csv(["a"], [{"a": text}]).splitlines()[1].strip('"').startswith("'")


def test_text_is_defused_in_csv_alone(tmp_path: Path, make_read: Callable[..., Read]) -> None:
    layout, read = Layout(tmp_path), replace(make_read(), method="=cmd()")
    save_read(layout.read(read.case), read)
    write_tables(layout, [], "NCT0")
    (row,) = read_csv(layout.volumes_csv, ["method"])
    assert row["method"] == "'=cmd()"
    assert pq.read_table(layout.volumes_parquet)["method"].to_pylist() == ["=cmd()"]
    assert json.loads(layout.read(read.case).read_text())["method"] == "=cmd()"


def test_negative_numbers_stay_numbers() -> None:
    assert to_csv(["a"], [{"a": -1.5}]).splitlines()[1] == "-1.5"


def test_a_table_without_its_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("subject_code\nA\n")
    with pytest.raises(StoreError, match="lacks the columns visit"):
        read_csv(tmp_path / "t.csv", ["subject_code", "visit"])


def test_a_volume_says_whether_it_is_eligible_and_an_unmeasured_case_does_not(
    tmp_path: Path, make_read: Callable[..., Read]
) -> None:
    layout = Layout(tmp_path)
    eligible, lossy = make_read("ZZ9ZZ9"), replace(make_read(), is_endpoint_eligible=False)
    for read in (eligible, lossy):
        save_read(layout.read(read.case), read)
    write_tables(layout, [PROBLEM], "NCT0")
    assert "endpoint_eligible" in rows(layout.volumes_csv)[0]
    found = {row["subject_code"]: row["endpoint_eligible"] for row in rows(layout.volumes_csv)}
    assert found == {"AB2CD3": "", "KX4M7P": "no", "ZZ9ZZ9": "yes"}
    assert [row["endpoint_eligible"] for row in rows(layout.reads_csv)] == ["no", "yes"]
    parquet = pq.read_table(layout.volumes_parquet).column("endpoint_eligible").to_pylist()
    assert parquet == [None, "no", "yes"]
    columns = json.loads(layout.volumes_dictionary.read_text("utf-8"))["columns"]
    column = next(column for column in columns if column["name"] == "endpoint_eligible")
    assert column["allowed_values"] == ["yes", "no"]
    assert "compressed with loss" in column["definition"]


SWELLING = Swelling(
    nwu_percent=22.5,
    nwu_unwindowed_percent=24.0,
    nwu_window_hu=(20.0, 80.0),
    oedema_corrected_volume_ml=9.6875,
    csf_ratio=None,
    midline_shift_mm=-3.25,
    hemisphere_share_percent=2.0,
    absent=(("csf_ratio", Absence.TOO_LITTLE_CSF),),
)
SECONDARY = [
    "nwu_percent",
    "nwu_window_hu",
    "nwu_unwindowed_percent",
    "oedema_corrected_volume_ml",
    "csf_ratio",
    "midline_shift_mm",
    "hemisphere_share_percent",
    "secondary_missing",
]


def with_swelling(read: Read) -> Read:
    return replace(read, measurement=replace(read.measurement, swelling=SWELLING))


def test_secondary_values_stand_in_columns_of_their_own(
    tmp_path: Path, make_read: Callable[..., Read]
) -> None:
    layout, read = Layout(tmp_path), with_swelling(make_read())
    save_read(layout.read(read.case), read)
    assert load_read(layout.read(read.case)) == read
    write_tables(layout, [PROBLEM], "NCT0")
    unmeasured, row = rows(layout.volumes_csv)
    assert row["infarct_volume_ml"] == "12.5"
    assert [row[name] for name in SECONDARY] == [
        "22.5",
        "20 to 80",
        "24.0",
        "9.6875",
        "",
        "-3.25",
        "2.0",
        "csf_ratio:too_little_csf",
    ]
    assert [unmeasured[name] for name in SECONDARY] == [""] * len(SECONDARY)


def test_a_record_of_an_older_version_has_empty_cells_that_say_so(
    tmp_path: Path, make_read: Callable[..., Read]
) -> None:
    layout, read = Layout(tmp_path), make_read()
    save_read(layout.read(read.case), read)
    content = json.loads(layout.read(read.case).read_text("utf-8"))
    del content["measurement"]["swelling"]
    layout.read(read.case).write_text(json.dumps(content))
    write_tables(layout, [], "NCT0")
    (row,) = rows(layout.volumes_csv)
    assert row["infarct_volume_ml"] == "12.5"
    assert row["midline_shift_mm"] == ""
    missing = dict(pair.split(":") for pair in row["secondary_missing"].split(";"))
    assert set(missing.values()) == {"older_version"}
    assert set(missing) == {n for n in SECONDARY if n not in ("nwu_window_hu", "secondary_missing")}


def test_the_dictionary_explains_every_reason_for_an_empty_cell(layout: Layout) -> None:
    columns = json.loads(layout.volumes_dictionary.read_text())["columns"]
    [missing] = (column for column in columns if column["name"] == "secondary_missing")
    assert all(f"{reason}: " in missing["definition"] for reason in Absence)
