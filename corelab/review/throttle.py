"""Attempts that fail cost time: more each, never so much that the right one is kept out."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

FREE_ATTEMPTS = 2
LONGEST_WAIT_S = 30.0


class Throttle:
    """How long to wait after failures, for the whole process: names are no way round it.

    Parameters
    ----------
    clock
        Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_at = 0.0
        self._lock = Lock()

    def wait_s(self) -> float:
        """Seconds until the next attempt is looked at, 0 when it is now."""
        with self._lock:
            return max(0.0, self._open_at - self._clock())

    def failed(self) -> float:
        """Count a failure, and return the seconds that it costs: 0, 0, 1, 2, 4 ... 30."""
        with self._lock:
            self._failures += 1
            over = self._failures - FREE_ATTEMPTS
            cost_s = 0.0 if over <= 0 else min(2.0 ** min(over - 1, 10), LONGEST_WAIT_S)
            self._open_at = self._clock() + cost_s
            return cost_s

    def succeeded(self) -> None:
        """Forget the failures."""
        with self._lock:
            self._failures = 0
            self._open_at = 0.0
