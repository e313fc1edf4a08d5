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
    *("brain_ct", "tissue_ct", "mirror_ratio", "half_maximum"),
    *("working_grid", "infarct_ct", "ct_*"),
)
DWI_MODULES = ("brain_mr", "infarct_dwi", "dwi_*")
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
        for names, values, text in _constants(path)
    ]
    return table(rows, ("number", "in", "value", "why"))


def _constants(path: Path) -> Iterator[tuple[list[str], str, str]]:
    """Names, values and reason of upper-case numbers that a text right below them explains."""
    group: list[tuple[str, str]] = []
    last = 0
    for line in ast.parse(path.read_text("utf-8")).body:
        if line.lineno > last + 1:
            group = []
        last = line.end_lineno or line.lineno
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name = line.targets[0].id
            # Numbers that one text explains together share their first word.
            group = [pair for pair in group if _first_word(pair[0]) == _first_word(name)]
            group.append((name, ast.unparse(line.value)))
        elif isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and group:
            names, values = [name for name, _ in group], [value for _, value in group]
            if all(re.fullmatch(r"[-\d.e, ()*]+", value) for value in values):
                yield names, ", ".join(values), _plain(str(line.value.value))
            group = []


def _first_word(name: str) -> str:
    return name.partition("_")[0]


def _plain(text: str) -> str:
    """One line that a table can hold."""
    return " ".join(text.replace("|", "/").replace("``", "`").split())


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
