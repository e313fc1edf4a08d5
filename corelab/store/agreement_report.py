"""The agreement report: one page for people, a document, and a table of every figure."""

from __future__ import annotations

import base64
import math
import os
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from corelab.kernels.intraclass import Interval
from corelab.store.agreement_plot import comparison_figure, forest_figure, to_pdf, to_png
from corelab.store.column import described
from corelab.store.comparison import (
    AGREEMENT_COLUMNS,
    COMPARISON_WORDS,
    PAIR_COLUMNS,
    AgreementRow,
    Comparison,
    VolumePair,
)
from corelab.store.files import Json, make_folder, write_bytes, write_json, write_text
from corelab.store.layout import Layout
from corelab.store.pages import still_policy, template_text, templates
from corelab.store.table import to_csv
from corelab.vocab import Case, SubjectCode, VisitLabel

MOST_LISTED = 10
"""Cases of a comparison that the page lists, those that differ most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementReport:
    """What the report is of."""

    trial_id: str
    software_version: str
    pairs: tuple[VolumePair, ...]
    rows: tuple[AgreementRow, ...]


class _Links:
    """Ways from the report's folder to the mosaics of an OUT."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder.resolve()
        self._layout = Layout(layout.root.resolve())

    def to(self, pair: VolumePair) -> str:
        """Link to the mosaic of a pair's case."""
        case = Case(SubjectCode(pair.subject_code), VisitLabel(pair.visit))
        return os.path.relpath(self._layout.mosaic(case), self._folder)


def write_agreement(folder: Path, layout: Layout, report: AgreementReport) -> None:
    """Write page, document, tables and dictionary; the same pairs give the same bytes.

    Parameters
    ----------
    folder
        Where they go, made where it is absent.
    layout
        Of the OUT that the pairs are of: the page links to its mosaics.
    report
        What is told.
    """
    make_folder(folder)
    figures = _figures(report)
    forest = forest_figure(report.rows) if report.rows else None
    write_text(folder / "agreement.html", _page(_Links(folder, layout), report, figures, forest))
    write_bytes(
        folder / "agreement.pdf", to_pdf([*figures.values(), *([forest] if forest else [])])
    )
    write_text(
        folder / "agreement.csv",
        to_csv(
            [column.name for column in AGREEMENT_COLUMNS],
            [{c.name: c.value(row) for c in AGREEMENT_COLUMNS} for row in report.rows],
        ),
    )
    write_text(
        folder / "pairs.csv",
        to_csv(
            [column.name for column in PAIR_COLUMNS],
            [{c.name: c.value(pair) for c in PAIR_COLUMNS} for pair in report.pairs],
        ),
    )
    write_json(folder / "agreement.json", _dictionary())


def _dictionary() -> dict[str, Json]:
    return {
        "missing": "An empty cell is a figure that is not defined for these pairs.",
        "agreement": described(AGREEMENT_COLUMNS),
        "pairs": described(PAIR_COLUMNS),
    }


def _figures(report: AgreementReport) -> dict[Comparison, Figure]:
    found = {}
    for row in report.rows:
        comparison = row.group.comparison
        if comparison not in found:  # the first row of a comparison is of all its pairs
            pairs = [pair for pair in report.pairs if pair.comparison is comparison]
            found[comparison] = comparison_figure(row, pairs)
    return found


def _page(
    links: _Links,
    report: AgreementReport,
    figures: dict[Comparison, Figure],
    forest: Figure | None,
) -> str:
    style = template_text("agreement.css")
    return (
        templates()
        .get_template("agreement.html")
        .render(
            trial_id=report.trial_id,
            software_version=report.software_version,
            parts=[_part(links, report, kind, figure) for kind, figure in figures.items()],
            forest=_uri(forest) if forest else "",
            style=style,
            policy=still_policy(style),
        )
    )


def _part(
    links: _Links, report: AgreementReport, comparison: Comparison, figure: Figure
) -> dict[str, object]:
    pairs = [pair for pair in report.pairs if pair.comparison is comparison]
    rows = [row for row in report.rows if row.group.comparison is comparison]
    largest = sorted(pairs, key=lambda pair: (-abs(pair.difference_ml), pair.subject_code))
    return {
        "title": _sentence(COMPARISON_WORDS[comparison]),
        "words": COMPARISON_WORDS[comparison],
        "n": len(pairs),
        "rows": [{"name": _group_name(row), "cells": _row_cells(row)} for row in rows],
        "picture": _uri(figure),
        "largest": [
            {"name": f"{p.subject_code} {p.visit}", "link": links.to(p), "cells": _cells(p)}
            for p in largest[:MOST_LISTED]
        ],
    }


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _group_name(row: AgreementRow) -> str:
    group = row.group
    parts = [part for part in (group.modality, group.visit, group.readers) if part != "all"]
    return ", ".join(parts) or "all"


def _row_cells(row: AgreementRow) -> list[str]:
    return [
        str(row.n),
        _told(row.icc_absolute, 3),
        _told(row.icc_consistency, 3),
        _told(row.bias_ml, 2),
        f"{_number(row.lower_limit_ml.value, 1)} to {_number(row.upper_limit_ml.value, 1)}",
        _told(row.sem_ml, 2),
        _number(row.mdc_ml, 1),
        _told(row.concordance, 3),
        _told(row.kappa, 2),
        _told(row.dice, 2),
    ]


def _told(found: Interval, digits: int) -> str:
    if math.isnan(found.value):
        return "-"
    if math.isnan(found.low):
        return _number(found.value, digits)
    ends = f"{_number(found.low, digits)} to {_number(found.high, digits)}"
    return f"{_number(found.value, digits)} ({ends})"


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _cells(pair: VolumePair) -> list[str]:
    return [
        pair.modality,
        pair.first,
        f"{pair.first_ml:.1f}",
        pair.second,
        f"{pair.second_ml:.1f}",
        f"{pair.difference_ml:+.1f}",
        "-" if pair.dice is None else f"{pair.dice:.2f}",
    ]


def _uri(figure: Figure) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(figure)).decode("ascii")
