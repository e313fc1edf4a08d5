"""The agreement report: one page for people, a document, and a table of every figure."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from matplotlib.figure import Figure

from corelab.kernels.intraclass import Interval
from corelab.store.agreement_plot import (
    Line,
    aligned,
    comparison_figure,
    forest_figure,
    text_figures,
    to_pdf,
    to_png,
)
from corelab.store.column import Column, described
from corelab.store.comparison import (
    COMPARISON_WORDS,
    AgreementRow,
    Comparison,
    LeftOut,
    Pairs,
    VolumePair,
)
from corelab.store.comparison_columns import (
    AGREEMENT_COLUMNS,
    LEFT_OUT_COLUMNS,
    PAIR_COLUMNS,
)
from corelab.store.csv_table import to_csv
from corelab.store.files import Json, make_folder, write_bytes, write_json, write_text
from corelab.store.layout import Layout
from corelab.store.pages import still_policy, template_text, templates
from corelab.vocab import Case, SubjectCode, VisitLabel

MOST_LISTED = 10
"""Cases of a comparison that the page lists, those that differ most."""
_VOLUME_HEADS = (
    "n",
    "ICC(2,1)",
    "ICC(3,1)",
    "CCC",
    "bias, mL",
    "limits of agreement, mL",
    "SEM, mL",
    "MDC, mL",
)
_OTHER_HEADS = (
    "bias, ratio of mL + 1",
    "limits, ratio",
    "bias, cube root",
    "limits, cube root",
    "kappa, infarct or none",
    "Dice, median",
    "HD95, mm, median",
    "ASSD, mm, median",
)
_CASE_HEADS = ("modality", "first", "mL", "second", "mL", "difference, mL", "Dice")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementReport:
    """What the report is of."""

    trial_id: str
    software_version: str
    found: Pairs
    rows: tuple[AgreementRow, ...]

    def pairs_of(self, comparison: Comparison) -> list[VolumePair]:
        """Return the pairs of one comparison."""
        return [pair for pair in self.found.pairs if pair.comparison is comparison]

    def left_out_of(self, comparison: Comparison) -> list[LeftOut]:
        """Return the reads of one comparison that give no pair."""
        return [one for one in self.found.left_out if one.comparison is comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """One case of the list of largest differences."""

    name: str
    link: str
    cells: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What page and document say of one comparison."""

    comparison: Comparison
    title: str
    counts: tuple[str, ...]
    volume_rows: list[tuple[str, list[str]]]
    other_rows: list[tuple[str, list[str]]]
    largest: list[_Listed]


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
    parts = [_part_of(_Links(folder, layout), report, comparison) for comparison in figures]
    forest = forest_figure(report.rows) if report.rows else None
    write_text(folder / "agreement.html", _page(report, parts, figures, forest))
    write_bytes(folder / "agreement.pdf", to_pdf(_document(report, parts, figures, forest)))
    write_text(folder / "agreement.csv", _table(AGREEMENT_COLUMNS, report.rows))
    write_text(folder / "pairs.csv", _table(PAIR_COLUMNS, report.found.pairs))
    write_text(folder / "left_out.csv", _table(LEFT_OUT_COLUMNS, report.found.left_out))
    write_json(folder / "agreement.json", _dictionary())


def _table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> str:
    cells = [{column.name: column.value(row) for column in columns} for row in rows]
    return to_csv([column.name for column in columns], cells)


def _dictionary() -> dict[str, Json]:
    return {
        "missing": "An empty cell is a figure that is not defined for these pairs.",
        "agreement": described(AGREEMENT_COLUMNS),
        "pairs": described(PAIR_COLUMNS),
        "left_out": described(LEFT_OUT_COLUMNS),
    }


def _figures(report: AgreementReport) -> dict[Comparison, Figure]:
    found = {}
    for row in report.rows:
        comparison = row.group.comparison
        if comparison not in found:  # the first row of a comparison is of all its pairs
            found[comparison] = comparison_figure(row, report.pairs_of(comparison))
    return found


def _page(
    report: AgreementReport,
    parts: Sequence[_Part],
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
            parts=[(part, _uri(figures[part.comparison])) for part in parts],
            volume_heads=_VOLUME_HEADS,
            other_heads=_OTHER_HEADS,
            case_heads=_CASE_HEADS,
            forest=_uri(forest) if forest else "",
            style=style,
            policy=still_policy(style),
        )
    )


def _document(
    report: AgreementReport,
    parts: Sequence[_Part],
    figures: dict[Comparison, Figure],
    forest: Figure | None,
) -> list[Figure]:
    """Pages of the document: figures of each comparison, its numbers and cases, the forest."""
    pages = []
    for part in parts:
        head = f"Trial {report.trial_id}, corelab {report.software_version}. {part.title}"
        pages += [figures[part.comparison], *text_figures(head, _lines(part))]
    return [*pages, forest] if forest else pages


def _lines(part: _Part) -> list[Line]:
    """Numbers and cases of a comparison, as lines of a page."""
    volumes = [(name, *cells) for name, cells in part.volume_rows]
    others = [(name, *cells) for name, cells in part.other_rows]
    cases = [(case.name, *case.cells) for case in part.largest]
    links = [None, *(case.link for case in part.largest)]
    listed = zip(aligned([("case", *_CASE_HEADS), *cases]), links, strict=True)
    return [
        *(Line(text) for text in part.counts),
        Line(""),
        *(Line(text) for text in aligned([("cases", *_VOLUME_HEADS), *volumes])),
        Line(""),
        *(Line(text) for text in aligned([("cases", *_OTHER_HEADS), *others])),
        Line(""),
        Line("Largest differences"),
        *(Line(text, link) for text, link in listed),
    ]


def _part_of(links: _Links, report: AgreementReport, comparison: Comparison) -> _Part:
    pairs = report.pairs_of(comparison)
    rows = [row for row in report.rows if row.group.comparison is comparison]
    largest = sorted(pairs, key=lambda pair: (-abs(pair.difference_ml), pair.subject_code))
    return _Part(
        comparison=comparison,
        title=_sentence(COMPARISON_WORDS[comparison]),
        counts=tuple(_counts(pairs, report.left_out_of(comparison))),
        volume_rows=[(_group_name(row), _volume_cells(row)) for row in rows],
        other_rows=[(_group_name(row), _other_cells(row)) for row in rows],
        largest=[
            _Listed(name=f"{p.subject_code} {p.visit}", link=links.to(p), cells=_cells(p))
            for p in largest[:MOST_LISTED]
        ],
    )


def _counts(pairs: Sequence[VolumePair], left_out: Sequence[LeftOut]) -> Iterator[str]:
    firsts, seconds = {pair.first for pair in pairs}, {pair.second for pair in pairs}
    is_one_pair = len(firsts) == len(seconds) == 1 and firsts != seconds
    told = f"{seconds.pop()} minus {firsts.pop()}" if is_one_pair else "second minus first"
    yield f"{len(pairs)} pairs; differences are {told}."
    if left_out:
        both = sum(not (one.is_first_assessable or one.is_second_assessable) for one in left_out)
        yield (
            f"Without a pair: {len(left_out)} (not assessable by one: {len(left_out) - both}, "
            f"by both: {both}; left_out.csv)."
        )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _group_name(row: AgreementRow) -> str:
    group = row.group
    parts = [part for part in (group.modality, group.visit, group.readers) if part != "all"]
    return ", ".join(parts) or "all"


def _volume_cells(row: AgreementRow) -> list[str]:
    return [
        str(row.n),
        _told(row.icc_absolute, 3),
        _told(row.icc_consistency, 3),
        _told(row.concordance, 3),
        _told(row.bias_ml, 2),
        _limits(row.lower_limit_ml, row.upper_limit_ml, 1),
        _told(row.sem_ml, 2),
        _number(row.mdc_ml, 1),
    ]


def _other_cells(row: AgreementRow) -> list[str]:
    return [
        _told(row.bias_ratio, 2),
        _limits(row.lower_limit_ratio, row.upper_limit_ratio, 2),
        _told(row.bias_cube_root, 2),
        _limits(row.lower_limit_cube_root, row.upper_limit_cube_root, 2),
        _told(row.kappa, 2),
        _told(row.dice, 2),
        _told(row.hd95_mm, 1),
        _told(row.assd_mm, 1),
    ]


def _limits(lower: Interval, upper: Interval, digits: int) -> str:
    return f"{_number(lower.value, digits)} to {_number(upper.value, digits)}"


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
