"""Tables: CSV, Parquet and SQLite, cell by cell, with what lies beside the cells."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.blob import decoded, read_blob, read_field, standing_of
from corelab.blinding.audit.reading.reader import Allowance, Content, Found, UnreadableError

PARQUET_MARK = b"PAR1"
SQLITE_MARK = b"SQLite format 3\0"
_JOURNAL_FORMS = slice(18, 20)
_NO_JOURNAL = b"\x01\x01"
_LONGEST_CELL = 2**24
_JSON_STARTS, _JSON_NAME = ("{", "["), "cell.json"


def read_csv(content: Content) -> Iterator[Found]:
    """Every cell, and the text as a whole for what is no sound table."""
    text = decoded(content.data)
    yield from read_blob(content) if "\0" in text else ()
    dialect = csv.excel_tab if content.name.endswith(".tsv") else csv.excel
    csv.field_size_limit(_LONGEST_CELL)
    try:
        for row in csv.reader(io.StringIO(text), dialect):
            yield from _cells(row, content.at("table cell"))
    except csv.Error:
        yield from read_blob(content)


def read_parquet(content: Content) -> Iterator[Found]:
    """Every value, column names, metadata and statistics, and the file's own bytes."""
    import pyarrow as pa  # noqa: PLC0415 - slow, and what leads a batch starts without it
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    try:
        file = pq.ParquetFile(io.BytesIO(content.data))
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError from error
    place = content.at("Parquet metadata")
    described = {**(file.metadata.metadata or {}), **(file.schema_arrow.metadata or {})}
    for part in (*described.keys(), *described.values()):
        yield from read_field(content, part, "Parquet metadata")
    for column in table.schema:
        for part in (item for pair in (column.metadata or {}).items() for item in pair):
            yield from read_field(content, part, "Parquet metadata")
    yield Passage(str(file.metadata.created_by), place, Standing.TEXT)
    yield from _cells(table.schema.names, place)
    for column in table.columns:
        yield from _any_cells(content, column.to_pylist(), "Parquet value")
    yield from read_blob(content, "Parquet bytes")


def read_sqlite(content: Content) -> Iterator[Found]:
    """Every row of every table, the schema, and the pages' own bytes, deleted rows included."""
    plain = bytearray(content.data)
    # A file that was written with a write-ahead log opens in memory only without its mark.
    plain[_JOURNAL_FORMS] = _NO_JOURNAL
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(bytes(plain))
            connection.text_factory = decoded
            schema = connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
            for row in schema:
                yield from _any_cells(content, row, "SQLite schema")
            for name in [row[0] for row in schema if row[1] == "table"]:
                quoted = name.replace('"', '""')
                for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - its own name, quoted
                    # By itself each: all masks of a trial unpack to more than one file may.
                    alone = replace(content, allowance=Allowance())
                    yield from _any_cells(alone, row, "SQLite value")
    except sqlite3.Error as error:
        raise UnreadableError from error
    yield from read_blob(content, "SQLite pages")


def _any_cells(content: Content, values: Iterable[object], what: str) -> Iterator[Found]:
    for value in values:
        if isinstance(value, bytes):
            yield content.inner(value, what)
        elif isinstance(value, str) and value.startswith(_JSON_STARTS):
            yield content.inner(value.encode("utf-8", "replace"), what, _JSON_NAME)
        elif isinstance(value, list | tuple):
            yield from _any_cells(content, value, what)
        elif isinstance(value, dict):
            yield from _any_cells(content, [*value.keys(), *value.values()], what)
        elif value is not None:
            yield from _cells([str(value)], content.at(what))


def _cells(texts: Iterable[str], place: str) -> Iterator[Passage]:
    for text in texts:
        yield Passage(text, place, standing_of(text))
