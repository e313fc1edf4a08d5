"""What a real batch sends to its workers and gets back."""

from __future__ import annotations

import pickle
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pipelines.engine import Crash, Engine
from pipelines.followup import run_batch
from pipelines.progress import Silent
from pipelines.request import BatchRequest
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "sample_data"
DELIVERED = ("Delacourt_Rosamund 009809779", "Soerbye_Ingeborg MRN-2225682")
SMALL_BYTES = 100_000
"""One slice of one image is more."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Scales:
    """An engine that weighs what it hands on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.n_workers = engine.n_workers
        self.weights: defaultdict[str, list[int]] = defaultdict(list)

    def over(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result | Crash]]:
        for item, result in self._engine.over(function, items):
            self.weights[function.__name__].append(len(pickle.dumps((item, result))))
            yield item, result


def test_a_case_is_one_task_that_passes_small_records_and_headers_are_read_by_many_tasks(
    engine: Engine, tmp_path: Path
) -> None:
    for name in DELIVERED:
        shutil.copytree(SAMPLE / "incoming" / name, tmp_path / "incoming" / name)
    request = BatchRequest(
        incoming=tmp_path / "incoming",
        trial_file=REPOSITORY / "configs" / "demo.toml",
        out=tmp_path / "out",
        subjects_file=SAMPLE / "subjects.csv",
        vault=tmp_path / "vault",
    )
    scales = Scales(engine)
    run_batch(request, scales, Silent())  # type: ignore[arg-type] - all that a batch asks of it
    assert len(scales.weights["run_timed_case"]) == 2
    assert max(scales.weights["run_timed_case"]) < SMALL_BYTES
    assert len(scales.weights["run_files"]) > 1
