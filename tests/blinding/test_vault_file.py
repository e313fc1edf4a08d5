"""What lies on the disk: rights, sealed bytes, older and newer layouts, damage, sudden ends."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corelab.blinding.vault import Vault, open_vault, rehearse
from corelab.blinding.vault_delivery import DeliveredFile, FileFate
from corelab.blinding.vault_file import transaction
from corelab.blinding.vault_layout import LAYOUT_VERSION, SEALED_SINCE
from corelab.blinding.vault_migration import STEPS
from corelab.errors import ReasonCode, StoreError
from corelab.series import LooseFile, Outcome, Refusal, SeriesVerdict, SourceVersion
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.factories import make_series

REPOSITORY = Path(__file__).parents[2]
CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
WHEN = datetime(1987, 6, 5, 4, 3, 2, tzinfo=UTC)
# Long enough that chance does not spell them in what is encrypted.
TOKENS = [b"PLANTED", b"planted", b"1987", b"Doe^Jane", b"Northtown", b"post EVT", b"1.2.3"]


def fill(vault: Vault) -> None:
    """Plant a token in every place that takes text of a site."""
    series = make_series("PLANTED-patient", "1.2.3.77", series_uid="1.2.3.77.1")
    identity = dataclasses.replace(series.identity, acquired_at=WHEN, description="PLANTED text")
    refusal = Refusal(
        reason=ReasonCode.MISSING_SLICE, message="a slice", evidence="PLANTED evidence"
    )
    held = dataclasses.replace(series, identity=identity, refusal=refusal)
    loose = LooseFile(path=Path("/x/PLANTED folder/planted.txt"), refusal=refusal)
    vault.bind("PLANTED-patient", CASE.subject_code)
    vault.start_batch(("0.1", "NCT0", "digest"), Path("/x/PLANTED out"))
    vault.note_series(
        [
            SeriesVerdict(
                series=held, case=CASE, outcome=Outcome.QUARANTINED, why="x", refusal=refusal
            ),
            SeriesVerdict(
                series=make_series("PLANTED-2", "1.2.3.78"),
                case=None,
                outcome=Outcome.QUARANTINED,
                why="x",
                refusal=refusal,
            ),
        ]
    )
    vault.note_loose(Path("/x"), [loose])
    vault.note_case_problems([CASE], [(CASE, dataclasses.replace(refusal, message="no head"))])
    vault.note_source(
        [SourceVersion(study_uid="1.2.3.77", series_uid="1.2.3.1", part="ct", number=1, digest="d")]
    )
    vault.note_delivery(
        Path("/x/PLANTED root"),
        [
            DeliveredFile(
                path=Path("/x/PLANTED root/a"), sha256="00" * 32, stamp="1", fate=FileFate.USED
            )
        ],
    )


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_no_identifying_text_is_in_any_byte_of_an_open_or_closed_vault(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    with open_vault(folder) as vault:
        fill(vault)
        assert {"vault.sqlite-wal", "vault.sqlite-shm"} <= {p.name for p in folder.iterdir()}
        while_open = bytes_of(folder)
        rights = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        texts = {identifier.text for identifier in vault.identifiers()}
    assert {"PLANTED-patient", "PLANTED text", "planted.txt", "PLANTED folder"} <= texts
    assert rights == {0o600}
    assert CASE.subject_code.encode() in while_open
    for token in TOKENS:
        assert token not in while_open
        assert token not in bytes_of(folder)


def test_everything_is_given_back_after_closing(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        fill(vault)
    with open_vault(tmp_path / "vault") as vault:
        held = {row.reason: row for row in vault.ledger.held_back() if row.subject_code}
        row = held[ReasonCode.MISSING_SLICE]
        assert (row.patient_id, row.evidence) == ("PLANTED-patient", "PLANTED evidence")
        assert row.series_uid == "1.2.3.77.1"
        (delivery,) = vault.ledger.deliveries()
        assert (delivery.root, delivery.fates) == ("/x/PLANTED root", {"used": 1})
        assert vault.ledger.outs() == {"/x/PLANTED out"}
        assert {s.acquired_at for s in vault.ledger.studies()} == {"", "1987-06-05T04:03:02"}


def test_another_database_and_a_link_are_no_vault(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    connection = sqlite3.connect(folder / "vault.sqlite")
    connection.execute("CREATE TABLE song (title TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="a database of another program"), open_vault(folder):
        pass
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "vault.sqlite").symlink_to(folder / "vault.sqlite")
    with pytest.raises(StoreError, match="cannot be opened"), open_vault(linked):
        pass


def test_a_vault_of_a_newer_layout_is_not_touched(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault"):
        pass
    connection = sqlite3.connect(tmp_path / "vault" / "vault.sqlite")
    connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION + 1}")
    connection.close()
    expected = f"layout {LAYOUT_VERSION + 1}, this corelab knows layouts up to {LAYOUT_VERSION}"
    with pytest.raises(StoreError, match=expected), open_vault(tmp_path / "vault"):
        pass


def test_a_damaged_vault_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    with open_vault(folder) as vault:
        for number in range(2000):
            vault.bind(f"PAT-{number}", SubjectCode(f"C{number:05}"))
    path = folder / "vault.sqlite"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|cannot be opened"), open_vault(folder):
        pass


def test_a_full_disk_is_named_and_nothing_of_the_change_is_kept() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (x BLOB)")
    connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(StoreError, match="database or disk is full"), transaction(connection):
        connection.executemany("INSERT INTO t VALUES (zeroblob(?))", [(10,), (1_000_000,)])
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_change_that_cannot_be_committed_leaves_no_transaction_open() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE a (x INTEGER PRIMARY KEY);"
        "CREATE TABLE b (x REFERENCES a (x) DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(StoreError, match="FOREIGN KEY"), transaction(connection):
        connection.execute("INSERT INTO b VALUES (1)")
    with transaction(connection):
        connection.execute("INSERT INTO a VALUES (1)")
    assert connection.execute("SELECT count(*) FROM b").fetchone() == (0,)


def test_a_rehearsal_leaves_nothing_but_a_line_in_the_log(tmp_path: Path) -> None:
    with rehearse(tmp_path / "absent") as vault:
        vault.code_of("PAT-0077")
    assert list(tmp_path.iterdir()) == []
    with open_vault(tmp_path / "vault") as vault:
        code = vault.code_of("PAT-0077")
    with rehearse(tmp_path / "vault", command="dry run") as vault:
        assert vault.code_of("PAT-0077") == code
        fill(vault)
    with open_vault(tmp_path / "vault") as vault:
        assert [access.command for access in vault.ledger.log()] == [
            "library",
            "dry run",
            "library",
        ]
        assert len(vault.ledger.people()) == 1
        assert (vault.ledger.deliveries(), vault.identifiers()) == ((), ())


OLDER = """
CREATE TABLE subject (patient_id TEXT PRIMARY KEY, subject_code TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE series (
    series_uid TEXT NOT NULL, part TEXT NOT NULL, study_uid TEXT NOT NULL,
    patient_id TEXT NOT NULL, acquired_at TEXT, subject_code TEXT, visit TEXT,
    outcome TEXT NOT NULL, why TEXT NOT NULL, evidence TEXT NOT NULL,
    PRIMARY KEY (study_uid, series_uid, part)
) STRICT;
CREATE TABLE file (path TEXT PRIMARY KEY, series_uid TEXT, reason TEXT, evidence TEXT NOT NULL)
STRICT;
CREATE TABLE identifier (value TEXT PRIMARY KEY) STRICT;
CREATE TABLE source (
    study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, part TEXT NOT NULL,
    number INTEGER NOT NULL, digest TEXT NOT NULL, noted_at_utc TEXT NOT NULL,
    PRIMARY KEY (study_uid, series_uid, part, number)
) STRICT;
CREATE TABLE fault (subject_code TEXT NOT NULL, visit TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
INSERT INTO subject VALUES ('PLANTED-1', 'KX4M7P');
INSERT INTO series VALUES ('1.2.3.1', 'CT None 30', '1.2.3', 'PLANTED-1', '1987-06-05T04:03:02',
    'KX4M7P', 'fu24h', 'used', 'as ct', '');
INSERT INTO series VALUES ('1.2.3.2', 'CT None 30', '1.2.4', 'PLANTED-2', NULL,
    NULL, NULL, 'quarantined', 'not in the subjects file', 'PLANTED evidence');
INSERT INTO file VALUES ('/x/planted/a.dcm', '1.2.3.1', NULL, '');
INSERT INTO file VALUES ('/x/planted/b.txt', NULL, 'not_dicom', 'PLANTED');
INSERT INTO identifier VALUES ('Doe^Jane'), ('General Hospital Northtown');
INSERT INTO source VALUES ('1.2.3', '1.2.3.1', 'ct', 1, 'd', '2026-01-01T00:00:00+00:00');
INSERT INTO fault VALUES ('KX4M7P', 'fu24h', 'PLANTED traceback');
"""


def older_vault(folder: Path, content: str = OLDER) -> None:
    folder.mkdir()
    connection = sqlite3.connect(folder / "vault.sqlite")
    connection.executescript("PRAGMA journal_mode = WAL;" + content)
    connection.executemany(
        "INSERT INTO identifier VALUES (?)", [(f"planted number {n}",) for n in range(3000)]
    )
    connection.commit()
    connection.close()


def test_a_vault_of_the_first_layout_is_brought_over_and_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    older_vault(folder)
    assert b"PLANTED" in bytes_of(folder)
    with open_vault(folder) as vault:
        assert vault.new_key_file == tmp_path / "vault.key"
        assert vault.code_of("PLANTED-1") == "KX4M7P"
        assert vault.visits_of("PLANTED-1") == {"1.2.3": "fu24h"}
        assert vault.cases_of(["1.2.3", "1.2.4"]) == {CASE}
        assert [held.reason for held in vault.unassigned()] == [ReasonCode.SUBJECT_UNKNOWN]
        assert [source.digest for source in vault.source_versions(["1.2.3"])] == ["d"]
        assert len(vault.identifiers()) == 3002
        assert {row.reason for row in vault.ledger.held_back()} == {
            ReasonCode.SUBJECT_UNKNOWN,
            ReasonCode.NOT_DICOM,
        }
        for token in TOKENS:
            assert token not in bytes_of(folder)
    with open_vault(folder) as vault:
        assert vault.code_of("PLANTED-1") == "KX4M7P"


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/x/planted/b.txt", "/x"),
        ("planted/b.txt", "/somewhere/planted"),
        ("../planted/b.txt", "/somewhere/planted"),
        ("planted/b.txt", "/somewhere"),
    ],
)
def test_a_file_of_the_first_layout_waits_until_its_folder_is_read_again(
    tmp_path: Path, path: str, root: str
) -> None:
    older_vault(tmp_path / "vault", OLDER.replace("/x/planted/b.txt", path))
    copy = LooseFile(
        path=Path("/somewhere/planted/b.txt"),
        refusal=Refusal(reason=ReasonCode.HEADER_CUT, message="cut"),
    )
    with open_vault(tmp_path / "vault") as vault:
        vault.note_loose(Path("/elsewhere"), [])
        assert ReasonCode.NOT_DICOM in {row.reason for row in vault.ledger.held_back()}
        vault.note_loose(Path(root), [copy])
        assert ReasonCode.NOT_DICOM not in {row.reason for row in vault.ledger.held_back()}


def test_a_vault_of_the_second_layout_is_brought_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORELAB_VAULT_KEY", "07" * 32)
    folder = tmp_path / "vault"
    folder.mkdir()
    connection = sqlite3.connect(folder / "vault.sqlite")
    connection.executescript(Path(__file__).with_name("vault_of_layout_2.sql").read_text())
    connection.close()
    for _ in range(2):
        with open_vault(folder) as vault:
            assert vault.cases_of(["1.2.3"]) == {CASE}
            held = vault.ledger.held_back()
            assert [row.paths for row in held] == [("/in/x",), ("/in/closed",)]
            assert vault.ledger.fault_of_log() is None
    with open_vault(folder) as vault:
        vault.note_loose(Path("/in"), [])
        assert vault.ledger.held_back() == ()


def test_every_sealed_layout_but_the_newest_has_a_step_to_the_next() -> None:
    assert len(STEPS) == LAYOUT_VERSION - SEALED_SINCE


def test_a_rehearsal_does_not_bring_an_older_vault_over(tmp_path: Path) -> None:
    older_vault(tmp_path / "vault")
    with rehearse(tmp_path / "vault") as vault:
        assert vault.code_of("PLANTED-1") == "KX4M7P"
    assert not (tmp_path / "vault.key").exists()
    assert b"PLANTED-1" in bytes_of(tmp_path / "vault")


WRITER = """
import sys
from pathlib import Path
from corelab.blinding.vault import open_vault
from tests.blinding.test_vault_file import fill
with open_vault(Path(sys.argv[1])) as vault:
    for number in range(10**6):
        code = vault.code_of(f"PAT-{number}")
        print(number, code, flush=True)
        if number == 0:
            fill(vault)
"""


@pytest.mark.parametrize("n_lines", [1, 2, 7, 40, 90])
def test_a_writer_that_is_killed_leaves_a_readable_vault(tmp_path: Path, n_lines: int) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "vault")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline().split() for _ in range(n_lines)]
        writer.send_signal(signal.SIGKILL)
    with open_vault(tmp_path / "vault") as vault:
        for number, code in told:
            assert vault.known_code(f"PAT-{number}") == code
        assert vault.ledger.fault_of_log() is None
    for token in TOKENS:
        assert token not in bytes_of(tmp_path / "vault")
