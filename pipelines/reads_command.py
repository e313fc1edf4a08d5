"""The commands over who reads what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corelab.errors import StoreError
from corelab.reading.fold import fold
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger, read_ledger
from corelab.store.ledger_file import is_locked
from corelab.store.users import unlock
from corelab.trial import load_trial
from corelab.vocab import Case
from pipelines.cli import EXIT_PROBLEMS
from pipelines.holding import hold_out
from pipelines.passphrase import known_passphrase
from pipelines.reads import Planned, Planner, loads_of, stranded_cases
from pipelines.screen import Column, Row, counted, show_plain, show_whole, standard_output, table_of
from pipelines.telling import told
from pipelines.users_command import Person

_COLUMNS = (
    Column(name="who"),
    Column(name="what"),
    Column(name="waiting", is_number=True),
    Column(name="begun", is_number=True),
    Column(name="signed", is_number=True),
    Column(name="amending", is_number=True),
)
_NOTHING_NEW = "nothing new: every case has its readers"


@told
def plan_command(out: Path, trial_file: Path, manager: Person) -> int:
    """Plan reads; 1 while a case has no adjudicator, or is gone from OUT."""
    trial = load_trial(trial_file)
    with hold_out(out, "reads plan"), _planner(out, manager) as planner:
        planned = planner.plan(trial, trial_file)
    for line in _lines_of(planned):
        show_plain(standard_output(), line)
    return EXIT_PROBLEMS if planned.stranded or planned.gone else 0


@told
def list_command(out: Path) -> int:
    """Print how far everybody is."""
    with read_ledger(Layout(out).ledger) as ledger:
        room = fold(ledger.entries())
    rows = [
        Row(
            cells=(
                load.reader,
                f"{load.kind}s",
                str(load.waiting),
                str(load.begun),
                str(load.signed),
                str(load.amending),
            )
        )
        for load in loads_of(room)
    ]
    console = standard_output()
    if rows:
        show_whole(console, table_of(_COLUMNS, rows))
    show_plain(console, f"{counted(len(room.cases), 'case')} offered")
    for line in _stranded_lines(stranded_cases(room)):
        show_plain(console, line)
    return 0


@told
def release_command(out: Path, case: Case, manager: Person) -> int:
    """Release a case to readers."""
    with _planner(out, manager) as planner:
        planner.release(case)
    show_plain(standard_output(), f"{_told(case)} is released: corelab reads plan assigns it")
    return 0


@told
def exclude_command(out: Path, case: Case, reason: str, manager: Person) -> int:
    """Exclude a case."""
    with _planner(out, manager) as planner:
        planner.exclude(case, reason)
    show_plain(standard_output(), f"{_told(case)} is excluded; what was signed stays")
    return 0


@contextmanager
def _planner(out: Path, manager: Person) -> Iterator[Planner]:
    layout = Layout(out)
    if is_locked(layout):
        raise StoreError("OUT is locked; its reads stay as they are")
    with open_ledger(layout.ledger) as ledger:
        passphrase = known_passphrase(manager.passphrase_file, manager.name)
        yield Planner(layout, ledger, unlock(ledger, manager.name, passphrase))


def _lines_of(planned: Planned) -> Iterator[str]:
    told = {
        "rules_set": "the rules of reads are set",
        "order_committed": "the seed of the orders is bound; keep a copy of reads.seed, privately",
        "case_offered": f"{counted(planned.counts['case_offered'], 'case')} offered",
        "amendment_ended": f"{counted(planned.counts['amendment_ended'], 'amendment')} ended, "
        "what was signed before stands",
        "read_superseded": f"{counted(planned.counts['read_superseded'], 'read')} ended",
        "read_assigned": f"{counted(planned.counts['read_assigned'], 'read')} assigned",
        "pair_compared": f"{counted(planned.counts['pair_compared'], 'pair')} of masks compared",
    }
    lines = [line for kind, line in told.items() if planned.counts[kind]]
    yield from lines or [_NOTHING_NEW]
    yield from _stranded_lines(planned.stranded)
    for case in planned.gone:
        yield f"{_told(case)} was offered and is not in OUT any more"


def _stranded_lines(cases: tuple[Case, ...]) -> Iterator[str]:
    for case in cases:
        yield f"{_told(case)} must be adjudicated, and nobody is free to do it"


def _told(case: Case) -> str:
    return f"{case.subject_code} {case.visit}"
