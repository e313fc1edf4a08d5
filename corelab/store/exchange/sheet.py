"""A table as every export writes it: variables with names of two lengths, and rows of cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from corelab.errors import StoreError
from corelab.store.column import FLAG_SEPARATOR, Cell, CellType, Column, Record
from corelab.store.exchange.short_names import SHORT_NAMES

LONGEST_TEXT_BYTES = 200
"""Of a character variable in SAS transport version 5; longer texts continue in further ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One column of a sheet.

    ``short`` and ``short_label`` are what SAS transport version 5 has room for: 8 and 40
    characters. ``key`` is the variable's place in the sheet's key, from 1; 0 outside it.
    """

    name: str
    short: str
    label: str
    short_label: str
    type: CellType
    definition: str
    unit: str | None = None
    allowed: tuple[str, ...] = ()
    key: int = 0


class Standard(Enum):
    """Whose model a table follows."""

    OWN = auto()
    SDTM_FINDINGS = auto()
    ADAM_BASIC = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetForm:
    """What a table is: its name of at most 8 letters, its label, and what a row of it is."""

    name: str
    label: str
    structure: str
    standard: Standard = Standard.OWN

    @property
    def short_name(self) -> str:
        """Name of the data set, upper case."""
        return self.name.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table, complete: rows have one cell a variable; ``None`` is missing."""

    form: SheetForm
    variables: tuple[Variable, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        """Check that rows are as wide as the sheet, and that every cell is of its kind."""
        wide = [len(row) for row in self.rows if len(row) != len(self.variables)]
        if wide:
            raise ValueError(
                f"{self.form.name} has {len(self.variables)} variables, a row {wide[0]} cells"
            )
        for number, row in enumerate(self.rows, start=1):
            for variable, cell in zip(self.variables, row, strict=True):
                if not _is_of_kind(variable.type, cell):
                    raise StoreError(
                        f"{self.form.name}: {variable.name} of row {number} is {cell!r}; "
                        f"expected {_KINDS[variable.type]}, or nothing"
                    )

    def column(self, variable: Variable) -> list[Cell]:
        """Cells of one variable."""
        place = self.variables.index(variable)
        return [row[place] for row in self.rows]

    def length(self, variable: Variable) -> int:
        """Bytes of the longest text of a variable; 1 where there is none."""
        texts = [len(cell.encode()) for cell in self.column(variable) if isinstance(cell, str)]
        return max([1, *texts])


def sheet_of(
    form: SheetForm, variables: Sequence[Variable], rows: Iterable[Mapping[str, Cell]]
) -> Sheet:
    """Sheet of rows by the names of their cells.

    An empty text is missing and a zero has no sign: CSV and SAS transport know no other, and
    every form must hold the same.
    """
    cells = tuple(tuple(_plain(row[variable.name]) for variable in variables) for row in rows)
    return Sheet(form=form, variables=tuple(variables), rows=cells)


_KINDS = {
    CellType.TEXT: "a text",
    CellType.NUMBER: "a finite number",
    CellType.INTEGER: "an integer",
}


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return cell + 0.0
    return None if cell == "" else cell


def _is_of_kind(kind: CellType, cell: Cell) -> bool:
    if cell is None:
        return True
    if kind is CellType.TEXT:
        return isinstance(cell, str)
    if isinstance(cell, str | bool):
        return False
    return isinstance(cell, int) if kind is CellType.INTEGER else math.isfinite(cell)


def variable_of(column: Column[Record], keys: Sequence[str] = ()) -> Variable:
    """Variable of a table's column.

    Parameters
    ----------
    column
        As the table defines it.
    keys
        Names of the columns that tell rows apart, in order.

    Raises
    ------
    KeyError
        When the column has no short name.
    """
    short, short_label = SHORT_NAMES[column.name]
    return Variable(
        name=column.name,
        short=short,
        label=column.label,
        short_label=short_label or column.label,
        type=column.type,
        definition=column.definition,
        unit=column.unit,
        allowed=column.allowed,
        key=keys.index(column.name) + 1 if column.name in keys else 0,
    )


def with_short_texts(sheet: Sheet) -> Sheet:
    """Continue texts that are too long for one variable in further ones.

    A list is cut at a separator, which stays at the end of the part before: joined, the parts are
    the text. As many variables are added as the longest text needs (SDTM implementation guide
    3.4, 4.5.3: QNAM, QNAM1, ...).

    Raises
    ------
    StoreError
        When a text that is no list is too long.
    """
    variables: list[Variable] = []
    columns: list[list[Cell]] = []
    for variable in sheet.variables:
        cells = sheet.column(variable)
        parts = [_parts(sheet.form.name, variable, cell) for cell in cells]
        for number in range(max((len(part) for part in parts), default=1)):
            variables.append(_continued(variable, number))
            columns.append([part[number] if number < len(part) else None for part in parts])
    rows = tuple(zip(*columns, strict=True)) if sheet.rows else ()
    return replace(sheet, variables=tuple(variables), rows=rows)


def _continued(variable: Variable, number: int) -> Variable:
    if number == 0:
        return variable
    return replace(
        variable,
        name=f"{variable.name}_{number}",
        short=f"{variable.short[:7]}{number}",
        short_label=f"{variable.short_label[:36]}, {number}",
        definition=f"Continues {variable.name}.",
        key=0,
    )


def _parts(sheet_name: str, variable: Variable, cell: Cell) -> list[Cell]:
    if not isinstance(cell, str) or len(cell.encode()) <= LONGEST_TEXT_BYTES:
        return [cell]
    parts = [""]
    for piece in cell.split(FLAG_SEPARATOR):
        if len(piece.encode()) >= LONGEST_TEXT_BYTES:
            raise StoreError(
                f"{sheet_name}: a text of {variable.name} has {len(cell.encode())} bytes; "
                f"expected at most {LONGEST_TEXT_BYTES}"
            )
        if len((parts[-1] + piece).encode()) >= LONGEST_TEXT_BYTES:
            parts.append("")
        parts[-1] += piece + FLAG_SEPARATOR
    parts[-1] = parts[-1].removesuffix(FLAG_SEPARATOR)
    return list(parts)
