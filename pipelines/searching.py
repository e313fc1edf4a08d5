"""The leak audit over many workers, on whose number its result does not depend."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from corelab.blinding.audit import Finder, Gap, Needle, Searched, search_paths
from pipelines.engine import Crash, Engine
from pipelines.progress import News, Stage, Unit, Watcher

_TASKS_PER_WORKER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTask:
    """Some paths under OUT, and what to look for there: packed once for all tasks."""

    out: Path
    paths: tuple[Path, ...]
    packed_needles: bytes


class SpreadSearcher:
    """Searches by the workers of an engine.

    Parameters
    ----------
    engine, watcher
        Who works, and who is told how far it is.
    """

    def __init__(self, engine: Engine, watcher: Watcher) -> None:
        self._engine = engine
        self._watcher = watcher

    def __call__(
        self, out: Path, paths: Sequence[Path], needles: Sequence[Needle]
    ) -> Iterator[Searched]:
        """Search every path; one that takes its worker down alone counts as not searched."""
        n_tasks = max(1, min(len(paths), _TASKS_PER_WORKER * self._engine.n_workers))
        packed = pickle.dumps(tuple(needles), protocol=pickle.HIGHEST_PROTOCOL)
        tasks = [
            SearchTask(out=out, paths=tuple(paths[start::n_tasks]), packed_needles=packed)
            for start in range(n_tasks)
        ]
        lost: list[Path] = []
        for task, result in self._searched("searching for leaks", tasks):
            if isinstance(result, Crash):
                lost += task.paths
            else:
                yield result
        alone = [SearchTask(out=out, paths=(path,), packed_needles=packed) for path in lost]
        for task, result in self._searched("one by one", alone) if alone else ():
            yield _not_searched(task) if isinstance(result, Crash) else result

    def _searched(
        self, name: str, tasks: Sequence[SearchTask]
    ) -> Iterator[tuple[SearchTask, Searched | Crash]]:
        n_paths = sum(len(task.paths) for task in tasks)
        stage = Stage(name=name, total=n_paths, unit=Unit.FILE, news=_news)
        return self._watcher.watch(stage, self._engine.over(search_task, tasks))


def _news(step: tuple[SearchTask, Searched | Crash]) -> News:
    """Count files; one that takes its worker down while it is alone there is not searched."""
    task, result = step
    is_lost = isinstance(result, Crash) and len(task.paths) == 1
    return News(count=len(task.paths), failed=int(is_lost))


def search_task(task: SearchTask) -> Searched:
    """Search the paths of one task, in a worker."""
    return search_paths(task.out, task.paths, _finder_of(task.packed_needles))


@lru_cache(maxsize=1)
def _finder_of(packed: bytes) -> Finder:
    """Build the look-up once in a worker, for all of its tasks."""
    needles: tuple[Needle, ...] = pickle.loads(packed)  # noqa: S301 - our own process packed it
    return Finder(needles)


def _not_searched(task: SearchTask) -> Searched:
    gaps = tuple(Gap(path=path, place="content") for path in task.paths)
    return Searched(leaks=(), gaps=gaps, n_files=len(task.paths), n_bytes=0)
