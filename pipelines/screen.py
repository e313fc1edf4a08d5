"""What commands print of volumes and files: no digit is ever cut by a narrow terminal."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

from corelab.dicom.files import printable
from corelab.series import LooseFile, Outcome, SeriesVerdict
from corelab.vocab import Read

if TYPE_CHECKING:  # it imports all that a case needs
    from pipelines.delivered import Counts

NARROW = 120
"""Columns of a terminal below which a table drops what can be read elsewhere."""

_EXAMPLES = 3
_WIDEST = 1000
_PIPE_WIDTH = 160
_NARROWEST_TEXT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: numbers to the right, words to the left, sentences wrapped.

    Where all its cells are among ``untold`` it says nothing and is left out.
    """

    name: str
    is_number: bool = False
    is_sentence: bool = False
    untold: frozenset[str] = frozenset({""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: a cell for each column, and its style."""

    cells: tuple[str, ...]
    style: str = ""


def table_of(columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    """Table in which only sentences give way to a narrow terminal."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    cells = [[row.cells[place] for row in rows] for place in range(len(columns))]
    shown = [i for i, column in enumerate(columns) if not set(cells[i]) <= column.untold]
    for place in shown:
        _add(table, columns[place], cells[place])
    for row in rows:
        table.add_row(*(row.cells[place] for place in shown), style=row.style)
    return table


def show_whole(console: Console, renderable: RenderableType) -> None:
    """Print a table; one that is too wide runs over the edge instead of losing its digits."""
    options = console.options.update(max_width=_WIDEST)
    needed = Measurement.get(console, options, renderable).minimum
    console.print(renderable, width=max(console.width, needed), crop=False)


_VOLUME_COLUMNS = (
    Column(name="subject"),
    Column(name="visit"),
    Column(name="modality"),
    Column(name="volume\nmL", is_number=True),
    Column(name="low\nmL", is_number=True),
    Column(name="high\nmL", is_number=True),
    Column(name="blood\nmL", is_number=True),
    Column(name="pieces", is_number=True),
    Column(name="side"),
    Column(name="endpoint"),
    Column(name="look because", is_sentence=True),
)
_WIDE_ONLY = frozenset({"blood\nmL", "pieces", "look because"})


def show_volumes(console: Console, reads: Sequence[Read]) -> None:
    """Print the volume of each case, and why a reader must look at it."""
    if not reads:
        return
    is_narrow = console.width < NARROW
    rows = [_volume_row(read) for read in reads]
    if is_narrow:
        rows = [Row(cells=_without_wide(row.cells), style=row.style) for row in rows]
    console.print("Infarct volumes", style="bold")
    show_whole(console, table_of(_VOLUME_COLUMNS, rows))
    console.print()
    for read in reads:
        if is_narrow and read.qc_flags:
            show_plain(console, f"look at {read.subject_code} {read.visit}: {_flags(read)}")


def show_evidence(console: Console, verdicts: Iterable[SeriesVerdict]) -> None:
    """Print the header text and file behind each quarantined series. Not for readers."""
    held = [verdict.series for verdict in verdicts if verdict.outcome is Outcome.QUARANTINED]
    for series in held:
        if series.refusal and series.refusal.evidence:
            number = series.identity.series_number
            name = "series" if number is None else f"series {number}"
            show_plain(console, f"{name}: {series.refusal.evidence}")


def show_loose(console: Console, files: Iterable[LooseFile], incoming: Path) -> None:
    """Print one line for all files that are held back for the same reason."""
    alike: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for loose in files:
        alike[loose.refusal.reason.value, loose.refusal.message].append(loose.path)
    for (reason, message), paths in alike.items():
        names = [str(_below(path, incoming)) for path in paths]
        show_plain(console, f"{counted(len(paths), 'file')} {reason}: {message}: {_some(names)}")


def show_plain(console: Console, text: str) -> None:
    """Print one line that may hold a site's text, in signs that any terminal shows."""
    console.print(printable(text), highlight=False, markup=False, soft_wrap=True)


def counted(number: int, thing: str) -> str:
    """Return a number with what it counts: ``1 file``, ``2 files``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def volume_text(volume_ml: float | None, signed: str = "") -> str:
    """Return a volume with two decimals; nothing where it could not be measured."""
    return "" if volume_ml is None else f"{volume_ml:{signed}.2f}"


def _add(table: Table, column: Column, cells: Iterable[str]) -> None:
    if column.is_sentence:
        table.add_column(column.name, overflow="fold", min_width=_NARROWEST_TEXT)
        return
    widest = max(len(line) for text in (column.name, *cells) for line in text.splitlines())
    table.add_column(
        column.name,
        justify="right" if column.is_number else "left",
        no_wrap=True,
        min_width=widest,
    )


def _volume_row(read: Read) -> Row:
    numbers = read.measurement
    cells = (
        read.subject_code,
        read.visit,
        read.modality.value,
        volume_text(numbers.infarct_volume_ml),
        volume_text(numbers.infarct_volume_low_ml),
        volume_text(numbers.infarct_volume_high_ml),
        volume_text(numbers.haemorrhage_in_infarct_ml),
        str(len(numbers.components)),
        read.hemisphere.value,
        "eligible" if read.is_endpoint_eligible else "NOT ELIGIBLE",
        _flags(read),
    )
    return Row(cells=cells, style="" if read.is_endpoint_eligible else "bold yellow")


def _without_wide(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        "" if column.name in _WIDE_ONLY else cell
        for column, cell in zip(_VOLUME_COLUMNS, cells, strict=True)
    )


def _flags(read: Read) -> str:
    return ", ".join(flag.replace("_", " ") for flag in read.qc_flags)


def _below(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) and path != folder else path


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _EXAMPLES
    return ", ".join(names[:_EXAMPLES]) + (f" and {rest} more" if rest > 0 else "")


def files_line(counts: Counts) -> str:
    """Sum of what became of every file."""
    skipped = ""
    if counts.n_skipped:
        skipped = f"; {counts.n_skipped} skipped that are no files (corelab inspect names them)"
    return (
        f"{counted(counts.n_files, 'file')} = {counts.n_used} used + "
        f"{counts.n_not_needed} not needed + {counts.n_duplicate} duplicate + "
        f"{counts.n_quarantined} quarantined{skipped}"
    )


def standard_output() -> Console:
    """Console on standard output; a pipe takes wide lines."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
