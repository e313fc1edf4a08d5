"""The parameter tables of docs/method.md, written from the code so that they cannot differ.

``python -m benchmarks.method_parameters`` rewrites what stands between the page's markers: every
parameter with its default and what its docstring says, and every fixed number that the kernels
give a reason for.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contest import table
from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.dwi_parameters import DwiParameters

REPOSITORY = Path(__file__).parents[1]
PAGE = REPOSITORY / "docs" / "method.md"
KERNELS = REPOSITORY / "corelab" / "kernels"
CT_MODULES = (
    "brain_ct",
    "tissue_ct",
    "mirror_ratio",
    "half_maximum",
    "working_grid",
    "infarct_ct",
    "ct_*",
    "solidity",
    "hounsfield",
    "skull_gap",
    "swelling",
)
DWI_MODULES = ("brain_mr", "infarct_dwi", "dwi_*")
ARITHMETIC = frozenset({"HALF", "PARTS", "DECIMALS", "MM3_PER_ML", "MM2_PER_CM2", "MAD_TO_SIGMA"})
"""Numbers that nobody chose for a method."""

METHODS: dict[str, type[tuple[object, ...]]] = {"ct": CtParameters, "dwi": DwiParameters}


def tables() -> dict[str, str]:
    """Every table by the name of its marker."""
    found = {name: _parameters(method) for name, method in METHODS.items()}
    return found | {"ct-fixed": _fixed(CT_MODULES), "dwi-fixed": _fixed(DWI_MODULES)}


def with_tables(page: str) -> str:
    """Return the page with what the code says between its markers."""
    for name, text in tables().items():
        start, end = (
            f"<!-- {name}: written by benchmarks.method_parameters -->",
            f"<!-- /{name} -->",
        )
        if page.count(start) != 1 or page.count(end) != 1:
            raise SystemExit(f"{PAGE.name} needs one pair of markers for {name}")
        before, rest = page.split(start)
        page = f"{before}{start}\n\n{text}\n\n{end}{rest.split(end)[1]}"
    return page


def _parameters(method: type[tuple[object, ...]]) -> str:
    defaults: dict[str, object] = getattr(method, "_field_defaults")  # noqa: B009 - a NamedTuple's
    rows = [
        (", ".join(f"`{name}`" for name in names), _values(names, defaults), text)
        for names, text in _attributes(method)
    ]
    known = {name for names, _ in _attributes(method) for name in names}
    rows += [(f"`{name}`", _values([name], defaults), "") for name in defaults if name not in known]
    sources = _plain(
        (inspect.getdoc(method) or "").partition("\n\n")[2].partition("Attributes\n---")[0]
    )
    text = table(rows, ("parameter", "default", "what it does, and where it comes from"))
    return f"{sources}\n\n{text}".strip()


def _values(names: list[str], defaults: dict[str, object]) -> str:
    return ", ".join(_value(defaults[name]) for name in names)


def _value(value: object) -> str:
    fields = getattr(value, "_fields", None)
    if fields and isinstance(value, tuple):
        return "; ".join(f"{name} {_value(part)}" for name, part in zip(fields, value, strict=True))
    if isinstance(value, tuple):
        separator = "<br>" if any(isinstance(part, tuple) for part in value) else " to "
        return separator.join(map(_value, value))
    return "not set" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _attributes(method: type) -> Iterator[tuple[list[str], str]]:
    """Names and text of each entry under ``Attributes`` in a docstring."""
    _, _, section = (inspect.getdoc(method) or "").partition("Attributes\n----------\n")
    for entry in re.split(r"\n(?=\S)", section):
        head, _, text = entry.partition("\n")
        names = [name.strip() for name in head.partition(" :")[0].split(",")]
        yield names, _plain(text)


def _fixed(modules: tuple[str, ...]) -> str:
    rows = [
        (", ".join(f"`{name}`" for name in names), f"`{path.stem}`", values, text)
        for pattern in modules
        for path in sorted(KERNELS.glob(f"{pattern}.py"))
        if not path.stem.endswith("_parameters")
        for names, values, text in numbers_of(path)
    ]
    return table(rows, ("number", "in", "value", "why"))


def numbers_of(path: Path) -> Iterator[tuple[list[str], str, str]]:
    """Names, values and reason of upper-case numbers: a text explains all right above it.

    Parameters
    ----------
    path
        Of a module.

    Raises
    ------
    SystemExit
        When a number has no text.
    """
    group: list[tuple[str, str]] = []
    last = 0
    for line in ast.parse(path.read_text("utf-8")).body:
        is_next, last = line.lineno == last + 1, line.end_lineno or line.lineno
        if not is_next:
            _require_none(group, path)
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and is_next:
            if group:
                names, values = zip(*group, strict=True)
                yield list(names), ", ".join(values), _plain(str(line.value.value))
            group = []
        else:
            group += _number(line)
    _require_none(group, path)


def _number(line: ast.stmt) -> list[tuple[str, str]]:
    """Name and value of an upper-case number of a method, none for any other line."""
    if not (isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)):
        return []
    name, value = line.targets[0].id, ast.unparse(line.value)
    is_one = name.isupper() and not name.startswith("_") and name not in ARITHMETIC
    return [(name, value)] if is_one and re.fullmatch(r"[-\d.e, ()*]+", value) else []


def _require_none(group: list[tuple[str, str]], path: Path) -> None:
    if group:
        names = ", ".join(name for name, _ in group)
        raise SystemExit(f"{path.name} does not say why {names}: a text right below must")


def _plain(text: str) -> str:
    """One line that a table can hold."""
    return " ".join(text.replace("|", "/").replace("``", "`").split())


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
