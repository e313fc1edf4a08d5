"""A clock stands at functions that are there: one that has moved would look like one of no time."""

from __future__ import annotations

import pytest

from benchmarks import batch_speed, segment_speed
from benchmarks.stopwatch import Stages, stopwatch


@pytest.mark.parametrize("stages", [segment_speed.STAGES, batch_speed.PARTS], ids=["case", "batch"])
def test_every_stage_that_is_timed_is_there(stages: Stages) -> None:
    with stopwatch(stages) as watch:
        pass
    assert list(watch.ms) == ["other"]
