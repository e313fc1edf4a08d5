"""Tables as statisticians read them: CSV, Parquet and the dictionary beside them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from corelab.errors import StoreError
from corelab.store.column import Cell, CellType
from corelab.store.files import write_bytes, write_json, write_text
from corelab.store.growth import (
    GROWTH_COLUMNS,
    growth_dictionary,
    growth_of,
    growth_row,
    with_growth_flags,
)
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.store.schema import VOLUME_COLUMNS, data_dictionary, row_of, unmeasured_row
from corelab.vocab import Problem, Read

_ARROW_TYPE = {
    CellType.TEXT: pa.string(),
    CellType.NUMBER: pa.float64(),
    CellType.INTEGER: pa.int64(),
}
# The last four are the wide forms of the first, which some spreadsheets take for them.
_SPREADSHEET_FORMULA_STARTS = (*"=+-@", *"\t\r\n", *"\uff1d\uff0b\uff0d\uff20")
_PROBLEM_NAMES = tuple(field.name for field in fields(Problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Reads under OUT: those that stand, with what growth says of them, and earlier versions."""

    reads: tuple[Read, ...]
    earlier: tuple[Read, ...]


def load_records(layout: Layout, visits: Sequence[str]) -> Records:
    """Load every read under OUT; ``visits`` as for :func:`write_tables`."""
    reads = with_growth_flags([load_read(path) for path in layout.reads()], visits)
    earlier = tuple(load_read(path) for path in layout.earlier_reads())
    return Records(reads=tuple(reads), earlier=earlier)


def write_tables(
    layout: Layout, problems: Sequence[Problem], trial_id: str, visits: Sequence[str] = ()
) -> Records:
    """Rebuild every table from the reads under OUT and the problems of the batch.

    Parameters
    ----------
    layout
        Where OUT lies.
    problems
        What was not measured, and why.
    trial_id
        Trial of the cases that were not measured.
    visits
        Labels of the trial's visits in the order of their time, the baseline first. Without
        them there is no table of growth.

    Returns
    -------
    Records
        What the tables were made of.
    """
    records = load_records(layout, visits)
    reads, earlier = records.reads, records.earlier
    # Two studies without a case may say the same, and are two.
    of_cases = {problem for problem in problems if problem.subject_code}
    others = [problem for problem in problems if not problem.subject_code]
    listed = sorted([*of_cases, *others], key=lambda row: tuple(asdict(row).values()))
    rows_of_reads = [row_of(read) for read in reads]
    rows = _volume_rows(rows_of_reads, listed, trial_id)
    names = [column.name for column in VOLUME_COLUMNS]
    write_text(layout.volumes_csv, to_csv(names, rows))
    write_bytes(layout.volumes_parquet, _to_parquet(rows))
    write_json(layout.volumes_dictionary, data_dictionary())
    standing = zip(reads, rows_of_reads, strict=True)
    listed_reads = _read_rows(standing, ((read, row_of(read)) for read in earlier))
    write_text(layout.reads_csv, to_csv(["reader", *names, "stands"], listed_reads))
    write_text(layout.problems_csv, to_csv(_PROBLEM_NAMES, [asdict(problem) for problem in listed]))
    if visits:
        growth = growth_of(reads, listed, visits, trial_id)
        names = [column.name for column in GROWTH_COLUMNS]
        write_text(layout.growth_csv, to_csv(names, [growth_row(pair) for pair in growth]))
        write_json(layout.growth_dictionary, growth_dictionary(visits))
    return records


def load_problems(layout: Layout) -> tuple[Problem, ...]:
    """Rows of ``problems.csv``; none when there is no such file yet."""
    if not layout.problems_csv.exists():
        return ()
    return tuple(Problem(**row) for row in read_csv(layout.problems_csv, _PROBLEM_NAMES))


def load_visits(layout: Layout) -> frozenset[str]:
    """Labels of the visits that the growth table names; none when there is no such table."""
    if not layout.growth_csv.exists():
        return frozenset()
    rows = read_csv(layout.growth_csv, ("baseline_visit", "visit"))
    return frozenset(visit for row in rows for visit in row.values())


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


def _volume_rows(
    reads: Iterable[dict[str, Cell]], problems: Sequence[Problem], trial_id: str
) -> list[dict[str, Cell]]:
    rows = {(str(row["subject_code"]), str(row["visit"])): row for row in reads}
    for problem in problems:
        if problem.subject_code and problem.visit:
            key = (problem.subject_code, problem.visit)
            rows.setdefault(key, unmeasured_row(problem, trial_id))
    return [rows[key] for key in sorted(rows)]


def _read_rows(
    standing: Iterable[tuple[Read, dict[str, Cell]]],
    earlier: Iterable[tuple[Read, dict[str, Cell]]],
) -> list[dict[str, Cell]]:
    """One row a version of each read, those that stand after those that they superseded."""
    listed = [(read, row, "yes") for read, row in standing]
    listed += [(read, row, "no") for read, row in earlier]
    listed.sort(key=lambda each: (each[0].case, each[0].version))
    return [{"reader": read.reader, **row, "stands": stands} for read, row, stands in listed]


def _csv_cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_SPREADSHEET_FORMULA_STARTS):
        return "'" + value
    return str(value)


def _to_parquet(rows: Sequence[Mapping[str, Cell]]) -> bytes:
    schema = pa.schema([(column.name, _ARROW_TYPE[column.type]) for column in VOLUME_COLUMNS])
    arrays = [
        pa.array([row[column.name] for row in rows], type=_ARROW_TYPE[column.type])
        for column in VOLUME_COLUMNS
    ]
    sink = io.BytesIO()
    # Uncompressed: the leak audit must be able to read every byte.
    pq.write_table(pa.table(arrays, schema=schema), sink, compression="none", use_dictionary=False)
    return sink.getvalue()
