"""Every table in every form, of an OUT with all that makes a table hard."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest

from corelab.reading.event import Purpose, QaVerdict, QaVerdictGiven
from corelab.reading.lifecycle import ReadState
from corelab.reading.result import Result
from corelab.stages.publish import export_tables, publication_from, publish
from corelab.store.column import Cell, closed
from corelab.store.exchange.files import TableFormat
from corelab.store.layout import Layout
from corelab.store.record import load_read, save_read
from corelab.store.schema import READ_COLUMNS
from corelab.store.table import load_problems
from corelab.trial import load_trial
from corelab.vocab import Case, QcFlag, SubjectCode, VisitLabel
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

pyreadstat = pytest.importorskip("pyreadstat", reason="pyreadstat is not installed (extra xpt)")

TABLES = ("volumes", "reads", "growth", "qa", "nv", "adinf")
SIGNED: dict[str, tuple[int | None, int | None]] = {
    "AA11": (200, 210),
    "BB22": (0, 0),
    "CC33": (None, None),
    "DD44": (200, 600),
    "FF66": (200, 200),
}
"""Voxels that ada and ben find at follow-up; ``None``: not assessable. Nobody reads AL9, AL10."""
SCHEMA = Path(__file__).parents[1] / "store" / "exchange" / "vendor" / "dataset.schema.json"
ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """One table: its column names, and rows of typed cells."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]

    def records(self) -> list[dict[str, Cell]]:
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mean, zero, not assessable, adjudicated, not measured, another image, and nobody read it."""
    out = tmp_path_factory.mktemp("made") / "out"
    furnish(out, *SIGNED)
    for code in ("AA11", "CC33"):
        add_case(out, code, visit="baseline")
    plan(out)
    for reader in ("ada", "ben"):
        sign_all(out, reader)
    (third,) = room_of(out).worklist("cleo")
    sign(out, third, labels_of(500))
    for code in ("AL9", "AL10"):
        add_case(out, code)
    edit(out, "AL9", hours_from_reference=-2.1, qc_flags=tuple(QcFlag))
    edit(out, "AL10", hours_from_reference=24.366666666666667, qc_flags=())
    plan(out)
    for _ in range(2):
        write(out, "quinn", verdict("AA11"))
    add_case(out, "FF66", image="sent again")
    (out / "problems.csv").write_text(
        "subject_code,visit,reason_code,message\n"
        "EE55,fu24h,missing_slice,gap of 10.0 mm\n"
        "EE55,fu24h,lossy_pixels,compressed\n"
        ",,unreadable,closed\n"
    )
    rebuild(out)
    return out


def edit(out: Path, code: str, **changes: object) -> None:
    path = Layout(out).read(Case(SubjectCode(code), VisitLabel("fu24h")))
    save_read(path, replace(load_read(path), **changes))  # type: ignore[arg-type] # fields of a read


def plan(out: Path) -> None:
    path = trial_file(out.parent)
    with ledger_of(out) as ledger:
        Planner(Layout(out), ledger, SIGNERS["mia"]).plan(load_trial(path), path)


def sign_all(out: Path, reader: str) -> None:
    for read in room_of(out).worklist(reader):
        if read.state is ReadState.ASSIGNED:
            is_early = read.case.visit == "baseline"
            size = 100 if is_early else SIGNED[read.case.subject_code][reader == "ben"]
            sign(out, read, None if size is None else labels_of(size))


def verdict(code: str) -> QaVerdictGiven:
    return QaVerdictGiven(
        subject_code=code,
        visit="fu24h",
        image_sha256=image_sha256(code),
        mask_sha256="b" * 64,
        verdict=QaVerdict.WARN,
        reasons=(),
        comment="",
    )


def rebuild(out: Path) -> None:
    layout = Layout(out)
    publication = publication_from(layout)
    tables = publish(layout, load_problems(layout), publication)
    export_tables(layout, tables, publication, TableFormat)


def from_dataset_json(folder: Path, name: str) -> Table:
    content = json.loads((folder / f"{name}.json").read_text())
    names = tuple(column["name"] for column in content["columns"])
    return Table(names, tuple(tuple(row) for row in content["rows"]))


def from_csv(folder: Path, name: str) -> Table:
    columns = json.loads((folder / f"{name}.json").read_text())["columns"]
    kinds = {"string": str, "double": float, "integer": int}
    as_kind = [kinds[column["dataType"]] for column in columns]
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        names, *rows = csv.reader(stream)
    typed = (
        tuple(kind(cell) if cell else None for kind, cell in zip(as_kind, row, strict=True))
        for row in rows
    )
    return Table(tuple(names), tuple(typed))


def from_parquet(folder: Path, name: str) -> Table:
    table = pq.read_table(folder / f"{name}.parquet")
    return Table(tuple(table.column_names), tuple(tuple(row.values()) for row in table.to_pylist()))


def from_sqlite(folder: Path, name: str) -> Table:
    with closing(sqlite3.connect(folder / "tables.sqlite")) as connection:
        found = connection.execute(f"SELECT * FROM {name} ORDER BY rowid")
        return Table(tuple(told[0] for told in found.description), tuple(found))


def from_xpt(folder: Path, name: str) -> Table:
    columns, _ = pyreadstat.read_xport(str(folder / f"{name}.xpt"), output_format="dict")
    return long_named(folder, name, {short: list(cells) for short, cells in columns.items()})


def long_named(folder: Path, name: str, columns: dict[str, list[Cell]]) -> Table:
    """Columns of a transport file under the names of the other forms, long texts joined again."""
    long_names = {short: long for short, long, _ in described(folder, name)}
    joined: dict[str, list[Cell]] = {}
    for short, cells in columns.items():
        long, known = long_names[short], [None if cell == "" else cell for cell in cells]
        base, _, part = long.rpartition("_")
        if part.isdigit() and base in joined:
            pairs = zip(joined[base], known, strict=True)
            joined[base] = [f"{first}{second}" if second else first for first, second in pairs]
        else:
            joined[long] = known
    return Table(tuple(joined), tuple(zip(*joined.values(), strict=True)))


def described(folder: Path, name: str) -> Iterator[tuple[str, str, ET.Element]]:
    """Short name, long name and definition of each variable that the dictionary gives a table."""
    root = ET.parse(folder / "define.xml").getroot()  # noqa: S314 - made by this test
    items = {item.get("OID", ""): item for item in root.iter(f"{ODM}ItemDef")}
    group = next(g for g in root.iter(f"{ODM}ItemGroupDef") if g.get("Name") == name.upper())
    for reference in group.iter(f"{ODM}ItemRef"):
        item = items[reference.get("ItemOID", "")]
        alias = item.find(f"{ODM}Alias")
        short = item.get("Name", "")
        yield short, short if alias is None else alias.get("Name", ""), item


FORMS = {
    TableFormat.CSV: from_csv,
    TableFormat.PARQUET: from_parquet,
    TableFormat.SQLITE: from_sqlite,
    TableFormat.XPT: from_xpt,
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", FORMS)
def test_every_table_holds_the_same_cells_in_every_form(
    form: TableFormat, name: str, out: Path
) -> None:
    folder = Layout(out).tables
    assert from_dataset_json(folder, name).rows
    assert FORMS[form](folder, name) == from_dataset_json(folder, name)


def test_duckdb_reads_what_csv_and_parquet_hold_alike(out: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    folder = Layout(out).tables
    for name in TABLES:
        told = from_dataset_json(folder, name)
        parquet = duckdb.sql(f"SELECT * FROM '{folder / name}.parquet'")
        assert tuple(parquet.fetchall()) == told.rows


R_CODE = """
for (name in commandArgs(TRUE)) {
  table <- haven::read_xpt(paste0("tables/", name, ".xpt"))
  exact <- function(column) {
    if (is.numeric(column)) ifelse(is.na(column), NA, sprintf("%.17g", column)) else column
  }
  told <- list(
    label = jsonlite::unbox(attr(table, "label")),
    numbers = names(table)[sapply(table, is.numeric)],
    columns = lapply(as.list(table), function(column) exact(as.vector(unclass(column))))
  )
  cat(jsonlite::toJSON(told, na = "null"), "\\n", sep = "")
}
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_haven_reads_the_same_cells_and_the_labels_of_the_tables(out: Path) -> None:
    has = "quit(status = !all(sapply(c('haven', 'jsonlite'), requireNamespace)))"
    if subprocess.run(["Rscript", "-e", has], capture_output=True, check=False).returncode:
        pytest.skip("R has no haven or no jsonlite")
    done = subprocess.run(
        ["Rscript", "-e", R_CODE, *TABLES], cwd=out, capture_output=True, text=True, check=True
    )
    folder = Layout(out).tables
    for name, line in zip(TABLES, done.stdout.splitlines(), strict=True):
        told = json.loads(line)
        columns = told["columns"]
        for short in told["numbers"]:
            columns[short] = [None if cell is None else float(cell) for cell in columns[short]]
        assert long_named(folder, name, columns) == from_dataset_json(folder, name)
        assert told["label"] == json.loads((folder / f"{name}.json").read_text())["label"]


def test_the_dictionary_is_of_the_transport_files_to_the_last_byte_of_a_text(out: Path) -> None:
    folder = Layout(out).tables
    for name in TABLES:
        _, meta = pyreadstat.read_xport(str(folder / f"{name}.xpt"), metadataonly=True)
        told = {short: item for short, _, item in described(folder, name)}
        assert meta.column_names == list(told)
        for short, item in told.items():
            is_text = item.get("DataType") == "text"
            assert meta.readstat_variable_types[short] == ("string" if is_text else "double")
            label = item.findtext(f"{ODM}Description/{ODM}TranslatedText", "")
            assert meta.column_names_to_labels[short] == label
            if is_text:
                assert meta.variable_storage_width[short] == int(item.get("Length", "0"))


def test_what_the_dictionary_calls_a_key_tells_rows_apart(out: Path) -> None:
    folder = Layout(out).tables
    for name in TABLES:
        columns = json.loads((folder / f"{name}.json").read_text())["columns"]
        keyed = sorted(
            (column["keySequence"], column["name"]) for column in columns if "keySequence" in column
        )
        records = from_dataset_json(folder, name).records()
        keys = Counter(tuple(record[key] for _, key in keyed) for record in records)
        assert [place for place, _ in keyed] == list(range(1, len(keyed) + 1))
        assert max(keys.values()) == 1, name


def test_identifiers_of_the_dictionary_are_unique_and_each_reference_is_defined(out: Path) -> None:
    root = ET.parse(Layout(out).tables / "define.xml").getroot()  # noqa: S314 - made by this test
    oids = [element.get("OID") for element in root.iter() if element.get("OID")]
    assert max(Counter(oids).values()) == 1
    for element in root.iter():
        for name, value in element.items():
            if name.endswith("OID") and name not in {"OID", "FileOID"}:
                assert value in oids, name


def test_a_key_that_may_be_empty_is_not_called_mandatory(out: Path) -> None:
    """The automatic method's reads have no number."""
    root = ET.parse(Layout(out).tables / "define.xml").getroot()  # noqa: S314 - made by this test
    told = {ref.get("ItemOID"): ref.get("Mandatory") for ref in root.iter(f"{ODM}ItemRef")}
    assert (told["IT.READS.reader"], told["IT.READS.read_id"]) == ("Yes", "No")


def test_every_dictionary_of_an_out_fits_its_published_schema(out: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
    schemas = pytest.importorskip("odmlib.schema_manager", reason="odmlib is not installed")
    folder = Layout(out).tables
    validator = jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text("utf-8")))
    for name in TABLES:
        validator.validate(json.loads((folder / f"{name}.json").read_text()))
    xmlschema.validate(folder / "define.xml", schemas.get_schema_path("define", "2.1"))


def test_rows_are_sorted_by_subject_and_visit(out: Path) -> None:
    folder = Layout(out).tables
    for name in ("volumes", "reads", "growth", "qa"):
        records = from_dataset_json(folder, name).records()
        cases = [(str(record["subject_code"]), str(record["visit"])) for record in records]
        assert cases == sorted(cases)


def test_made_again_every_file_has_the_same_bytes(out: Path) -> None:
    folder = Layout(out).tables
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rebuild(out)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) == 4 * len(TABLES) + 2


def test_each_state_of_a_volume_is_told_apart_and_a_missing_one_has_its_reason(out: Path) -> None:
    records = from_dataset_json(Layout(out).tables, "volumes").records()
    told = {
        record["subject_code"]: (record["infarct_volume_ml"], record["missing_reason"])
        for record in records
        if record["visit"] == "fu24h"
    }
    assert told == {
        "AA11": (10.25, None),
        "AL10": (12.5, None),
        "AL9": (12.5, None),
        "BB22": (0.0, None),
        "CC33": (None, "not_assessable"),
        "DD44": (25.0, None),
        "EE55": (None, "lossy_pixels;missing_slice"),
        "FF66": (12.5, None),
    }


def test_a_growth_that_people_could_not_assess_is_not_called_unmeasured(out: Path) -> None:
    records = from_dataset_json(Layout(out).tables, "growth").records()
    told = {record["subject_code"]: record["missing_reason"] for record in records}
    assert told["CC33"] == "follow_up_not_assessable"
    assert told["EE55"] == "baseline_not_received;follow_up_not_measured"
    assert told["AA11"] is None


def test_the_analysis_set_counts_the_changes_that_the_growth_table_counts(out: Path) -> None:
    folder = Layout(out).tables
    counted = {
        record["USUBJID"]: record["CHG"]
        for record in from_dataset_json(folder, "adinf").records()
        if record["PARAMCD"] == "INFVOL" and record["ANL02FL"] == "Y"
    }
    growth = {
        record["subject_code"]: record["growth_ml"]
        for record in from_dataset_json(folder, "growth").records()
        if record["endpoint_eligible"] == "yes"
    }
    assert counted == growth == {"AA11": 5.25}


def test_the_analysis_set_has_one_record_a_parameter_and_visit_and_the_volumes_of_the_table(
    out: Path,
) -> None:
    folder = Layout(out).tables
    records = from_dataset_json(folder, "adinf").records()
    keys = Counter((row["USUBJID"], row["AVISIT"], row["PARAMCD"]) for row in records)
    volumes = from_dataset_json(folder, "volumes").records()
    assert max(keys.values()) == 1
    assert len(records) == 2 * len(volumes)
    told = {
        (row["USUBJID"], row["AVISIT"]): (row["AVAL"], row["ANL01FL"] == "Y", row["MISSWHY"])
        for row in records
        if row["PARAMCD"] == "INFVOL"
    }
    assert told == {
        (row["subject_code"], row["visit"]): (
            row["infarct_volume_ml"],
            row["endpoint_eligible"] == "yes",
            row["missing_reason"],
        )
        for row in volumes
    }


def test_at_most_one_finding_of_a_visit_is_accepted_and_it_is_the_volume_of_the_table(
    out: Path,
) -> None:
    folder = Layout(out).tables
    records = from_dataset_json(folder, "nv").records()
    accepted = {
        (row["USUBJID"], row["VISIT"]): (row["NVSTRESN"], row["NVSTAT"])
        for row in records
        if row["NVACPTFL"] == "Y"
    }
    assert len(accepted) == sum(row["NVACPTFL"] == "Y" for row in records)
    assert accepted == {
        ("AA11", "baseline"): (5.0, None),
        ("AA11", "fu24h"): (10.25, None),
        ("BB22", "fu24h"): (0.0, None),
        ("CC33", "baseline"): (5.0, None),
        ("CC33", "fu24h"): (None, "NOT DONE"),
        ("DD44", "fu24h"): (25.0, None),
    }


def test_the_automatic_volume_of_another_image_is_no_mean_of_readers(out: Path) -> None:
    folder = Layout(out).tables
    findings = [r for r in from_dataset_json(folder, "nv").records() if r["USUBJID"] == "FF66"]
    analysed = [r for r in from_dataset_json(folder, "adinf").records() if r["USUBJID"] == "FF66"]
    assert {(row["NVDRVFL"], row["NVACPTFL"]) for row in findings} == {(None, None)}
    assert {(row["DTYPE"], row["ANL01FL"]) for row in analysed} == {(None, None)}


def test_findings_fit_the_rules_of_the_model(out: Path) -> None:
    records = from_dataset_json(Layout(out).tables, "nv").records()
    assert [tuple(row[name] for name in ("USUBJID", "NVSEQ")) for row in records] == [
        (subject, number)
        for subject, rows in groupby(records, key=lambda row: row["USUBJID"])
        for number, _ in enumerate(rows, start=1)
    ]
    for row in records:
        assert row["STUDYID"] == "DEMO-0001"
        assert row["DOMAIN"] == "NV"
        is_done, is_derived = row["NVSTAT"] is None, row["NVDRVFL"] == "Y"
        assert (row["NVSTRESN"] is not None) == is_done
        assert (row["NVREASND"] is not None) == (not is_done)
        assert (row["NVORRES"] is not None) == (is_done and not is_derived)
        assert (row["NVORRES"] is None) == (row["NVORRESU"] is None)
        assert (row["NVSTRESC"] is None) == (row["NVSTRESU"] is None)
        assert not is_done or float(str(row["NVSTRESC"])) == row["NVSTRESN"]
        assert (row["NVEVAL"] is None) == (row["NVANMETH"] is not None) or not is_done
        assert row["NVEVALID"] is None or row["NVEVAL"] == "INDEPENDENT ASSESSOR"
        assert row["VISITNUM"] == {"baseline": 1, "fu24h": 2}[str(row["VISIT"])]
    (unmeasured,) = [row for row in records if row["USUBJID"] == "EE55"]
    assert unmeasured["NVREASND"] == "NOT MEASURED: lossy_pixels;missing_slice"


def test_findings_have_one_record_a_subject_visit_evaluator_and_repetition(out: Path) -> None:
    keys = Counter(
        tuple(row[name] for name in ("USUBJID", "VISIT", "NVEVAL", "NVEVALID", "NVREPNUM"))
        for row in from_dataset_json(Layout(out).tables, "nv").records()
    )
    assert max(keys.values()) == 1


def test_no_table_and_no_dictionary_holds_a_date_but_the_fixed_one(out: Path) -> None:
    date, folder = re.compile(r"(?:19|20)\d\d-\d\d"), Layout(out).tables
    for name in TABLES:
        content = json.loads((folder / f"{name}.json").read_text())
        assert content.pop("datasetJSONCreationDateTime") == "1960-01-01T00:00:00Z"
        assert not date.search(json.dumps(content))
        assert not any(column["name"].endswith(("DTC", "DT")) for column in content["columns"])
    assert set(date.findall((folder / "define.xml").read_text())) == {"1960-01"}


def test_the_database_says_what_every_column_means(out: Path) -> None:
    folder = Layout(out).tables
    with closing(sqlite3.connect(folder / "tables.sqlite")) as connection:
        told = connection.execute("SELECT table_name, name, label, unit, definition FROM columns")
        rows = list(told)
    assert [(table, name) for table, name, *_ in rows] == [
        (name, column) for name in TABLES for column in from_dataset_json(folder, name).names
    ]
    assert all(label and definition for _, _, label, _, definition in rows)
    assert {row[3] for row in rows if row[1].endswith("_ml")} == {"mL"}


def test_words_of_reads_are_those_that_the_reading_room_writes() -> None:
    allowed = {column.name: column.allowed for column in READ_COLUMNS}
    assert allowed["purpose"] == closed(Purpose)
    assert allowed["result"] == closed(Result)
