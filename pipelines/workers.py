"""Who does the work of a command, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from pipelines.engine import Engine, open_engine
from pipelines.progress import Watcher, watcher_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who does the work: local processes, or those of a running scheduler."""

    count: int | None
    scheduler: str | None


@contextmanager
def at_work(workers: Workers) -> Iterator[tuple[Engine, Watcher]]:
    """Workers, and a watcher on the terminal."""
    with (
        open_engine(n_workers=workers.count, scheduler=workers.scheduler) as engine,
        watcher_for(Console(stderr=True)) as watcher,
    ):
        yield engine, watcher
