"""The tables of the vault, and the mark that tells a vault from any other file."""

from __future__ import annotations

LAYOUT_VERSION = 6
"""``user_version`` of the file. 0: the first layout, in plain text; 1 was never given out."""

SEALED_SINCE = 2
"""Layout from which on a vault needs its key."""

APPLICATION_ID = 0x434C5654
"""``application_id`` of the file: ``CLVT``."""

VERSION_TABLE = """
CREATE TABLE version (
    subject_code TEXT NOT NULL, visit TEXT NOT NULL, number INTEGER NOT NULL,
    study BLOB NOT NULL, series BLOB NOT NULL, part TEXT NOT NULL,
    source INTEGER NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (subject_code, visit, number, study, series, part)
) STRICT;
"""
"""Sources of each version of a case's read; without a part: a series that was there to choose."""

TABLES = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE person (
    patient BLOB PRIMARY KEY, subject_code TEXT NOT NULL UNIQUE COLLATE NOCASE,
    noted_at_utc TEXT NOT NULL
) STRICT;
CREATE TABLE study (
    patient BLOB NOT NULL, study BLOB NOT NULL, modalities TEXT NOT NULL, acquired_at BLOB,
    subject_code TEXT, visit TEXT, reason TEXT, why TEXT, evidence BLOB,
    PRIMARY KEY (patient, study)
) STRICT;
CREATE INDEX study_of_any_patient ON study (study);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, patient BLOB NOT NULL, study BLOB NOT NULL, series BLOB NOT NULL,
    part TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT, why TEXT NOT NULL, evidence BLOB,
    UNIQUE (patient, study, series, part),
    FOREIGN KEY (patient, study) REFERENCES study (patient, study)
) STRICT;
CREATE TABLE file (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, stamp TEXT, sha256 BLOB, pixels BLOB
) STRICT;
CREATE TABLE series_file (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    file INTEGER NOT NULL REFERENCES file (id),
    PRIMARY KEY (series, file)
) STRICT, WITHOUT ROWID;
CREATE TABLE loose (
    file INTEGER PRIMARY KEY REFERENCES file (id), reason TEXT NOT NULL, why TEXT NOT NULL,
    evidence BLOB, root BLOB
) STRICT;
CREATE TABLE delivery (
    number INTEGER PRIMARY KEY, root BLOB NOT NULL, digest BLOB NOT NULL UNIQUE,
    first_seen_utc TEXT NOT NULL, last_seen_utc TEXT NOT NULL
) STRICT;
CREATE TABLE folder (
    root BLOB PRIMARY KEY NOT NULL, newest INTEGER NOT NULL REFERENCES delivery (number)
) STRICT;
CREATE TABLE delivery_file (
    delivery INTEGER NOT NULL REFERENCES delivery (number),
    file INTEGER NOT NULL REFERENCES file (id), sha256 BLOB, fate TEXT NOT NULL,
    PRIMARY KEY (delivery, file)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_of_a_file ON delivery_file (file);
CREATE TABLE identifier (
    value BLOB NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (value, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE source (
    study BLOB NOT NULL, series BLOB NOT NULL, part TEXT NOT NULL,
    number INTEGER NOT NULL, digest TEXT NOT NULL, noted_at_utc TEXT NOT NULL,
    PRIMARY KEY (study, series, part, number)
) STRICT;
CREATE TABLE batch (
    number INTEGER PRIMARY KEY, started_utc TEXT NOT NULL, finished_utc TEXT,
    delivery INTEGER REFERENCES delivery (number), software_version TEXT NOT NULL,
    trial_id TEXT NOT NULL, config_digest TEXT NOT NULL, out BLOB NOT NULL, counts TEXT
) STRICT;
CREATE TABLE case_problem (
    subject_code TEXT NOT NULL, visit TEXT NOT NULL, reason TEXT NOT NULL, why TEXT NOT NULL,
    evidence BLOB, PRIMARY KEY (subject_code, visit, reason, why)
) STRICT;
CREATE TABLE memory (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE log (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at_utc TEXT NOT NULL, os_user TEXT NOT NULL,
    command TEXT NOT NULL, what TEXT NOT NULL, chain BLOB NOT NULL
) STRICT;
CREATE TRIGGER log_is_not_changed BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'the log of the vault is never changed'); END;
CREATE TRIGGER log_is_not_cut BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'the log of the vault is never changed'); END;
"""
TABLES += VERSION_TABLE

OLDER_TABLES = frozenset({"subject", "series", "file", "identifier", "source", "fault"})
"""Names of the tables of layout 0."""
