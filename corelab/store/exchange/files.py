"""Sheets to the files that people were promised, each in the forms that they ask for."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from corelab.store.column import Cell
from corelab.store.csv_table import to_csv
from corelab.store.exchange.dataset_json import to_dataset_json
from corelab.store.exchange.define_xml import Study, to_define_xml
from corelab.store.exchange.parquet import to_parquet
from corelab.store.exchange.sheet import Sheet, with_short_texts
from corelab.store.exchange.sqlite import to_sqlite
from corelab.store.exchange.xpt import to_xpt
from corelab.store.files import disk_error, make_folder, write_bytes
from corelab.store.layout import Layout


class TableFormat(StrEnum):
    """A form in which tables are written."""

    CSV = "csv"
    PARQUET = "parquet"
    XPT = "xpt"
    DATASET_JSON = "dataset-json"
    SQLITE = "sqlite"


_ENDING = {
    TableFormat.XPT: ".xpt",
    TableFormat.DATASET_JSON: ".json",
    TableFormat.PARQUET: ".parquet",
    TableFormat.CSV: ".csv",
}
"""In the order in which the dictionary prefers them as the files that it is of."""
_DATABASE = "tables.sqlite"
_DICTIONARY = "define.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Tables to be written, of one trial."""

    study: Study
    sheets: tuple[Sheet, ...]


def available_formats() -> tuple[TableFormat, ...]:
    """Every form that this installation can write: XPT needs an extra."""
    has_xpt = find_spec("pyreadstat") is not None
    return tuple(form for form in TableFormat if has_xpt or form is not TableFormat.XPT)


def write_export(layout: Layout, export: Export, formats: Iterable[TableFormat]) -> None:
    """Write every sheet in these forms, and the dictionary beside them.

    Raises
    ------
    StoreError
        When a sheet does not fit a form; nothing of that form is written then.
    """
    written, contents = tuple(formats), dict[Path, bytes]()
    for form in written:
        contents |= _contents(layout.tables, export, form)
    contents[layout.tables / _DICTIONARY] = _dictionary(export, written)
    make_folder(layout.tables)
    for path, content in contents.items():
        write_bytes(path, content)


def _dictionary(export: Export, formats: Sequence[TableFormat]) -> bytes:
    """Define-XML of the form that submissions carry, of those that were written."""
    sheets, form = export.sheets, next((one for one in _ENDING if one in formats), None)
    if form is TableFormat.XPT:
        sheets = tuple(with_short_texts(sheet) for sheet in sheets)
    return to_define_xml(
        sheets,
        export.study,
        lambda sheet: f"{sheet.form.name}{_ENDING[form]}" if form else _DATABASE,
    )


def remove_export(layout: Layout) -> None:
    """Take away tables in further forms; nothing where there are none.

    Raises
    ------
    DiskError
        When they cannot be taken away: they would stand beside newer tables.
    """
    try:
        shutil.rmtree(layout.tables)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error("OUT/tables cannot be removed", layout.root, error) from error


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
