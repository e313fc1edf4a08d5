"""Time of sessions and throttles, moved by hand."""

from __future__ import annotations

import pytest

from corelab.review.session import Session
from corelab.review.throttle import Throttle


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def moved_by_hand(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give sessions and throttles that are made after this a clock that a test moves."""
    clock = Clock()
    monkeypatch.setitem(Session.__init__.__kwdefaults__, "clock", clock)
    monkeypatch.setattr(Throttle.__init__, "__defaults__", (clock,))
    return clock
