"""The tables under OUT as sheets, with what their columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from corelab.store.column import Cell, CellType, Column, Record
from corelab.store.exchange.sheet import Sheet, SheetForm, Variable, sheet_of, variable_of
from corelab.store.growth import GROWTH_COLUMNS
from corelab.store.schema import (
    AUTOMATIC_COLUMNS,
    READ_COLUMNS,
    VERDICT_COLUMNS,
    VOLUME_COLUMNS,
)

_CASE = ("trial_id", "subject_code", "visit")
_N_OF_CASE = 2
"""Columns of a verdict that say which case it is of."""
_READER: Column[None] = Column(
    name="reader",
    label="Reader",
    type=CellType.TEXT,
    definition="Name of the reader; auto for the automatic method.",
    value=lambda _: None,
)
_NUMBER: Column[None] = Column(
    name="verdict_number",
    label="Number of the verdict",
    type=CellType.INTEGER,
    definition="Counts the verdicts on a case in the order that they were given, from 1.",
    value=lambda _: None,
)
_STANDS: Column[None] = Column(
    name="stands",
    label="Whether it stands",
    type=CellType.TEXT,
    definition="no where a newer version has taken its place.",
    allowed=("yes", "no"),
    value=lambda _: None,
)


def volume_sheet(rows: Iterable[Mapping[str, Cell]]) -> Sheet:
    """Sheet of ``volumes.csv``."""
    form = SheetForm(
        name="volumes", label="Infarct volumes", structure="one record per subject and visit"
    )
    return sheet_of(form, _variables(VOLUME_COLUMNS, _CASE), rows)


def reads_sheet(rows: Iterable[Mapping[str, Cell]]) -> Sheet:
    """Sheet of ``reads.csv``."""
    form = SheetForm(
        name="reads",
        label="Reads, every version",
        structure="one record per subject, visit, reader, read and version",
    )
    keys = (*_CASE, "reader", "read_id", "version")
    variables = (
        variable_of(_READER, keys),
        *_variables(AUTOMATIC_COLUMNS, keys),
        variable_of(_STANDS),
        *_variables(READ_COLUMNS, keys),
    )
    return sheet_of(form, variables, rows)


def growth_sheet(rows: Iterable[Mapping[str, Cell]]) -> Sheet:
    """Sheet of ``growth.csv``."""
    form = SheetForm(
        name="growth",
        label="Growth from baseline",
        structure="one record per subject and follow-up visit",
    )
    return sheet_of(form, _variables(GROWTH_COLUMNS, _CASE), rows)


def verdict_sheet(rows: Iterable[Mapping[str, Cell]]) -> Sheet:
    """Sheet of QA reviewers' verdicts."""
    form = SheetForm(
        name="qa",
        label="Verdicts of QA reviewers",
        structure="one record per subject, visit and verdict, in their order",
    )
    keys = (*_CASE, "verdict_number")
    trial = next(column for column in AUTOMATIC_COLUMNS if column.name == "trial_id")
    variables = (
        variable_of(trial, keys),
        *_variables(VERDICT_COLUMNS[:_N_OF_CASE], keys),
        variable_of(_NUMBER, keys),
        *_variables(VERDICT_COLUMNS[_N_OF_CASE:], keys),
    )
    return sheet_of(form, variables, rows)


def empty_sheets() -> tuple[Sheet, ...]:
    """Return every sheet of our own without a row: what the tables are, before there is any."""
    return volume_sheet(()), reads_sheet(()), growth_sheet(()), verdict_sheet(())


def _variables(columns: Sequence[Column[Record]], keys: Sequence[str]) -> tuple[Variable, ...]:
    return tuple(variable_of(column, keys) for column in columns)
