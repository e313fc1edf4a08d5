"""Vaults of older layouts brought over; the first was in plain text and is sealed then."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from corelab.blinding.cipher import Cipher
from corelab.blinding.vault_layout import OLDER_TABLES, VERSION_TABLE
from corelab.blinding.vault_log import now_utc
from corelab.series import IdentifierKind

_FOLDERS = """
CREATE TABLE folder (
    root BLOB PRIMARY KEY NOT NULL, newest INTEGER NOT NULL REFERENCES delivery (number)
) STRICT;
INSERT INTO folder SELECT root, number FROM delivery d
    WHERE seen = (SELECT max(seen) FROM delivery e WHERE e.root = d.root);
ALTER TABLE delivery DROP COLUMN seen;
ALTER TABLE loose ADD COLUMN root BLOB;
UPDATE loose SET root = (
    SELECT f.root FROM folder f JOIN delivery_file d ON d.delivery = f.newest
    WHERE d.file = loose.file
);
"""
_FAULTS = """
DROP TABLE fault;
"""
FIRST_VERSIONS = """
INSERT INTO version
    SELECT subject_code, visit, 1, source.study, series, part, max(number), digest
    FROM source JOIN study ON study.study = source.study WHERE subject_code IS NOT NULL
    GROUP BY subject_code, visit, source.study, series, part;
INSERT INTO version
    SELECT DISTINCT v.subject_code, v.visit, 1, s.study, s.series, '', 0, ''
    FROM series s JOIN study t ON t.patient = s.patient AND t.study = s.study
    JOIN version v ON v.subject_code = t.subject_code AND v.visit = t.visit;
"""
"""Takes what each case was measured on before versions were kept for its first one."""

_MEMORY = """
CREATE TABLE memory (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
ALTER TABLE file ADD COLUMN pixels BLOB;
"""
STEPS = (_FOLDERS, _FAULTS, VERSION_TABLE + FIRST_VERSIONS, _MEMORY)
"""What leads from each sealed layout to the next, the first of them (2) first."""


def migrate(connection: sqlite3.Connection, cipher: Cipher) -> None:
    """Copy the rows of the ``older_`` tables and drop these; within a transaction.

    Deliveries were not kept then, nor the kinds of identifying texts: they come as descriptions.
    Details of failed cases could never be asked for, and go; a case that still fails has its own.
    """
    _people(connection, cipher)
    _studies(connection, cipher)
    _series_and_files(connection, cipher)
    connection.executemany(
        "INSERT INTO identifier VALUES (?, ?)",
        [
            (cipher.key_of("identifier.value", value), IdentifierKind.DESCRIPTION)
            for (value,) in connection.execute("SELECT value FROM older_identifier")
        ],
    )
    connection.executemany(
        "INSERT INTO source VALUES (?, ?, ?, ?, ?, ?)",
        [
            (cipher.key_of("study.study", study), cipher.key_of("series.series", series), *rest)
            for study, series, *rest in connection.execute("SELECT * FROM older_source")
        ],
    )
    for name in sorted(OLDER_TABLES):
        connection.execute(f"DROP TABLE older_{name}")


def _people(connection: sqlite3.Connection, cipher: Cipher) -> None:
    rows = connection.execute("SELECT patient_id, subject_code FROM older_subject").fetchall()
    connection.executemany(
        "INSERT INTO person VALUES (?, ?, ?)",
        [(cipher.key_of("person.patient", patient), code, now_utc()) for patient, code in rows],
    )


def _studies(connection: sqlite3.Connection, cipher: Cipher) -> None:
    rows = connection.execute(
        "SELECT patient_id, study_uid, min(acquired_at), max(subject_code), max(visit), min(why)"
        " FROM older_series GROUP BY patient_id, study_uid"
    ).fetchall()
    connection.executemany(
        "INSERT INTO study VALUES (?, ?, '', ?, ?, ?, ?, ?, NULL)",
        [
            (
                cipher.key_of("person.patient", patient),
                cipher.key_of("study.study", study),
                cipher.seal("study.acquired_at", moment) if moment else None,
                code,
                visit,
                None if code else "subject_unknown",
                None if code else why,
            )
            for patient, study, moment, code, visit, why in rows
        ],
    )


def _series_and_files(connection: sqlite3.Connection, cipher: Cipher) -> None:
    numbers: dict[str, list[int]] = defaultdict(list)
    rows = connection.execute(
        "SELECT patient_id, study_uid, series_uid, part, outcome, why, evidence FROM older_series"
    ).fetchall()
    for patient, study, uid, part, outcome, why, evidence in rows:
        cursor = connection.execute(
            "INSERT INTO series VALUES (NULL, ?, ?, ?, ?, ?, NULL, ?, ?)",
            (
                cipher.key_of("person.patient", patient),
                cipher.key_of("study.study", study),
                cipher.key_of("series.series", uid),
                part,
                outcome,
                why,
                cipher.seal("series.evidence", evidence) if evidence else None,
            ),
        )
        numbers[uid].append(int(cursor.lastrowid or 0))
    files = connection.execute(
        "SELECT path, series_uid, reason, evidence FROM older_file"
    ).fetchall()
    for path, uid, reason, evidence in files:
        cursor = connection.execute(
            "INSERT INTO file (path) VALUES (?)", (cipher.key_of("file.path", path),)
        )
        connection.executemany(
            "INSERT INTO series_file VALUES (?, ?)",
            [(number, cursor.lastrowid) for number in numbers[uid or ""]],
        )
        if reason:
            sealed = cipher.seal("loose.evidence", evidence) if evidence else None
            connection.execute(
                "INSERT INTO loose VALUES (?, ?, '', ?, NULL)", (cursor.lastrowid, reason, sealed)
            )
