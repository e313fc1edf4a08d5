"""The vault: who is who, where everything came from, what is held back. Unblinded.

One SQLite file (WAL, synchronous FULL) in a folder that only its owner may open.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from corelab.blinding.code import new_code
from corelab.errors import StoreError
from corelab.series import (
    Identifier,
    IdentifierKind,
    Identity,
    LooseFile,
    SeriesVerdict,
    SourceVersion,
)
from corelab.vocab import Case, SubjectCode, VisitLabel

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_SCHEMA = """
CREATE TABLE IF NOT EXISTS subject (
    patient_id TEXT PRIMARY KEY, subject_code TEXT NOT NULL UNIQUE COLLATE NOCASE
) STRICT;
CREATE TABLE IF NOT EXISTS series (
    series_uid TEXT NOT NULL, part TEXT NOT NULL, study_uid TEXT NOT NULL,
    patient_id TEXT NOT NULL, acquired_at TEXT, subject_code TEXT, visit TEXT,
    outcome TEXT NOT NULL, why TEXT NOT NULL, evidence TEXT NOT NULL,
    PRIMARY KEY (study_uid, series_uid, part)
) STRICT;
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, series_uid TEXT, reason TEXT, evidence TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS identifier (
    value TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (value, kind)
) STRICT;
CREATE TABLE IF NOT EXISTS source (
    study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, part TEXT NOT NULL,
    number INTEGER NOT NULL, digest TEXT NOT NULL, noted_at_utc TEXT NOT NULL,
    PRIMARY KEY (study_uid, series_uid, part, number)
) STRICT;
CREATE TABLE IF NOT EXISTS fault (
    subject_code TEXT NOT NULL, visit TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
"""


class Vault:
    """An open vault; make one with :func:`open_vault`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def code_of(self, patient_id: str) -> SubjectCode:
        """Code of a patient, drawn at random at first sight and kept for good."""
        row = self._connection.execute(
            "SELECT subject_code FROM subject WHERE patient_id = ?", (patient_id,)
        ).fetchone()
        if row:
            return SubjectCode(row[0])
        taken = {
            str(code) for (code,) in self._connection.execute("SELECT subject_code FROM subject")
        }
        code = new_code(taken)
        self.bind(patient_id, code)
        return code

    def bind(self, patient_id: str, code: SubjectCode) -> None:
        """Keep a trial-issued code.

        Raises
        ------
        StoreError
            When the patient has another code already, or the code another patient.
        """
        with self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO subject VALUES (?, ?)", (patient_id, code)
            )
        row = self._connection.execute(
            "SELECT subject_code FROM subject WHERE patient_id = ?", (patient_id,)
        ).fetchone()
        if row is None or row[0] != code:
            raise StoreError(
                f"subject code {code}: the vault holds this patient or this code in another pair"
            )

    def note_series(self, verdicts: Iterable[SeriesVerdict]) -> None:
        """Keep where each series came from and what became of it."""
        with self._transaction():
            for verdict in verdicts:
                self._note_one(verdict)

    def note_loose(self, files: Iterable[LooseFile]) -> None:
        """Keep the files that belong to no series."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, NULL, ?, ?)",
                [(_text(f.path), f.refusal.reason, f.refusal.evidence) for f in files],
            )
            self._note_identifiers(name for f in files for name in _names(f.path))

    def note_fault(self, case: Case, detail: str) -> None:
        """Keep the details of a failed case, which may name paths."""
        with self._transaction():
            self._connection.execute(
                "INSERT INTO fault VALUES (?, ?, ?)", (case.subject_code, case.visit, detail)
            )

    def source_versions(self, study_uids: Iterable[str]) -> tuple[SourceVersion, ...]:
        """Newest version of the pixels of every part of these studies that was measured."""
        found: list[SourceVersion] = []
        for uid in study_uids:
            rows = self._connection.execute(
                "SELECT series_uid, part, max(number), digest FROM source"
                " WHERE study_uid = ? GROUP BY series_uid, part ORDER BY series_uid, part",
                (uid,),
            )
            found.extend(
                SourceVersion(
                    study_uid=uid, series_uid=series, part=part, number=number, digest=digest
                )
                for series, part, number, digest in rows
            )
        return tuple(found)

    def note_source(self, versions: Iterable[SourceVersion]) -> None:
        """Keep which pixels a case was measured on; a version that is known stays as it is."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO source VALUES (?, ?, ?, ?, ?, ?)",
                [(v.study_uid, v.series_uid, v.part, v.number, v.digest, now) for v in versions],
            )

    def visits_of(self, patient_id: str) -> dict[str, VisitLabel]:
        """Visit of every study of a patient that has one, by study UID."""
        rows = self._connection.execute(
            "SELECT DISTINCT study_uid, visit FROM series"
            " WHERE patient_id = ? AND visit IS NOT NULL ORDER BY study_uid",
            (patient_id,),
        )
        return {str(uid): VisitLabel(visit) for uid, visit in rows}

    def cases_of(self, study_uids: Iterable[str]) -> frozenset[Case]:
        """Cases that these studies have been up to now."""
        found: set[Case] = set()
        for uid in study_uids:
            rows = self._connection.execute(
                "SELECT DISTINCT subject_code, visit FROM series"
                " WHERE study_uid = ? AND subject_code IS NOT NULL",
                (uid,),
            )
            found.update(Case(SubjectCode(code), VisitLabel(visit)) for code, visit in rows)
        return frozenset(found)

    def unassigned(self) -> tuple[str, ...]:
        """Why each study that belongs to no case is held back, over all deliveries."""
        rows = self._connection.execute(
            "SELECT study_uid, min(why) FROM series WHERE subject_code IS NULL"
            " GROUP BY study_uid ORDER BY study_uid"
        )
        return tuple(str(why) for _, why in rows)

    def codes(self) -> tuple[SubjectCode, ...]:
        """Return every subject code that was given."""
        rows = self._connection.execute("SELECT subject_code FROM subject ORDER BY subject_code")
        return tuple(SubjectCode(code) for (code,) in rows)

    def identifiers(self) -> tuple[Identifier, ...]:
        """Return every identifying text that any delivery has carried, with what it is."""
        rows = self._connection.execute("SELECT value, kind FROM identifier ORDER BY value, kind")
        return tuple(Identifier(value, IdentifierKind(kind)) for value, kind in rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _note_one(self, verdict: SeriesVerdict) -> None:
        series, identity, case = verdict.series, verdict.series.identity, verdict.case
        part = f"{series.kind.value} {series.b_value_s_mm2} {len(series.frames)}"
        evidence = series.refusal.evidence if series.refusal else ""
        self._connection.execute(
            "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                identity.series_uid,
                part,
                identity.study_uid,
                identity.patient_id,
                identity.acquired_at.isoformat() if identity.acquired_at else None,
                case.subject_code if case else None,
                case.visit if case else None,
                verdict.outcome,
                verdict.why,
                evidence,
            ),
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, NULL, '')",
            [(_text(path), identity.series_uid) for path in series.files],
        )
        self._note_identifiers(_texts_of(identity))
        self._note_identifiers(name for path in series.files for name in _names(path))

    def _note_identifiers(self, identifiers: Iterable[Identifier]) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO identifier VALUES (?, ?)",
            [(known.text.strip(), known.kind) for known in identifiers if known.text.strip()],
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._connection:
                yield
        except sqlite3.Error as error:
            raise StoreError(f"the vault cannot be written: {error}") from error


@contextmanager
def open_vault(folder: Path) -> Iterator[Vault]:
    """Open a vault, made with owner-only rights when it is new.

    Raises
    ------
    StoreError
        When the folder cannot be made or the file is no vault.
    """
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(_FOLDER_MODE)
        path = folder / "vault.sqlite"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _FILE_MODE))
        path.chmod(_FILE_MODE)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StoreError(f"the vault {folder} cannot be opened: {why}") from error
    vault = Vault(connection)
    try:
        yield vault
    finally:
        vault.close()


def _texts_of(identity: Identity) -> tuple[Identifier, ...]:
    return (
        Identifier(identity.patient_id, IdentifierKind.NUMBER),
        Identifier(identity.study_uid, IdentifierKind.UID),
        Identifier(identity.series_uid, IdentifierKind.UID),
        Identifier(identity.description, IdentifierKind.DESCRIPTION),
        *identity.texts,
    )


def _names(path: Path) -> tuple[Identifier, ...]:
    """Names that may identify: of the file, its folder, and the archive that it lies in."""
    archives = [parent for parent in path.parents[1:] if parent.is_file()]
    names = (_text(Path(part.name)) for part in (path, path.parent, *archives))
    return tuple(Identifier(name, IdentifierKind.FILE_NAME) for name in names)


def _text(path: Path) -> str:
    """Path as text; bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def hold_for_a_run(folder: Path) -> Iterator[None]:
    """Keep a second run out while one writes.

    Raises
    ------
    StoreError
        When another run holds the vault.
    """
    with (folder / "run.lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError("another run holds this vault and OUT; wait until it ends") from error
        yield
