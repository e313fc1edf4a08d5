"""The table of a study's series: what each is, whether it is used, and why."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Group
from rich.text import Text

from corelab.dicom.files import printable
from corelab.series import Grid, Outcome, Series, SeriesVerdict, StudyKey
from pipelines.numbering import study_numbers
from pipelines.screen import NARROW, Column, Row, table_of

_STYLE = {
    Outcome.USED: "green",
    Outcome.NOT_NEEDED: "dim",
    Outcome.QUARANTINED: "bold red",
}

_ALONE = frozenset({"1"})
_UPRIGHT = frozenset({"", "0.0"})
_COLUMNS = (
    Column(name="case"),
    Column(name="series", is_number=True),
    Column(name="what", is_sentence=True),
    Column(name="images", is_number=True, untold=_ALONE),
    Column(name="matrix", is_number=True),
    Column(name="slices", is_number=True),
    Column(name="step\nmm", is_number=True),
    Column(name="covers\nmm", is_number=True),
    Column(name="tilt\ndeg", is_number=True, untold=_UPRIGHT),
    Column(name="b\ns/mm²", is_number=True),
    Column(name="files", is_number=True),
    Column(name="outcome"),
    Column(name="why", is_sentence=True),
)


def delivery_table(title: str, verdicts: Sequence[SeriesVerdict], width: int) -> Group:
    """Table of a whole delivery, fit for readers where its series were counted here.

    A study without a case has the number that ``corelab inspect`` heads it with.

    Parameters
    ----------
    title
        Heading; plain text.
    verdicts
        On every series; see :func:`pipelines.numbering.with_counted_series`.
    width
        Columns of the terminal.
    """
    numbers = study_numbers(verdict.series for verdict in verdicts)
    return _table(title, verdicts, width, numbers)


def _table(
    title: str,
    verdicts: Iterable[SeriesVerdict],
    width: int,
    numbers: Mapping[StudyKey, int],
) -> Group:
    """Table with one row for all images of a series that are alike in all that it shows.

    A column that would say nothing (no tilt anywhere, one image in every row) is left out. On a
    narrow terminal the matrix is too, and outcome and reason stand below what a series is,
    where they can be read.

    ``numbers`` name the studies that have no case.
    """
    rows: dict[tuple[Outcome, tuple[str, ...]], list[Series]] = defaultdict(list)
    for verdict in verdicts:
        rows[verdict.outcome, (_name(verdict, numbers), *_words(verdict))].append(verdict.series)
    fold = _folded if width < NARROW else tuple
    lines = [
        Row(cells=fold(_cells(words, series)), style=_STYLE[outcome])
        for (outcome, words), series in rows.items()
    ]
    return Group(Text(title, style="bold"), table_of(_COLUMNS, lines), "")


def study_table(
    number: int, verdicts: Sequence[SeriesVerdict], incoming: Path, width: int
) -> Group:
    """Table of one study, headed by patient, time, folder and case. Not for readers."""
    alone = [replace(verdict, case=None) for verdict in verdicts]
    return _table(_study_title(number, verdicts, incoming), alone, width, {})


def _study_title(number: int, verdicts: Sequence[SeriesVerdict], incoming: Path) -> str:
    identity = verdicts[0].series.identity
    case = verdicts[0].case
    moments = [v.series.identity.acquired_at for v in verdicts if v.series.identity.acquired_at]
    words = [
        f"Study {number}: patient {printable(identity.patient_id.strip()) or 'not named'}",
        f"{min(moments):%Y-%m-%d %H:%M}" if moments else "no date",
        _folder(verdicts, incoming),
        f"becomes {case.stem}" if case else "",
    ]
    return ", ".join(filter(None, words))


def _folder(verdicts: Sequence[SeriesVerdict], incoming: Path) -> str:
    """Deepest folder or archive below INCOMING that holds all files of a study."""
    folders = [path.parent for verdict in verdicts for path in verdict.series.files]
    if not folders or not all(folder.is_relative_to(incoming) for folder in folders):
        return ""
    common = Path(os.path.commonpath(folders)).relative_to(incoming)
    return f"in {printable(common)}" if common.parts else ""


def _cells(words: Sequence[str], series: Sequence[Series]) -> list[str]:
    *before, outcome, why = words
    case, number, what, *geometry = before
    n_files = sum(len(part.files) for part in series)
    files = str(n_files) if n_files else "shared"
    return [case, number, what, str(len(series)), *geometry, files, outcome, why]


def _folded(row: Sequence[str]) -> tuple[str, ...]:
    case, number, what, images, _, *rest, outcome, why = row
    return case, number, f"{what}\n{outcome}: {why}", images, "", *rest, "", ""


def _name(verdict: SeriesVerdict, numbers: Mapping[StudyKey, int]) -> str:
    case = verdict.case
    if case is not None:
        return f"{case.subject_code} {case.visit}"
    number = numbers.get(verdict.series.identity.study_key)
    return "" if number is None else f"study {number}"


def _words(verdict: SeriesVerdict) -> tuple[str, ...]:
    series = verdict.series
    number = series.identity.series_number
    b_value = series.b_value_s_mm2
    return (
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
    uneven = "\nuneven" if grid.slice_positions_mm is not None else ""
    return (
        f"{columns}x{rows}",
        str(slices),
        f"{grid.slice_spacing_mm:.2f}{uneven}",
        f"{grid.coverage_mm:.0f}",
        f"{grid.tilt_deg:.1f}",
    )
