"""All sheets in one SQLite file, for whoever would rather ask in SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from corelab.store.column import CellType
from corelab.store.exchange.sheet import Sheet, Variable

_TYPE = {CellType.TEXT: "TEXT", CellType.NUMBER: "REAL", CellType.INTEGER: "INTEGER"}


def to_sqlite(sheets: Sequence[Sheet]) -> bytes:
    """Bytes of a database with one table a sheet, and one that describes every column."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for sheet in sheets:
            columns = ", ".join(f"{_quoted(v.name)} {_TYPE[v.type]}" for v in sheet.variables)
            connection.execute(f"CREATE TABLE {_quoted(sheet.form.name)} ({columns}) STRICT")
            places = ", ".join("?" for _ in sheet.variables)
            connection.executemany(
                f"INSERT INTO {_quoted(sheet.form.name)} VALUES ({places})",  # noqa: S608 - our own name
                sheet.rows,
            )
        connection.execute(
            "CREATE TABLE columns (table_name TEXT, name TEXT, label TEXT, unit TEXT,"
            " definition TEXT) STRICT"
        )
        described = [(sheet.form.name, *_told(v)) for sheet in sheets for v in sheet.variables]
        connection.executemany("INSERT INTO columns VALUES (?, ?, ?, ?, ?)", described)
        connection.commit()
        return connection.serialize()


def _told(variable: Variable) -> tuple[str, str, str | None, str]:
    return variable.name, variable.label, variable.unit, variable.definition


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
