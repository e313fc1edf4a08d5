"""The commands over QA reviewers' ratings."""

from __future__ import annotations

import sys
from pathlib import Path

from corelab.errors import StoreError
from corelab.review.keeper import RoomKeeper
from corelab.review.qa_book import QaBook
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger, read_ledger
from corelab.store.qa_ratings import QaRating, from_csv, from_json, to_csv, to_json
from corelab.store.users import unlock
from pipelines.cli import EXIT_PROBLEMS
from pipelines.passphrase import known_passphrase
from pipelines.qa_cli import RatingsFormat
from pipelines.screen import counted, show_plain, standard_output
from pipelines.telling import told
from pipelines.users_command import Person

_WRITE = {RatingsFormat.CSV: to_csv, RatingsFormat.JSON: to_json}


@told
def import_command(out: Path, file: Path, reviewer: Person) -> int:
    """Take a file's ratings in; 1 when some are of pictures that are not there any more."""
    layout, ratings = Layout(out), _ratings_of(file)
    with open_ledger(layout.ledger) as ledger:
        passphrase = known_passphrase(reviewer.passphrase_file, reviewer.name)
        signer = unlock(ledger, reviewer.name, passphrase)
        taken = QaBook(layout, RoomKeeper(ledger)).take_in(signer, ratings, file.name)
    console = standard_output()
    show_plain(console, f"{counted(taken.n_written, 'rating')} written to the ledger")
    if taken.n_older:
        show_plain(console, f"{taken.n_older} older than what the ledger says: left out")
    if taken.n_former:
        show_plain(console, f"{taken.n_former} of a scan or outline that has changed: left out")
    return EXIT_PROBLEMS if taken.n_former else 0


@told
def export_command(out: Path, form: RatingsFormat) -> int:
    """Print every rating."""
    layout = Layout(out)
    with read_ledger(layout.ledger) as ledger:
        ratings = QaBook(layout, RoomKeeper(ledger)).ratings()
    sys.stdout.write(_WRITE[form](ratings))
    return 0


def _ratings_of(file: Path) -> tuple[QaRating, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} cannot be read as UTF-8 text: {error}") from error
    read = from_json if file.suffix.lower() == ".json" else from_csv
    return read(text, file.name)
