"""Figures of the agreement report: scatter, Bland-Altman on two scales, forest by group."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from corelab.store.comparison import COMPARISON_WORDS, AgreementRow, VolumePair

_PAGE_INCHES = (11.0, 7.6)
_DOTS_PER_INCH = 110
_ROOM = 1.06
_INTERVAL_ALPHA = 0.15
_DOT, _LINE = "#0b6aa8", "#96172e"
_LINES_A_PAGE, _TEXT_POINTS = 50, 6.5
_LEAST_SHOWN = -0.25
_TICKS_ML = (0, 1, 5, 10, 25, 50, 100, 200, 400)


class Line(NamedTuple):
    """A line of a page, and where it leads."""

    text: str
    link: str | None = None


def comparison_figure(row: AgreementRow, pairs: Sequence[VolumePair]) -> Figure:
    """Scatter and Bland-Altman plots of one comparison's pairs.

    Parameters
    ----------
    row
        Figures of all the pairs.
    pairs
        At least one.
    """
    figure = Figure(figsize=_PAGE_INCHES, layout="constrained")
    figure.suptitle(COMPARISON_WORDS[row.group.comparison])
    axes = figure.subplots(2, 2)
    _scatter(axes[0, 0], pairs)
    _scatter(axes[0, 1], pairs)
    _cube_root_axes(axes[0, 1], pairs)
    _bland_altman(axes[1, 0], pairs, row)
    _bland_altman_of_roots(axes[1, 1], pairs, row)
    return figure


def forest_figure(rows: Sequence[AgreementRow]) -> Figure:
    """ICC(2,1) with its interval, one line a group."""
    figure = Figure(figsize=(_PAGE_INCHES[0], 1.4 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        found = row.icc_absolute
        if math.isnan(found.value):
            axes.annotate("not defined", (0, place), va="center", fontsize=8, color="0.4")
            continue
        if not math.isnan(found.low):
            axes.plot([found.low, found.high], [place, place], color=_DOT, linewidth=2)
        axes.plot(found.value, place, "s", color=_DOT, markersize=6)
    axes.set_yticks(range(len(rows)), [_name(row) for row in reversed(rows)])
    lowest = min((low for row in rows if not math.isnan(low := _lowest(row))), default=0.0)
    axes.set(
        xlim=(min(_LEAST_SHOWN, lowest * _ROOM), 1.02),
        ylim=(-0.7, len(rows) - 0.3),
        xlabel="ICC(2,1), 95 % interval",
    )
    axes.axvline(1, color="0.7", linewidth=1)
    axes.axvline(0, color="0.7", linewidth=1)
    return figure


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of equal columns, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def text_figures(title: str, lines: Sequence[Line]) -> list[Figure]:
    """Pages of lines in a type of equal widths, each under the title."""
    pages = []
    for start in range(0, len(lines), _LINES_A_PAGE):
        figure = Figure(figsize=_PAGE_INCHES)
        figure.text(0.04, 0.955, title, fontsize=10)
        for place, line in enumerate(lines[start : start + _LINES_A_PAGE]):
            figure.text(
                0.04,
                0.915 - place * 0.9 / _LINES_A_PAGE,
                line.text,
                family="monospace",
                fontsize=_TEXT_POINTS,
                color=_DOT if line.link else "black",
                url=line.link,
            )
        pages.append(figure)
    return pages


def to_png(figure: Figure) -> bytes:
    """Bytes of a figure, the same on every run."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return stream.getvalue()


def to_pdf(figures: Sequence[Figure]) -> bytes:
    """Bytes of a document with one figure a page, the same on every run."""
    stream = io.BytesIO()
    untold = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    with PdfPages(stream, metadata=untold) as pages:
        for figure in figures:
            pages.savefig(figure)
    return stream.getvalue()


def _scatter(axes: Axes, pairs: Sequence[VolumePair]) -> None:
    first, second = _volumes(pairs)
    top = _top(pairs)
    axes.plot([0, top], [0, top], color="0.6", linewidth=1)
    axes.plot(first, second, "o", color=_DOT, markersize=5, alpha=0.8)
    axes.set(xlabel=f"{_first_name(pairs)}, mL", ylabel=f"{_second_name(pairs)}, mL")
    axes.set(xlim=(0, top), ylim=(0, top))


def _cube_root_axes(axes: Axes, pairs: Sequence[VolumePair]) -> None:
    top = _top(pairs)
    ticks = [tick for tick in _TICKS_ML if tick <= top]
    for scale, place in ((axes.set_xscale, axes.set_xticks), (axes.set_yscale, axes.set_yticks)):
        scale("function", functions=(np.cbrt, lambda root: root**3))
        place(ticks)
    axes.set_title("cube-root scale", fontsize=10)


def _bland_altman(axes: Axes, pairs: Sequence[VolumePair], row: AgreementRow) -> None:
    first, second = _volumes(pairs)
    axes.plot((first + second) / 2, second - first, "o", color=_DOT, markersize=5, alpha=0.8)
    for found, style in (
        (row.bias_ml, "-"),
        (row.lower_limit_ml, "--"),
        (row.upper_limit_ml, "--"),
    ):
        _level(axes, found, style)
    axes.set(xlabel="mean of both, mL", ylabel="second - first, mL")
    axes.set_title("bias and 95 % limits of agreement, with intervals", fontsize=10)


def _bland_altman_of_roots(axes: Axes, pairs: Sequence[VolumePair], row: AgreementRow) -> None:
    first, second = (np.cbrt(volumes) for volumes in _volumes(pairs))
    axes.plot((first + second) / 2, second - first, "o", color=_DOT, markersize=5, alpha=0.8)
    for found, style in (
        (row.bias_cube_root, "-"),
        (row.lower_limit_cube_root, "--"),
        (row.upper_limit_cube_root, "--"),
    ):
        _level(axes, found, style)
    axes.set(xlabel="mean of cube roots", ylabel="difference of cube roots")
    axes.set_title("the same of cube roots", fontsize=10)


def _level(axes: Axes, found: tuple[float, float, float], style: str) -> None:
    value, low, high = found
    if math.isnan(value):
        return
    axes.axhspan(low, high, color=_LINE, alpha=_INTERVAL_ALPHA, linewidth=0)
    axes.axhline(value, color=_LINE, linestyle=style, linewidth=1)
    axes.annotate(
        f"{value:+.2f}",
        (1.0, value),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        fontsize=9,
    )


def _lowest(row: AgreementRow) -> float:
    found = row.icc_absolute
    return found.value if math.isnan(found.low) else found.low


def _volumes(pairs: Sequence[VolumePair]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array([(pair.first_ml, pair.second_ml) for pair in pairs])
    return table[:, 0], table[:, 1]


def _top(pairs: Sequence[VolumePair]) -> float:
    return max(1.0, *(max(pair.first_ml, pair.second_ml) for pair in pairs)) * _ROOM


def _first_name(pairs: Sequence[VolumePair]) -> str:
    names = {pair.first for pair in pairs}
    return names.pop() if len(names) == 1 else "first read"


def _second_name(pairs: Sequence[VolumePair]) -> str:
    names = {pair.second for pair in pairs}
    return names.pop() if len(names) == 1 else "second read"


def _name(row: AgreementRow) -> str:
    group = row.group
    parts = [part for part in (group.modality, group.visit, group.readers) if part != "all"]
    return f"{group.comparison.value.replace('_', ' ')}: {', '.join(parts) or 'all'} (n {row.n})"
