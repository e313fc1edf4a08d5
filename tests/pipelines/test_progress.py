from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.log import LogFormat, log_as
from pipelines.progress import Bars, CaseLines, CaseNews, Lines, News, Stage, Unit, watcher_for

_PATIENCE_S = 30
CASE = Case(SubjectCode("6A9E5P"), VisitLabel("fu24h"))


def odd_fail(number: int) -> News:
    reason = "head_not_found" if number % 2 else None
    told = CaseNews(case=CASE, seconds=float(number), reason_code=reason)
    return News(failed=number % 2, case=told)


def stage(total: int) -> Stage[int]:
    return Stage(name="measuring cases", total=total, unit=Unit.CASE, news=odd_fail)


def test_a_stage_ends_with_a_line_of_what_was_done_what_failed_and_the_pace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(Lines().watch(stage(3), [1, 2, 3])) == [1, 2, 3]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("measuring cases: 3 done in 0 s, 2 failed, ")
    assert line.endswith(" cases a minute")


def test_a_stage_without_steps_has_no_pace(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(Lines().watch(stage(0), [])) == []
    assert capsys.readouterr().err == "measuring cases: 0 done\n"


def test_a_log_shows_life_while_one_step_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    heard = []

    def steps() -> Iterator[int]:
        yield 1
        end = time.monotonic() + _PATIENCE_S
        while not any("1 of 2" in text for text in heard):
            assert time.monotonic() < end
            time.sleep(0.01)
            heard.append(capsys.readouterr().err)
        yield 2

    assert list(Lines(every_s=0.01).watch(stage(2), steps())) == [1, 2]
    line = next(text for text in "".join(heard).splitlines() if "1 of 2" in text)
    assert line.startswith("measuring cases: 1 of 2, 1 failed, ")
    assert line.endswith(" s left")


def test_nothing_is_said_any_more_of_a_stage_that_broke_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watched = Lines(every_s=0.01).watch(stage(2), [1, 2])
    next(watched)
    watched.close()  # type: ignore[attr-defined] - a generator
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_a_unit_of_several_files_counts_each_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    files: Stage[int] = Stage(
        name="reading headers", total=30, unit=Unit.FILE, news=lambda n: News(count=n)
    )
    list(Lines().watch(files, [10, 20]))
    line = capsys.readouterr().err
    assert line.startswith("reading headers: 30 done in 0 s, ")
    assert line.endswith(" files a second\n")
    assert "failed" not in line


def test_bars_show_failures_and_pace() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=160)
    with watcher_for(console) as watcher:
        assert isinstance(watcher, Bars)
        assert list(watcher.watch(stage(3), [1, 2, 3])) == [1, 2, 3]
    assert "3/3" in screen.getvalue()
    assert "2 failed, " in screen.getvalue()
    assert "cases a minute" in screen.getvalue()


def test_json_tells_every_case_with_its_seconds_and_why_it_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Console(force_terminal=True)
    with log_as(LogFormat.JSON), watcher_for(terminal) as watcher:
        assert isinstance(watcher, CaseLines)
        list(watcher.watch(stage(2), [1, 2]))
    failed, measured, end = map(json.loads, capsys.readouterr().err.splitlines())
    assert (failed["event"], failed["level"]) == ("case", "warning")
    assert (failed["subject_code"], failed["visit"]) == ("6A9E5P", "fu24h")
    assert (failed["reason_code"], failed["seconds"]) == ("head_not_found", 1.0)
    assert (failed["done"], failed["total"], failed["failed"]) == (1, 2, 1)
    assert measured["level"] == "info"
    assert "reason_code" not in measured
    assert (end["event"], end["stage"], end["done"], end["failed"]) == (
        "stage_done",
        "measuring cases",
        2,
        1,
    )
