"""SAS transport version 5, behind pyreadstat: every limit is checked before, the result after.

pyreadstat cuts labels at 40 characters without a word, takes texts of any length and alphabet
and numbers of any size, and writes the time of day; none of that may reach a submission.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from corelab.errors import StoreError
from corelab.store.column import Cell, CellType
from corelab.store.exchange.sheet import LONGEST_TEXT_BYTES, Sheet, Variable, with_short_texts

if TYPE_CHECKING:
    from pandas import DataFrame

_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,7}")
_LONGEST_LABEL = 40
_SMALLEST, _LARGEST = 1e-70, 1e70
"""Well inside of what the format and its writer have room for, all of it to the last bit."""
_MOMENT = re.compile(rb"\d{2}[A-Z]{3}\d{2}:\d{2}:\d{2}:\d{2}")
_FIXED_MOMENT = b"01JAN60:00:00:00"
_HEADER_BYTES = 9 * 80
"""Three records of the library and six of the member stand before the first variable."""


def to_xpt(sheet: Sheet) -> bytes:
    """Bytes of a transport file, the same for the same sheet.

    Missing texts are blank and missing numbers are SAS's own missing value; texts longer than
    200 bytes continue in further variables.

    Raises
    ------
    StoreError
        When a name, label, text or number does not fit the format, or pyreadstat is absent.
    """
    short = with_short_texts(sheet)
    _check(short)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.xpt"
        write = _writer()
        write(
            _frame(short),
            str(path),
            file_label=short.form.label,
            column_labels=[variable.short_label for variable in short.variables],
            table_name=short.form.short_name,
            file_format_version=5,
        )
        content = path.read_bytes()
    return _MOMENT.sub(_FIXED_MOMENT, content[:_HEADER_BYTES]) + content[_HEADER_BYTES:]


def _writer() -> Callable[..., None]:
    try:
        from pyreadstat import write_xport  # noqa: PLC0415 - an extra, and a second to import
    except ImportError as error:
        raise StoreError(
            "XPT needs pyreadstat: install corelab with the extra xpt (pip install corelab[xpt])"
        ) from error
    return cast("Callable[..., None]", write_xport)


def _frame(sheet: Sheet) -> DataFrame:
    from pandas import DataFrame, Series  # noqa: PLC0415 - comes with pyreadstat's extra

    columns = {
        variable.short: Series(
            [_cell(variable, cell) for cell in sheet.column(variable)],
            dtype="object" if variable.type is CellType.TEXT else "float64",
        )
        for variable in sheet.variables
    }
    return DataFrame(columns)


def _cell(variable: Variable, cell: Cell) -> str | float:
    if variable.type is CellType.TEXT:
        return "" if cell is None else str(cell)
    return float("nan") if cell is None else float(cell)


def _check(sheet: Sheet) -> None:
    """Refuse what the format has no room for, all of it at once."""
    shorts = [variable.short for variable in sheet.variables]
    labels = [sheet.form.label, *(variable.short_label for variable in sheet.variables)]
    faults = [
        f"'{name}' is no name of 8 characters"
        for name in (sheet.form.short_name, *shorts)
        if not _NAME.fullmatch(name)
    ]
    faults += [
        f"two variables are named {name}" for name in sorted(set(shorts)) if shorts.count(name) > 1
    ]
    faults += [
        f"the label '{label}' is not ASCII of 40 characters"
        for label in labels
        if len(label) > _LONGEST_LABEL or not label.isascii()
    ]
    for variable in sheet.variables:
        for row, cell in enumerate(sheet.column(variable), start=1):
            if isinstance(cell, str) and not _fits(cell):
                faults.append(
                    f"row {row}, {variable.name}: '{cell[:40]}' is not ASCII of 200 bytes "
                    "without a blank at its end"
                )
            if isinstance(cell, float | int) and not _is_held(cell):
                faults.append(f"row {row}, {variable.name}: {cell} is no number of the format")
    if faults:
        raise StoreError(
            f"{sheet.form.name} does not fit SAS transport version 5: {'; '.join(faults)}"
        )


def _fits(text: str) -> bool:
    is_short = len(text) <= LONGEST_TEXT_BYTES
    return is_short and text.isascii() and text.isprintable() and not text.endswith(" ")


def _is_held(number: float) -> bool:
    """Whether the format gives a number back as it was: an integer may have too many digits."""
    return number == 0 or (_SMALLEST <= abs(number) <= _LARGEST and float(number) == number)
