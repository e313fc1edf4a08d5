"""Variables of CDISC data sets: their names are short already, and stand in no table of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from corelab.store.column import CellType
from corelab.store.exchange.sheet import Variable


def text_variable(
    name: str, label: str, definition: str, *, key: int = 0, allowed: Sequence[str] = ()
) -> Variable:
    """Character variable; ``key`` and ``allowed`` as for :class:`Variable`."""
    return Variable(
        name=name,
        short=name,
        label=label,
        short_label=label,
        type=CellType.TEXT,
        definition=definition,
        key=key,
        allowed=tuple(allowed),
    )


def number_variable(name: str, label: str, definition: str, *, unit: str | None = None) -> Variable:
    """Numeric variable."""
    return replace(text_variable(name, label, definition), type=CellType.NUMBER, unit=unit)


def integer_variable(name: str, label: str, definition: str, *, key: int = 0) -> Variable:
    """Numeric variable of whole numbers; ``key`` as for :class:`Variable`."""
    return replace(text_variable(name, label, definition, key=key), type=CellType.INTEGER)
