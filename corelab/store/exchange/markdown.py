"""What every column means, as a page for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from corelab.store.exchange.sheet import Sheet, Variable


def to_markdown(sheets: Iterable[Sheet]) -> str:
    """Page with one table a sheet."""
    return "\n".join(line for sheet in sheets for line in _lines(sheet)) + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    yield f"## {sheet.form.name}"
    yield ""
    yield f"{sheet.form.label}: {sheet.form.structure}."
    yield ""
    yield "| column | in XPT | type | unit | what it is |"
    yield "|---|---|---|---|---|"
    for variable in sheet.variables:
        yield f"| `{variable.name}` | {variable.short} | {variable.type} | {_rest(variable)} |"
    yield ""


def _rest(variable: Variable) -> str:
    unit = variable.unit or ""
    text = f"{variable.label}. {variable.definition}".replace("|", "\\|")
    return f"{unit} | {text}"
