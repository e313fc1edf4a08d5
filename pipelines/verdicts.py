"""The table of a study's series: what each is, whether it is used, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich.table import Table

from corelab.series import Grid, Outcome, Series, SeriesVerdict

_STYLE = {
    Outcome.USED: "green",
    Outcome.NOT_NEEDED: "dim",
    Outcome.QUARANTINED: "bold red",
}
_NUMBERS = ("images", "matrix", "slices", "step mm", "covers mm", "tilt", "b", "files")


def verdict_table(title: str, verdicts: Iterable[SeriesVerdict]) -> Table:
    """Table with one row for all images of a series that are alike in all that it shows.

    Parameters
    ----------
    title
        Heading.
    verdicts
        Of one study or of many; the case is shown where there are several.
    """
    rows: dict[tuple[Outcome, tuple[str, ...]], list[Series]] = defaultdict(list)
    verdicts = tuple(verdicts)
    several = len({verdict.case for verdict in verdicts}) > 1
    for verdict in verdicts:
        rows[verdict.outcome, _words(verdict)].append(verdict.series)
    table = Table(title=title)
    if several:
        table.add_column("case")
    table.add_column("series", justify="right")
    table.add_column("what")
    for name in _NUMBERS:
        table.add_column(name, justify="right")
    table.add_column("outcome")
    table.add_column("why", overflow="fold")
    for (outcome, words), series in rows.items():
        cells = _cells(words, series)
        table.add_row(*(cells if several else cells[1:]), style=_STYLE[outcome])
    return table


def _cells(words: Sequence[str], series: Sequence[Series]) -> list[str]:
    *before, outcome, why = words
    case, number, what, *geometry = before
    n_files = sum(len(part.files) for part in series)
    files = str(n_files) if n_files else "shared"
    return [case, number, what, str(len(series)), *geometry, files, outcome, why]


def _words(verdict: SeriesVerdict) -> tuple[str, ...]:
    series, case = verdict.series, verdict.case
    number = series.identity.series_number
    b_value = series.b_value_s_mm2
    return (
        f"{case.subject_code} {case.visit}" if case else "",
        "" if number is None else str(number),
        series.kind.value,
        *_geometry(series.grid, len(series.frames)),
        "" if b_value is None else f"{b_value:.0f}",
        verdict.outcome.value,
        verdict.why,
    )


def _geometry(grid: Grid | None, n_frames: int) -> tuple[str, ...]:
    """Matrix, slices, step, coverage and tilt; only the count of frames where no grid is known."""
    if grid is None:
        return "", str(n_frames), "", "", ""
    columns, rows, slices = grid.shape
    uneven = " uneven" if grid.slice_positions_mm is not None else ""
    return (
        f"{columns} x {rows}",
        str(slices),
        f"{grid.slice_spacing_mm:.2f}{uneven}",
        f"{grid.coverage_mm:.0f}",
        f"{grid.tilt_deg:.1f}",
    )
