from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from errno import EROFS
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corelab.errors import DiskError, StoreError
from corelab.store.column import Cell, CellType
from corelab.store.exchange.define_xml import Study
from corelab.store.exchange.files import Export, TableFormat, remove_export, write_export
from corelab.store.exchange.sheet import Sheet, sheet_of
from corelab.store.layout import Layout
from tests.sheets import CODE, FLAGS, FORM, PIECES, SIDE, VOLUME

pyreadstat = pytest.importorskip("pyreadstat", reason="pyreadstat is not installed (extra xpt)")
STUDY = Study(trial_id="NCT0", software_version="0.1.0")


def from_csv(folder: Path, sheet: Sheet) -> list[tuple[Cell, ...]]:
    text = (folder / f"{sheet.form.name}.csv").read_text()
    rows = list(csv.reader(io.StringIO(text)))[1:]
    return [tuple(typed(cell, place, sheet) for place, cell in enumerate(row)) for row in rows]


def typed(cell: str, place: int, sheet: Sheet) -> Cell:
    kind = sheet.variables[place].type
    if cell == "":
        return None
    return cell if kind is CellType.TEXT else int(cell) if kind is CellType.INTEGER else float(cell)


def from_parquet(folder: Path, sheet: Sheet) -> list[tuple[Cell, ...]]:
    table = pq.read_table(folder / f"{sheet.form.name}.parquet")
    return [tuple(row.values()) for row in table.to_pylist()]


def from_xpt(folder: Path, sheet: Sheet) -> list[tuple[Cell, ...]]:
    columns, _ = pyreadstat.read_xport(str(folder / f"{sheet.form.name}.xpt"), output_format="dict")
    rows = zip(*columns.values(), strict=True)
    return [tuple(None if cell in ("", None) else cell for cell in row) for row in rows]


def from_dataset_json(folder: Path, sheet: Sheet) -> list[tuple[Cell, ...]]:
    content = json.loads((folder / f"{sheet.form.name}.json").read_text())
    return [tuple(row) for row in content["rows"]]


def from_sqlite(folder: Path, _: Sheet) -> list[tuple[Cell, ...]]:
    with closing(sqlite3.connect(folder / "tables.sqlite")) as connection:
        return list(connection.execute("SELECT * FROM volumes ORDER BY rowid"))


def is_plain(text: str) -> bool:
    """Whether CSV needs no sign before a text and SAS loses no blank after it."""
    return not text.startswith("=") and not text.endswith(" ")


READERS = {
    TableFormat.CSV: from_csv,
    TableFormat.PARQUET: from_parquet,
    TableFormat.XPT: from_xpt,
    TableFormat.DATASET_JSON: from_dataset_json,
    TableFormat.SQLITE: from_sqlite,
}


@pytest.mark.parametrize("form", TableFormat)
def test_every_form_holds_a_table_without_a_row(
    form: TableFormat, sheet: Sheet, tmp_path: Path
) -> None:
    layout = Layout(tmp_path)
    write_export(layout, Export(study=STUDY, sheets=(replace(sheet, rows=()),)), [form])

    assert READERS[form](layout.tables, sheet) == []


NUMBERS = st.none() | st.floats(-1e9, 1e9).filter(lambda number: not 0 < abs(number) < 1e-70)
WORDS = st.none() | st.text("ab_1 ,;'\"=", min_size=1, max_size=40).filter(is_plain)
ROWS = st.lists(
    st.tuples(WORDS, NUMBERS, st.none() | st.integers(-(2**53), 2**53), WORDS, WORDS), max_size=5
)


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_whatever_the_cells_are_every_form_gives_them_back(rows: list[tuple[Cell, ...]]) -> None:
    variables = (CODE, VOLUME, PIECES, SIDE, FLAGS)
    names = [variable.name for variable in variables]
    sheet = sheet_of(FORM, variables, [dict(zip(names, row, strict=True)) for row in rows])
    with TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        write_export(layout, Export(study=STUDY, sheets=(sheet,)), TableFormat)

        for form, read in READERS.items():
            assert read(layout.tables, sheet) == list(sheet.rows), form


@pytest.mark.parametrize(
    ("formats", "leaf"),
    [
        ([TableFormat.CSV], "volumes.csv"),
        ([TableFormat.SQLITE], "tables.sqlite"),
        ([TableFormat.CSV, TableFormat.DATASET_JSON], "volumes.json"),
        (list(TableFormat), "volumes.xpt"),
    ],
)
def test_the_dictionary_names_a_file_that_was_written(
    formats: list[TableFormat], leaf: str, sheet: Sheet, tmp_path: Path
) -> None:
    layout = Layout(tmp_path)
    write_export(layout, Export(study=STUDY, sheets=(sheet,)), formats)

    assert f'xlink:href="{leaf}"' in (layout.tables / "define.xml").read_text()
    assert (layout.tables / leaf).exists()


@pytest.mark.parametrize("form", TableFormat)
def test_every_form_holds_the_same_cells(form: TableFormat, sheet: Sheet, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_export(layout, Export(study=STUDY, sheets=(sheet,)), [form])

    assert READERS[form](layout.tables, sheet) == list(sheet.rows)


def test_the_same_tables_give_the_same_bytes(sheet: Sheet, tmp_path: Path) -> None:
    first, second = Layout(tmp_path / "a"), Layout(tmp_path / "b")
    for layout in (first, second):
        write_export(layout, Export(study=STUDY, sheets=(sheet,)), TableFormat)

    for path in sorted(first.tables.iterdir()):
        assert (second.tables / path.name).read_bytes() == path.read_bytes(), path.name


def test_what_is_of_an_earlier_state_can_be_taken_away(sheet: Sheet, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_export(layout, Export(study=STUDY, sheets=(sheet,)), [TableFormat.CSV])

    remove_export(layout)
    remove_export(layout)

    assert not layout.tables.exists()


def test_a_table_that_does_not_fit_leaves_nothing_behind(sheet: Sheet, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    bad = replace(sheet, rows=(("Übel", 1.0, 1, None, None),))

    with pytest.raises(StoreError, match="Übel"):
        write_export(layout, Export(study=STUDY, sheets=(sheet, bad)), [TableFormat.XPT])

    assert not layout.tables.exists()


def test_what_cannot_be_taken_away_is_said(
    sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    write_export(layout, Export(study=STUDY, sheets=(sheet,)), [TableFormat.CSV])

    def refuse(path: Path) -> None:
        raise OSError(EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(DiskError):
        remove_export(layout)
