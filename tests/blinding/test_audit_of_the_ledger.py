"""The audit reads the ledger of reads to its last mask, also while the reading room is open."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from corelab.blinding.audit import AuditReport, audit
from corelab.blinding.audit.reading.reader import Allowance, Content
from corelab.blinding.audit.reading.tables import read_sqlite
from corelab.series import Identifier, IdentifierKind
from corelab.store.ledger import Ledger
from corelab.store.ledger_mask import pack_mask
from tests.store.ledger_of_reads import ANNA, begun, mask, save_draft, sign, write, written

_OTHERS = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'mask'"
KNOWN = [
    Identifier("Oberholtzer^Margarethe", IdentifierKind.NAME),
    Identifier("PAT-007731", IdentifierKind.NUMBER),
    Identifier("Ng", IdentifierKind.NAME),
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def ledger(out: Path) -> Iterator[Ledger]:
    """One that stays open: what is written stands in its log alone."""
    with begun(out / "reads.sqlite") as opened:
        yield opened


def found(out: Path) -> AuditReport:
    return audit(out, KNOWN)


def test_a_ledger_and_the_seed_of_its_order_are_searched_to_the_end_and_clean(out: Path) -> None:
    written(out / "reads.sqlite")
    (out / "reads.seed").write_text(hashlib.sha256(b"any").hexdigest())
    report = found(out)
    assert (report.leaks, report.gaps, report.n_files) == ((), (), 2)


def test_an_open_ledger_is_clean_as_well(out: Path, ledger: Ledger) -> None:
    for number in range(40):
        save_draft(ledger, ANNA, f"r{number}", mask(1 + number % 2))
    report = found(out)
    assert (report.leaks, report.gaps, report.n_files) == ((), (), 3)


@pytest.mark.parametrize("text", ["seen before, Margarethe?", "number PAT-007731", "Ng"])
@pytest.mark.parametrize("is_open", [True, False])
def test_an_identifier_in_a_comment_is_found(
    out: Path, ledger: Ledger, text: str, *, is_open: bool
) -> None:
    write(ledger, ANNA, "read_signed", {"read_id": "r1", "comment": text, "mask_sha256": None})
    if not is_open:
        ledger.close()
    leaks = {leak.path.name for leak in found(out).leaks}
    assert leaks == ({"reads.sqlite", "reads.sqlite-wal"} if is_open else {"reads.sqlite"})


def test_an_identifier_among_the_labels_of_a_mask_is_found(out: Path, ledger: Ledger) -> None:
    labels = np.zeros((40, 40, 20), np.uint8)
    labels[3, 5, :11] = np.frombuffer(b"Oberholtzer", np.uint8)
    packed = pack_mask(labels)
    assert b"Oberholtzer" not in packed.content
    sign(ledger, ANNA, "r1", packed)
    assert {leak.place for leak in found(out).leaks} == {"SQLite value / gzip / labels"}
    ledger.close()
    assert {leak.path.name for leak in found(out).leaks} == {"reads.sqlite"}


def test_what_stood_in_the_file_before_its_log_is_found_too(out: Path, tmp_path: Path) -> None:
    """A page that the log replaces is still there for whoever opens the file without it."""
    with begun(tmp_path / "reads.sqlite") as ledger:
        shutil.copy(ledger.path, out / "reads.sqlite")
        shutil.copy(tmp_path / "reads.sqlite-wal", out / "reads.sqlite-wal")
    content = bytearray((out / "reads.sqlite").read_bytes())
    content[4096 - 40 : 4096 - 27] = b" Oberholtzer "
    (out / "reads.sqlite").write_bytes(content)
    assert "reads.sqlite" in {leak.path.name for leak in found(out).leaks}


def test_many_masks_together_are_no_bomb(out: Path) -> None:
    """Each unpacks to far less than one file may, and all of a trial to more."""
    written(out / "reads.sqlite")
    content = Content(
        data=(out / "reads.sqlite").read_bytes(), name="", allowance=Allowance(left=100)
    )
    cells = [part for part in read_sqlite(content) if isinstance(part, Content)]
    assert sum(len(cell.data) for cell in cells) > 100


def test_random_bytes_are_never_taken_for_a_packing(out: Path) -> None:
    """One signature in 32,768 begins as gzip or compress do, which nobody can open."""
    written(out / "reads.sqlite")
    with closing(sqlite3.connect(out / "reads.sqlite")) as connection:
        cells = [
            cell
            for (name,) in connection.execute(_OTHERS).fetchall()
            for row in connection.execute(f'SELECT * FROM "{name}"')
            for cell in row
        ]
    assert cells
    assert not any(isinstance(cell, bytes) for cell in cells)


def test_a_broken_mask_is_a_gap(out: Path, ledger: Ledger) -> None:
    with ledger.writing() as rows:
        rows.execute("INSERT INTO mask VALUES ('ab', ?)", (gzip.compress(b"x" * 999)[:-9],))
    assert {gap.path.name for gap in found(out).gaps} == {"reads.sqlite", "reads.sqlite-wal"}
