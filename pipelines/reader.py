"""Reading a delivery's files by many workers: what a hostile one costs is that file alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from corelab.dicom.archive import file_of
from corelab.dicom.digest import bytes_digest
from corelab.dicom.index import digest_or_name, name_for_digest
from corelab.dicom.received import Record, read_received
from corelab.errors import ReasonCode
from corelab.series import LooseFile, Refusal
from pipelines.engine import Crash, Engine
from pipelines.limits import Budget, bounded_computing, bounded_memory
from pipelines.progress import News, Stage, Unit, Watcher

FEWEST_FILES_PER_TASK, MOST_FILES_PER_TASK = 16, 256
TASKS_PER_WORKER = 8
"""Few tasks, since each costs the scheduler milliseconds; enough that no worker waits long."""
FILE_BUDGET = Budget(memory_bytes=3 * 2**29, cpu_s=30)
_SLOWEST_BYTES_PER_S = 4 * 2**20
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTask(Generic[Answer]):
    """Some files, what to do with each, and what one may cost."""

    paths: tuple[Path, ...]
    function: Callable[[Path], Answer]
    budget: Budget


class SpreadReader:
    """Reads received files in the workers of an engine, each file within a budget.

    Parameters
    ----------
    engine, watcher
        Who works, and who is told how far it is.
    budget
        Memory and computing for one file; a large file gets more time.
    """

    def __init__(self, engine: Engine, watcher: Watcher, budget: Budget = FILE_BUDGET) -> None:
        self._engine = engine
        self._watcher = watcher
        self._budget = budget
        self._stages = iter(("reading headers", "reading archives"))

    def records(self, paths: Sequence[Path]) -> Iterable[Record]:
        """Tell what each file is, in any order."""
        stage = next(self._stages, "reading nested archives")
        for path, answer in self._over(stage, read_received, paths):
            yield _lost(path, answer) if isinstance(answer, Crash) else answer

    def digests(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Digest of each file's pixels; files that cannot be read all differ."""
        return {
            path: name_for_digest(path) if isinstance(answer, Crash) else answer
            for path, answer in self._over("comparing copies", digest_or_name, paths)
        }

    def bytes_digests(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """SHA-256 of each file's bytes, empty where they cannot be read."""
        return {
            path: "" if isinstance(answer, Crash) else answer
            for path, answer in self._over("taking digests", bytes_digest, paths)
        }

    def _over(
        self, stage: str, function: Callable[[Path], Answer], paths: Sequence[Path]
    ) -> Iterator[tuple[Path, Answer | Crash]]:
        """Answer for every file; files whose task died are tried again one by one."""
        alone: list[Path] = []
        for task, answers in self._tasks(stage, function, paths, self._share_of(len(paths))):
            if isinstance(answers, Crash):
                alone.extend(task.paths)
            else:
                yield from zip(task.paths, answers, strict=True)
        if not alone:
            return
        for task, answers in self._tasks("one by one", function, alone, 1):
            yield task.paths[0], answers if isinstance(answers, Crash) else answers[0]

    def _share_of(self, n_files: int) -> int:
        share = n_files // (TASKS_PER_WORKER * self._engine.n_workers)
        return min(max(share, FEWEST_FILES_PER_TASK), MOST_FILES_PER_TASK)

    def _tasks(
        self, stage: str, function: Callable[[Path], Answer], paths: Sequence[Path], size: int
    ) -> Iterator[tuple[FileTask[Answer], list[Answer] | Crash]]:
        tasks = [
            FileTask(paths=tuple(paths[n : n + size]), function=function, budget=self._budget)
            for n in range(0, len(paths), size)
        ]
        told: Stage[tuple[FileTask[Answer], list[Answer] | Crash]] = Stage(
            name=stage, total=len(paths), unit=Unit.FILE, news=_news
        )
        return self._watcher.watch(told, self._engine.over(run_files, tasks))


def run_files(task: FileTask[Answer]) -> list[Answer]:
    """Answer for each file of a task, in a worker: all within its memory, each in its time."""
    with bounded_memory(task.budget):
        return [_in_time(task, path) for path in task.paths]


def _news(step: tuple[FileTask[Answer], list[Answer] | Crash]) -> News:
    """Count files; one whose process it ended while it was alone there has failed."""
    task, answers = step
    is_lost = isinstance(answers, Crash) and len(task.paths) == 1
    return News(count=len(task.paths), failed=int(is_lost))


def _in_time(task: FileTask[Answer], path: Path) -> Answer:
    extra_s = _size_bytes(file_of(path)) // _SLOWEST_BYTES_PER_S
    with bounded_computing(replace(task.budget, cpu_s=task.budget.cpu_s + extra_s)):
        return task.function(path)


def _size_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _lost(path: Path, crash: Crash) -> LooseFile:
    if crash.is_death:
        reason = ReasonCode.PARSE_LIMIT
        message = "reading the file ended its process twice: too much computing, or a crash"
    else:
        reason = ReasonCode.INTERNAL_ERROR
        message = f"reading the file stopped with {crash.kind}"
    return LooseFile(
        path=path, refusal=Refusal(reason=reason, message=message, evidence=crash.detail)
    )
