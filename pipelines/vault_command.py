"""The commands of a data manager over the vault; each leaves a line in the vault's log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from corelab.blinding.vault import open_vault
from corelab.blinding.vault_file import has_vault
from corelab.blinding.vault_ledger import Ledger
from corelab.errors import StoreError
from corelab.store.csv_table import to_csv
from corelab.store.files import write_private
from pipelines.cli import EXIT_PROBLEMS
from pipelines.screen import counted, show_plain
from pipelines.telling import told
from pipelines.vault_places import refuse_open_places
from pipelines.vault_query import QUERY_COLUMNS, query_rows, show_queries, wanted
from pipelines.vault_show import (
    show_batches,
    show_cases,
    show_deliveries,
    show_files,
    show_log,
    show_people,
)

_CROSSWALK_COLUMNS = ("patient_id", "subject_code", "noted_at_utc")
_PIPE_WIDTH = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPlace:
    """A vault folder and its key, where that lies elsewhere."""

    folder: Path
    key_file: Path | None


class Topic(StrEnum):
    """What ``corelab vault show`` shows."""

    DELIVERIES = "deliveries"
    PEOPLE = "people"
    CASES = "cases"
    BATCHES = "batches"
    LOG = "log"


_SHOW: dict[Topic, Callable[[Console, Ledger], object]] = {
    Topic.DELIVERIES: show_deliveries,
    Topic.PEOPLE: show_people,
    Topic.CASES: show_cases,
    Topic.BATCHES: show_batches,
}


@told
def show_command(place: VaultPlace, topics: tuple[Topic, ...], delivery: int | None) -> int:
    """Print what the vault holds; a log that is not as it was written is a problem."""
    _require(place)
    what = ", ".join([*topics, *([f"files of delivery {delivery}"] if delivery else [])])
    is_sound = True
    with open_vault(place.folder, key_file=place.key_file, command="show", what=what) as vault:
        console, ledger = _console(), vault.ledger
        for topic in topics:
            if topic is Topic.LOG:
                is_sound = show_log(console, ledger)
            else:
                _SHOW[topic](console, ledger)
        if delivery is not None:
            if delivery not in {row.number for row in ledger.deliveries()}:
                raise StoreError(f"the vault holds no delivery {delivery}")
            show_files(console, ledger, delivery)
    return 0 if is_sound else EXIT_PROBLEMS


@told
def query_command(place: VaultPlace, csv: Path | None, *, with_unneeded: bool) -> int:
    """Print what is held back and whom to ask what; 1 when there is anything."""
    _require(place)
    what = "on the screen and as a file" if csv else "on the screen"
    with open_vault(place.folder, key_file=place.key_file, command="query", what=what) as vault:
        if csv:
            refuse_open_places(csv, place.folder, vault.ledger)
        held = wanted(vault.ledger.held_back(), with_unneeded=with_unneeded)
    console = _console()
    show_queries(console, held)
    show_plain(console, f"{len(held)} held back")
    if csv:
        write_private(csv, to_csv(QUERY_COLUMNS, query_rows(held)))
        show_plain(console, f"queries  {csv} (identified: for the site that sent the images)")
    return EXIT_PROBLEMS if held else 0


@told
def export_command(place: VaultPlace, path: Path) -> int:
    """Write the crosswalk to a file that only its owner may read."""
    _require(place)
    with open_vault(
        place.folder, key_file=place.key_file, command="export", what="the crosswalk, to a file"
    ) as vault:
        refuse_open_places(path, place.folder, vault.ledger)
        people = vault.ledger.people()
    rows = [
        {
            "patient_id": person.patient_id,
            "subject_code": person.subject_code,
            "noted_at_utc": person.noted_at_utc,
        }
        for person in people
    ]
    write_private(path, to_csv(_CROSSWALK_COLUMNS, rows))
    rows_told = counted(len(rows), "row")
    show_plain(_console(), f"crosswalk  {path}, {rows_told} (identified: not for readers)")
    return 0


def _require(place: VaultPlace) -> None:
    if not has_vault(place.folder):
        raise StoreError(f"{place.folder} holds no vault")


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
