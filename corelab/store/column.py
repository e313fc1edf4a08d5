"""Columns of the tables: how a cell comes out of a record, and what a dictionary says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from corelab.store.files import Json

Cell = str | float | int | None
FLAG_SEPARATOR = ";"


class CellType(StrEnum):
    """Type of a column."""

    TEXT = "string"
    NUMBER = "number"
    INTEGER = "integer"


Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Record]):
    """One column of a table, and how its cell comes out of a record."""

    name: str
    label: str
    type: CellType
    definition: str
    value: Callable[[Record], Cell]
    unit: str | None = None
    allowed: tuple[str, ...] = ()


def closed(words: Iterable[StrEnum]) -> tuple[str, ...]:
    """Return the words of a closed set, for a column that holds one of them."""
    return tuple(word.value for word in words)


def described(columns: Iterable[Column[Record]]) -> list[Json]:
    """Return what a dictionary says of each column, in column order."""
    told: list[Json] = []
    for column in columns:
        allowed: list[Json] = list(column.allowed)
        told.append(
            {
                "name": column.name,
                "label": column.label,
                "type": column.type.value,
                "unit": column.unit,
                "definition": column.definition,
                "allowed_values": allowed or None,
            }
        )
    return told
