from __future__ import annotations

import dataclasses
from io import StringIO

from rich.console import Console

from corelab.series import Outcome, Series, SeriesKind, SeriesVerdict
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.verdicts import verdict_table
from tests.factories import make_series

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))


def verdict(series: Series, why: str = "as ct") -> SeriesVerdict:
    return SeriesVerdict(series=series, case=CASE, outcome=Outcome.USED, why=why)


def shown(verdicts: list[SeriesVerdict]) -> str:
    stream = StringIO()
    Console(width=200, file=stream).print(verdict_table("Study 1", verdicts))
    return stream.getvalue()


def test_geometry_and_reason_stand_in_one_row() -> None:
    row = shown([verdict(make_series())]).splitlines()[-2]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["1", "CT", "1", "4 x 4", "30", "5.00", "150", "0.0", "", "1", "used", "as ct"]


def test_like_images_of_a_series_share_a_row_with_their_count() -> None:
    one = dataclasses.replace(
        make_series(kind=SeriesKind.DIRECTION), b_value_s_mm2=1000.0, gradient=(1.0, 0.0, 0.0)
    )
    other = dataclasses.replace(one, gradient=(0.0, 1.0, 0.0), files=())
    text = shown([verdict(one), verdict(other)])
    assert text.count("DWI one direction") == 1
    assert "│      2 │" in text


def test_uneven_slices_are_named() -> None:
    series = make_series()
    assert series.grid is not None
    places = tuple(float(k) for k in range(30))
    grid = dataclasses.replace(series.grid, slice_positions_mm=places)
    assert "5.00 uneven" in shown([verdict(dataclasses.replace(series, grid=grid))])


def test_parts_in_a_file_that_others_share_say_so() -> None:
    assert "shared" in shown([verdict(dataclasses.replace(make_series(), files=()))])


def test_the_case_is_shown_where_there_are_several() -> None:
    other = dataclasses.replace(verdict(make_series()), case=None)
    assert "KX4M7P" in shown([verdict(make_series()), other])
    assert "KX4M7P" not in shown([verdict(make_series())])
