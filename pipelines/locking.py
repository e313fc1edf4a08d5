"""The lock of an OUT: refused while reads are open, its tables those of the ledger."""

from __future__ import annotations

from corelab.errors import StoreError
from corelab.stages.publish import publication_from, publish
from corelab.store.layout import Layout
from corelab.store.ledger import Head, read_ledger
from corelab.store.ledger_check import verify
from corelab.store.manifest import lock_out
from corelab.store.table import load_problems
from pipelines.reading_state import reading_state_of


def lock_with_reads(layout: Layout, reason: str) -> int:
    """Write the manifest of OUT; returns how many files it holds.

    Where people read, the tables are made anew first: what is locked is what the ledger says.

    Raises
    ------
    StoreError
        When OUT is locked, has open problems or open reads, or somebody reads meanwhile.
    """
    if not layout.ledger.exists() or layout.lock.exists():
        return lock_out(layout, reason)
    verdict = verify(layout.ledger)
    # First, since a changed entry may break a rule too, and the change is the fault.
    if verdict.fault:
        raise StoreError(f"the ledger is not as it was written: {verdict.fault}")
    state = reading_state_of(layout)
    if state and state.open_ends:
        told = "; ".join(state.open_ends)
        raise StoreError(f"OUT has open reads: {told}. corelab status names them")
    publish(layout, load_problems(layout), publication_from(layout))
    count = lock_out(layout, reason)
    # From here on the ledger takes no entry.
    if _head_of(layout) != verdict.head:
        layout.lock.unlink()
        raise StoreError("somebody wrote to the ledger meanwhile: OUT is not locked; lock it again")
    return count


def _head_of(layout: Layout) -> Head:
    with read_ledger(layout.ledger) as ledger:
        return ledger.head()
