"""How far a batch is: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")


class Watcher(Protocol):
    """Told of each stage of a batch and of each step in it."""

    def watch(self, stage: str, steps: Iterable[Item], total: int) -> Iterator[Item]:
        """Hand the steps on, and show how many of them are done."""


class Silent:
    """Shows nothing."""

    def watch(self, stage: str, steps: Iterable[Item], total: int) -> Iterator[Item]:
        """Hand the steps on."""
        del stage, total
        yield from steps


class Lines:
    """One line a stage: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def watch(self, stage: str, steps: Iterable[Item], total: int) -> Iterator[Item]:
        """Hand the steps on, then say how many there were."""
        yield from steps
        self._console.print(f"{stage}: {total} done", highlight=False)


class Bars:
    """A bar a stage, with the time that remains."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def watch(self, stage: str, steps: Iterable[Item], total: int) -> Iterator[Item]:
        """Hand the steps on and move the stage's bar."""
        task = self._progress.add_task(stage, total=total)
        for step in steps:
            yield step
            self._progress.advance(task)


@contextmanager
def watcher_for(console: Console) -> Iterator[Watcher]:
    """Bars where somebody looks, lines where nobody does."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)
