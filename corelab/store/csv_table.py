"""CSV as people and programs read it, to rows and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.column import Cell

# The last four are the wide forms of the first, which some spreadsheets take for them.
FORMULA_STARTS = (*"=+-@", *"\t\r\n", *"\uff1d\uff0b\uff0d\uff20")


def to_csv(names: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """Rows as CSV: dot decimals, empty for missing, text that a spreadsheet would run defused."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_csv_cell(row[name]) for name in names])
    return stream.getvalue()


def read_csv(path: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file that has at least these columns.

    Raises
    ------
    StoreError
        When a column is absent.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        absent = [name for name in names if name not in (reader.fieldnames or [])]
        if absent:
            raise StoreError(f"{path.name} lacks the columns {', '.join(absent)}")
        return [{name: row[name] or "" for name in names} for row in reader]


def _csv_cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return str(value)
