"""What a batch says of its cases: how many were made, why, and how many wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipelines.case_key import Change
from pipelines.closing import BatchResult
from pipelines.screen import counted


def measured_line(result: BatchResult) -> str:
    """Cases with a read, why each was made or kept, and the problems."""
    return (
        f"{counted(len(result.reads), 'case')} measured{_told(result.changes)}, "
        f"{counted(len(result.problems), 'problem')}"
    )


def pending_line(result: BatchResult) -> str:
    """Cases that wait for another run; empty where none does."""
    if not result.pending:
        return ""
    n_pending = counted(len(result.pending), "case")
    return f"{n_pending} pending, of this delivery or earlier ones: corelab status names them"


def forecast_line(changes: Iterable[Change]) -> str:
    """Cases that would be measured, and why."""
    changes = tuple(changes)
    n_measured = sum(change is not Change.UNCHANGED for change in changes)
    told = _told(changes)
    return f"{counted(n_measured, 'case')} would be measured{told}. Nothing was written to OUT."


def _told(changes: Iterable[Change]) -> str:
    counts = Counter(changes)
    told = ", ".join(f"{counts[change]} {change}" for change in Change if counts[change])
    return f" ({told})" if told else ""
