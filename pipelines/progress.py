"""How far a batch is: bars on a terminal, lines elsewhere, at the latest every half minute."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from corelab.vocab import Case
from pipelines.log import LogFormat, Word, log_format_now, tell

Item = TypeVar("Item")
EVERY_S = 30.0
"""A log shows at least this often that a stage is alive, also while its steps take longer."""
_MINUTE_S, _HOUR_S = 60, 3600
_FINE_RATE = 100


class Unit(Enum):
    """What a stage counts: its name, and the time in which one is expected."""

    CASE = ("cases", "minute", 60.0)
    SERIES = ("series", "minute", 60.0)
    FILE = ("files", "second", 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNews:
    """A case that is done, and the code of why it was not measured where it was not."""

    case: Case
    seconds: float | None
    reason_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one step came to: how many units, how many of them failed, and which case it was."""

    count: int = 1
    failed: int = 0
    case: CaseNews | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Generic[Item]):
    """A stage of a batch: how many units it has, and how to see what a step of it came to."""

    name: str
    total: int
    unit: Unit
    news: Callable[[Item], News]


class Watcher(Protocol):
    """Told of each stage of a batch and of each step in it."""

    def watch(self, stage: Stage[Item], steps: Iterable[Item]) -> Iterator[Item]:
        """Hand the steps on, and show how many units are done and how many failed."""


class Silent:
    """Shows nothing."""

    def watch(self, stage: Stage[Item], steps: Iterable[Item]) -> Iterator[Item]:
        """Hand the steps on."""
        del stage
        yield from steps


class Tally:
    """How far one stage is, since when, and how fast."""

    def __init__(self, total: int, unit: Unit) -> None:
        self.total = total
        self.unit = unit
        self.done = 0
        self.failed = 0
        self._started = time.monotonic()

    def add(self, news: News) -> None:
        """Count what a step came to."""
        self.done += news.count
        self.failed += news.failed

    @property
    def seconds(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self._started

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at the mean pace so far; unknown before the first."""
        return (self.total - self.done) * self.seconds / self.done if self.done else None

    @property
    def rate(self) -> float:
        """Units done in the unit's time."""
        return self.done / max(self.seconds, 1e-3) * self.unit.value[2]

    def __str__(self) -> str:
        """Failures and pace."""
        names, per, _ = self.unit.value
        form = ".1f" if self.rate < _FINE_RATE else ".0f"
        failed = f"{self.failed} failed, " if self.failed else ""
        return f"{failed}{self.rate:{form}} {names} a {per}"

    def words(self, stage: str) -> dict[str, Word]:
        """Say the same as numbers."""
        left_s = self.left_s
        return {
            "stage": stage,
            "unit": self.unit.value[0],
            "done": self.done,
            "total": self.total,
            "failed": self.failed,
            "seconds": round(self.seconds, 3),
            "left_s": None if left_s is None else round(left_s, 1),
        }


class Lines:
    """A line every half minute and one at the end of a stage: for logs and pipes.

    Parameters
    ----------
    every_s
        Seconds between two lines of one stage.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s

    def watch(self, stage: Stage[Item], steps: Iterable[Item]) -> Iterator[Item]:
        """Hand the steps on, and say how far the stage is."""
        tally = Tally(stage.total, stage.unit)
        with _every(self._every_s, lambda: _tell_on_the_way(stage.name, tally)):
            for step in steps:
                yield step
                news = stage.news(step)
                tally.add(news)
                self._note(stage.name, news, tally)
        pace = f" in {_duration(tally.seconds)}, {tally}" if tally.done else ""
        tell("stage_done", f"{stage.name}: {tally.done} done{pace}", tally.words(stage.name))

    def _note(self, stage: str, news: News, tally: Tally) -> None:
        """Say nothing of one step."""


class CaseLines(Lines):
    """Lines as well of every case: for programs that watch a run."""

    def _note(self, stage: str, news: News, tally: Tally) -> None:
        told = news.case
        if told is None:
            return
        words: dict[str, Word] = tally.words(stage) | {
            "subject_code": told.case.subject_code,
            "visit": told.case.visit,
            "seconds": None if told.seconds is None else round(told.seconds, 3),
        }
        if told.reason_code:
            words["reason_code"] = told.reason_code
        level = logging.WARNING if told.reason_code else logging.INFO
        tell("case", f"{told.case.subject_code} {told.case.visit}", words, level=level)


class Bars:
    """A bar a stage, with the time that remains."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def watch(self, stage: Stage[Item], steps: Iterable[Item]) -> Iterator[Item]:
        """Hand the steps on and move the stage's bar."""
        tally = Tally(stage.total, stage.unit)
        task = self._progress.add_task(stage.name, total=stage.total, pace="")
        for step in steps:
            yield step
            news = stage.news(step)
            tally.add(news)
            self._progress.update(task, advance=news.count, pace=str(tally))


@contextmanager
def watcher_for(console: Console) -> Iterator[Watcher]:
    """Bars where somebody looks, lines where nobody does, all of it where a program does."""
    if log_format_now() is LogFormat.JSON:
        yield CaseLines()
        return
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description:<19}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)


def _tell_on_the_way(stage: str, tally: Tally) -> None:
    left_s = tally.left_s
    pace = "" if left_s is None else f", {tally}, {_duration(left_s)} left"
    text = f"{stage}: {tally.done} of {tally.total}{pace}"
    tell("progress", text, tally.words(stage))


def _duration(seconds: float) -> str:
    """Give a duration to two digits or so."""
    if seconds >= _HOUR_S:
        return f"{seconds / _HOUR_S:.1f} h"
    if seconds >= _MINUTE_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds:.0f} s"


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Context in which something is done again and again, beside what goes on."""
    over = threading.Event()

    def act_until_over() -> None:
        while not over.wait(seconds):
            act()

    thread = threading.Thread(target=act_until_over, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
