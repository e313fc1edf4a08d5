"""Sheets to the files that people were promised, each in the forms that they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from corelab.store.column import Cell
from corelab.store.exchange.dataset_json import to_dataset_json
from corelab.store.exchange.define_xml import Study, to_define_xml
from corelab.store.exchange.parquet import to_parquet
from corelab.store.exchange.sheet import Sheet
from corelab.store.exchange.sqlite import to_sqlite
from corelab.store.exchange.xpt import to_xpt
from corelab.store.files import make_folder, write_bytes
from corelab.store.layout import Layout
from corelab.store.table import to_csv


class TableFormat(StrEnum):
    """A form in which tables are written."""

    CSV = "csv"
    PARQUET = "parquet"
    XPT = "xpt"
    DATASET_JSON = "dataset-json"
    SQLITE = "sqlite"


_ENDING = {
    TableFormat.CSV: ".csv",
    TableFormat.PARQUET: ".parquet",
    TableFormat.XPT: ".xpt",
    TableFormat.DATASET_JSON: ".json",
}
_DATABASE = "tables.sqlite"
_DICTIONARY = "define.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Tables to be written, of one trial."""

    study: Study
    sheets: tuple[Sheet, ...]


def write_export(layout: Layout, export: Export, formats: Iterable[TableFormat]) -> None:
    """Write every sheet in these forms, and the dictionary beside them.

    Raises
    ------
    StoreError
        When a sheet does not fit a form; nothing of that form is written then.
    """
    contents: dict[Path, bytes] = {}
    for form in formats:
        contents |= _contents(layout.tables, export, form)
    make_folder(layout.tables)
    for path, content in contents.items():
        write_bytes(path, content)
    dictionary = to_define_xml(export.sheets, export.study)
    write_bytes(layout.tables / _DICTIONARY, dictionary)


def formats_in(layout: Layout) -> tuple[TableFormat, ...]:
    """Return the forms that OUT holds tables in, which go stale with the next batch."""
    names = [path.suffix for path in layout.tables.glob("volumes.*")]
    found = [form for form, ending in _ENDING.items() if ending in names]
    if (layout.tables / _DATABASE).exists():
        found.append(TableFormat.SQLITE)
    return tuple(found)


def _contents(folder: Path, export: Export, form: TableFormat) -> dict[Path, bytes]:
    if form is TableFormat.SQLITE:
        return {folder / _DATABASE: to_sqlite(export.sheets)}
    ending = _ENDING[form]
    return {
        folder / f"{sheet.form.name}{ending}": _content(sheet, export.study, form)
        for sheet in export.sheets
    }


def _content(sheet: Sheet, study: Study, form: TableFormat) -> bytes:
    match form:
        case TableFormat.CSV:
            return to_csv(*_named(sheet)).encode()
        case TableFormat.PARQUET:
            return to_parquet(sheet)
        case TableFormat.XPT:
            return to_xpt(sheet)
        case _:
            return to_dataset_json(
                sheet, study=study.trial_id, software_version=study.software_version
            )


def _named(sheet: Sheet) -> tuple[list[str], Sequence[dict[str, Cell]]]:
    names = [variable.name for variable in sheet.variables]
    return names, [dict(zip(names, row, strict=True)) for row in sheet.rows]
