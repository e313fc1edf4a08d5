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
_READER: Column[None] = Column(
    name="reader",
    label="Reader",
    type=CellType.TEXT,
    definition="Name of the reader; auto for the automatic method.",
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
    variables = (
        variable_of(_READER),
        *_variables(AUTOMATIC_COLUMNS, (*_CASE, "version")),
        variable_of(_STANDS),
        *_variables(READ_COLUMNS, ()),
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
        structure="one record per subject, visit, reviewer and verdict, in their order",
    )
    return sheet_of(form, _variables(VERDICT_COLUMNS, ("subject_code", "visit", "rater")), rows)


def empty_sheets() -> tuple[Sheet, ...]:
    """Return every sheet of our own without a row: what the tables are, before there is any."""
    return volume_sheet(()), reads_sheet(()), growth_sheet(()), verdict_sheet(())


def _variables(columns: Sequence[Column[Record]], keys: Sequence[str]) -> tuple[Variable, ...]:
    return tuple(variable_of(column, keys) for column in columns)
