"""``corelab tables``: every table and the QA page, rebuilt from the cases' records.

By itself, since it needs a quarter of what the other commands import, and that took as long as
the tables of some thousand records.
"""

from __future__ import annotations

from pathlib import Path

from corelab.errors import StoreError
from corelab.stages.publish import publication_from, publish
from corelab.store.layout import Layout
from corelab.store.table import load_problems
from pipelines.cli import EXIT_PROBLEMS
from pipelines.holding import hold_out
from pipelines.screen import standard_output
from pipelines.telling import told


@told
def tables_command(out: Path) -> int:
    """Rebuild tables and QA page."""
    layout = Layout(out)
    if layout.lock.exists():
        raise StoreError("OUT is locked; its tables stay as they are")
    if not layout.problems_csv.exists():
        raise StoreError(f"{out} holds no results of a run")
    with hold_out(out, "tables"):
        problems = load_problems(layout)
        records = publish(layout, problems, publication_from(layout))
    standard_output().print(f"tables and QA page rebuilt from {len(records.reads)} reads")
    return EXIT_PROBLEMS if problems else 0
