"""What workers do in the engine's tests: importable by a process of its own."""

from __future__ import annotations

import os
import time


def double(number: int) -> int:
    """Twice a number; one number is refused."""
    if number == 13:
        raise ValueError("13 is refused")
    return 2 * number


def die(number: int) -> int:
    """Give the number back; one number takes its worker down."""
    if number == 3:
        os._exit(139)
    return number


def threads(_: int) -> str | None:
    """How many threads numerical libraries may use."""
    return os.environ.get("OMP_NUM_THREADS")


def slow_double(number: int) -> int:
    """Twice a number, after a while."""
    time.sleep(0.1)
    return 2 * number
