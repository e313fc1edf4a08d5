from __future__ import annotations

import dataclasses
from datetime import datetime
from io import StringIO
from pathlib import Path

from rich.console import Console

from corelab.series import Outcome, Series, SeriesKind, SeriesVerdict
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.screen import show_whole
from pipelines.verdicts import delivery_table, study_table
from tests.factories import make_series

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))


def verdict(series: Series, why: str = "as ct") -> SeriesVerdict:
    return SeriesVerdict(series=series, case=CASE, outcome=Outcome.USED, why=why)


def shown(verdicts: list[SeriesVerdict], width: int = 200) -> str:
    stream = StringIO()
    console = Console(width=width, file=stream)
    show_whole(console, delivery_table("What would be used", verdicts, width))
    return stream.getvalue()


def test_geometry_and_reason_stand_in_one_row() -> None:
    row = shown([verdict(make_series())]).splitlines()[-2]
    cells = [cell.strip() for cell in row.split("  ") if cell.strip()]
    assert cells == ["KX4M7P fu24h", "1", "CT", "4x4", "30", "5.00", "150", "1", "used", "as ct"]


def test_a_column_that_would_say_nothing_is_left_out() -> None:
    series = make_series()
    assert series.grid is not None
    upright = shown([verdict(series)])
    assert not {"images", "tilt", "s/mm²"} & set(upright.split())
    tilted = dataclasses.replace(series, grid=dataclasses.replace(series.grid, tilt_deg=18.5))
    assert "18.5" in shown([verdict(tilted)])


def test_a_narrow_terminal_cuts_no_number_and_no_word() -> None:
    series = make_series()
    assert series.grid is not None
    tilted = dataclasses.replace(
        series,
        b_value_s_mm2=1000.0,
        grid=dataclasses.replace(series.grid, tilt_deg=18.5),
    )
    text = shown([verdict(tilted, why="covers 30 mm, at least 60 needed")], width=80)
    assert {"KX4M7P", "fu24h", "5.00", "150", "18.5", "1000", "needed"} <= set(text.split())
    assert "…" not in text


def test_a_study_is_named_by_patient_time_and_folder(tmp_path: Path) -> None:
    series = make_series()
    moment = datetime.fromisoformat("2024-07-21T19:17:00")
    identity = dataclasses.replace(series.identity, patient_id="PAT-1\x1b[2J", acquired_at=moment)
    series = dataclasses.replace(series, identity=identity, files=(tmp_path / "CD 4" / "a.dcm",))
    stream = StringIO()
    Console(width=200, file=stream).print(study_table(3, [verdict(series)], tmp_path, 200))
    title = stream.getvalue().splitlines()[0].rstrip()
    assert title == (
        "Study 3: patient PAT-1\\x1b[2J, 2024-07-21 19:17, in CD 4, becomes sub-KX4M7P_ses-fu24h"
    )


def test_like_images_of_a_series_share_a_row_with_their_count() -> None:
    one = dataclasses.replace(
        make_series(kind=SeriesKind.DIRECTION), b_value_s_mm2=1000.0, gradient=(1.0, 0.0, 0.0)
    )
    other = dataclasses.replace(one, gradient=(0.0, 1.0, 0.0), files=())
    text = shown([verdict(one), verdict(other)])
    assert text.count("DWI one direction") == 1
    assert "images" in text
    assert "DWI one direction       2" in text


def test_uneven_slices_are_named() -> None:
    series = make_series()
    assert series.grid is not None
    places = tuple(float(k) for k in range(30))
    grid = dataclasses.replace(series.grid, slice_positions_mm=places)
    assert "uneven" in shown([verdict(dataclasses.replace(series, grid=grid))])


def test_parts_in_a_file_that_others_share_say_so() -> None:
    assert "shared" in shown([verdict(dataclasses.replace(make_series(), files=()))])


def test_a_series_without_a_case_is_of_a_numbered_study() -> None:
    other = dataclasses.replace(verdict(make_series("PAT-2", "1.2.9")), case=None)
    table = shown([verdict(make_series()), other])
    assert "KX4M7P" in table
    assert "study 2" in table
    assert "PAT-2" not in table


def test_below_the_head_of_a_study_no_cell_repeats_its_case(tmp_path: Path) -> None:
    stream = StringIO()
    Console(width=200, file=stream).print(study_table(1, [verdict(make_series())], tmp_path, 200))
    title, *rows = stream.getvalue().splitlines()
    assert "KX4M7P" in title
    assert not any("KX4M7P" in row or "case" in row for row in rows)
