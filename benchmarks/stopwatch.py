"""Time by stage: the functions named are wrapped while a stopwatch runs.

A stage's time is its own: what a stage that it calls takes counts for that one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import TypeVar

Value = TypeVar("Value")

Stages = Mapping[str, tuple[str, ...]]
"""Functions as ``module:name`` or ``module:Class.name``, where they are looked up, by stage."""


class Stopwatch:
    """Milliseconds by stage, of the processor or another clock; ``other`` is what no stage took."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.ms: defaultdict[str, float] = defaultdict(float)
        self._clock = clock
        self._running = ["other"]
        self._since = clock()

    def timed(self, stage: str, function: Callable[..., Value]) -> Callable[..., Value]:
        """Return the function, its time counted for a stage."""

        @wraps(function)
        def run(*args: object, **kwargs: object) -> Value:
            self._switch()
            self._running.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self._switch()
                self._running.pop()

        return run

    def _switch(self) -> None:
        now = self._clock()
        self.ms[self._running[-1]] += 1e3 * (now - self._since)
        self._since = now


@contextmanager
def stopwatch(
    stages: Stages, clock: Callable[[], float] = time.process_time
) -> Iterator[Stopwatch]:
    """Time the stages' functions until the end of the block."""
    watch, originals = Stopwatch(clock), []
    for stage, names in stages.items():
        for place, name in (full.split(":") for full in names):
            *classes, last = name.split(".")
            holder: object = import_module(place)
            for owner in classes:
                holder = getattr(holder, owner)
            originals.append((holder, last, getattr(holder, last)))
            setattr(holder, last, watch.timed(stage, getattr(holder, last)))
    try:
        yield watch
    finally:
        watch._switch()  # noqa: SLF001 - its own module
        for holder, name, function in reversed(originals):
            setattr(holder, name, function)
