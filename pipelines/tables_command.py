"""``corelab tables``: every table and the QA page, rebuilt from the cases' records.

By itself, since it needs a quarter of what the other commands import, and that took as long as
the tables of some thousand records.
"""

from __future__ import annotations

from pathlib import Path

from corelab.errors import StoreError
from corelab.stages.publish import export_tables, publication_from, publish
from corelab.store.exchange.files import TableFormat
from corelab.store.layout import Layout
from corelab.store.ledger_file import is_locked
from corelab.store.table import load_problems
from pipelines.cli import EXIT_PROBLEMS, TableForm
from pipelines.holding import hold_out
from pipelines.screen import standard_output
from pipelines.telling import told


@told
def tables_command(out: Path, form: TableForm | None = None) -> int:
    """Rebuild tables and QA page, and write the tables in further forms."""
    layout, formats = Layout(out), _formats(form)
    if is_locked(layout):
        raise StoreError("OUT is locked; its tables stay as they are")
    if not layout.problems_csv.exists():
        raise StoreError(f"{out} holds no results of a run")
    publication = publication_from(layout)
    if formats and not publication.trial_id:
        raise StoreError(
            f"{layout.batch.name} names no trial, and a table in a further form must: run again"
        )
    with hold_out(out, "tables"):
        problems = load_problems(layout)
        tables = publish(layout, problems, publication)
        if formats:
            export_tables(layout, tables, publication, formats)
    console = standard_output()
    n_reads = len(tables.records.reads)
    console.print(f"tables and QA page rebuilt from {n_reads} reads")
    if formats:
        told = ", ".join(formats)
        console.print(f"tables as {told}  {layout.tables}", highlight=False, soft_wrap=True)
    return EXIT_PROBLEMS if problems else 0


def _formats(form: TableForm | None) -> tuple[TableFormat, ...]:
    if form is None:
        return ()
    return tuple(TableFormat) if form is TableForm.ALL else (TableFormat(form.value),)
