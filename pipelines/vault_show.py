"""Tables of the vault on a terminal. Not for readers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from corelab.blinding.vault_delivery import FileFate
from corelab.blinding.vault_ledger import Ledger
from corelab.dicom.files import printable
from pipelines.screen import counted, show_plain, show_whole

_FATES = (
    FileFate.USED,
    FileFate.NOT_NEEDED,
    FileFate.DUPLICATE,
    FileFate.QUARANTINED,
    FileFate.ARCHIVE,
)


def show_deliveries(console: Console, ledger: Ledger) -> None:
    """Print one row a delivery, and what the vault holds in all."""
    rows = [
        (
            str(row.number),
            row.first_seen_utc,
            row.last_seen_utc,
            str(sum(row.fates.values()) - row.fates.get(FileFate.ARCHIVE, 0)),
            *(str(row.fates.get(fate, 0)) for fate in _FATES),
            row.root,
        )
        for row in ledger.deliveries()
    ]
    names = ("delivery", "first seen (UTC)", "last seen (UTC)", "files")
    _show(console, "Deliveries", (*names, *(fate.value for fate in _FATES), "from"), rows)
    people, studies, held = ledger.people(), ledger.studies(), ledger.held_back()
    show_plain(
        console,
        f"{counted(len(people), 'person') if len(people) == 1 else f'{len(people)} people'}, "
        f"{len(studies)} studies of which {sum(bool(s.subject_code) for s in studies)} are visits; "
        f"{len(held)} held back (corelab vault query says why)",
    )


def show_files(console: Console, ledger: Ledger, delivery: int) -> None:
    """Print every file of a delivery with its SHA-256."""
    rows = [(f.sha256 or "cannot be read", f.fate, f.path) for f in ledger.files_of(delivery)]
    _show(console, f"Files of delivery {delivery}", ("sha-256", "became", "file"), rows)


def show_people(console: Console, ledger: Ledger) -> None:
    """Print who is who."""
    rows = [(p.subject_code, p.patient_id, p.noted_at_utc) for p in ledger.people()]
    _show(console, "Crosswalk", ("subject", "patient", "noted (UTC)"), rows)


def show_cases(console: Console, ledger: Ledger) -> None:
    """Print every study, when it was made and which case it became."""
    rows = [
        (
            s.subject_code or "none",
            s.visit,
            s.acquired_at or "no date",
            s.modalities,
            str(s.n_series_used),
            " ".join(map(str, s.versions)),
            s.patient_id,
            s.study_uid,
        )
        for s in ledger.studies()
    ]
    names = (
        "subject",
        "visit",
        "acquired (local)",
        "images",
        "series used",
        "version",
        "patient",
        "study",
    )
    _show(console, "Studies", names, rows)


def show_batches(console: Console, ledger: Ledger) -> None:
    """Print every batch: when, on what, with which version."""
    rows = [
        (
            str(b.number),
            b.started_utc,
            b.finished_utc or "not finished",
            "" if b.delivery is None else str(b.delivery),
            b.trial_id,
            b.software_version,
            b.config_digest,
        )
        for b in ledger.batches()
    ]
    names = ("batch", "started (UTC)", "finished (UTC)", "delivery", "trial", "version", "config")
    _show(console, "Batches", names, rows)


def show_log(console: Console, ledger: Ledger) -> bool:
    """Print every access; whether the log is as it was written."""
    log = ledger.log()
    rows = [(str(a.number), a.at_utc, a.os_user, a.command, a.what) for a in log]
    _show(console, "Log", ("line", "at (UTC)", "user", "command", "what"), rows)
    fault = ledger.fault_of_log()
    if fault:
        show_plain(console, f"THE LOG IS NOT AS IT WAS WRITTEN: {fault}")
        return False
    show_plain(console, f"{counted(len(log), 'line')}, none changed or gone")
    show_plain(console, f"digest of the last line: {log[-1].chain if log else 'none'}")
    return True


def _show(
    console: Console, title: str, names: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Print a table whose cells are plain text and never cut, however narrow the terminal."""
    cells = [[printable(cell) for cell in row] for row in rows]
    console.print(Text(title, style="bold"))
    if cells:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        for name, column in zip(names, zip(*cells, strict=True), strict=True):
            widest = max(cell_len(cell) for cell in (name, *column))
            table.add_column(Text(name), no_wrap=True, min_width=widest)
        for row in cells:
            table.add_row(*map(Text, row))
        show_whole(console, table)
    else:
        show_plain(console, "none")
    console.print()
