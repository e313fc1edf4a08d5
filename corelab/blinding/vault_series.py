"""Studies and series in the vault: whose they are, what became of them, which files they are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from corelab.blinding.cipher import Cipher
from corelab.blinding.vault_delivery import number_of_file
from corelab.blinding.vault_log import now_utc
from corelab.series import SeriesKey, SeriesVerdict, SourceVersion, StudyKey
from corelab.vocab import VisitLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStudy:
    """A study of earlier runs: its visit, if it got one, and which modalities it brought."""

    study_uid: str
    visit: VisitLabel | None
    modalities: frozenset[str]


def known_studies(
    connection: sqlite3.Connection, cipher: Cipher, patient_id: str
) -> tuple[KnownStudy, ...]:
    """Every study of a patient that earlier runs have seen, by UID."""
    rows = connection.execute(
        "SELECT study, visit, modalities FROM study WHERE patient = ?",
        (cipher.key_of("person.patient", patient_id.strip()),),
    )
    known = [
        KnownStudy(
            study_uid=cipher.text_of("study.study", study),
            visit=VisitLabel(visit) if visit else None,
            modalities=frozenset(modalities.split()),
        )
        for study, visit, modalities in rows
    ]
    return tuple(sorted(known, key=lambda study: study.study_uid))


def note_study(
    connection: sqlite3.Connection, cipher: Cipher, key: StudyKey, verdicts: Sequence[SeriesVerdict]
) -> list[int]:
    """Keep a study and the series of it that this delivery brings, and return the series' rows.

    Within a transaction.
    """
    patient, study = cipher.key_of("person.patient", key[0]), cipher.key_of("study.study", key[1])
    known = connection.execute(
        "SELECT modalities, acquired_at FROM study WHERE patient = ? AND study = ?",
        (patient, study),
    ).fetchone() or ("", None)
    moments = [v.series.identity.acquired_at for v in verdicts]
    texts = [_moment_text(moment) for moment in moments if moment]
    texts += [cipher.open("study.acquired_at", known[1])] if known[1] else []
    modalities = {v.series.modality for v in verdicts if v.series.contrast}
    case, refusal = verdicts[0].case, verdicts[0].refusal
    held = None if case else refusal
    connection.execute(
        "INSERT INTO study VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT DO UPDATE SET modalities = ?3, acquired_at = ?4, subject_code = ?5,"
        " visit = ?6, reason = ?7, why = ?8, evidence = ?9",
        (
            patient,
            study,
            " ".join(sorted(modalities | set(known[0].split()))),
            _sealed(cipher, "study.acquired_at", min(texts, default="")),
            case.subject_code if case else None,
            case.visit if case else None,
            held.reason if held else None,
            held.message if held else None,
            _sealed(cipher, "study.evidence", held.evidence) if held else None,
        ),
    )
    return _note_parts(connection, cipher, (patient, study), verdicts)


def forget_replaced(connection: sqlite3.Connection, now: Sequence[int]) -> None:
    """Drop what earlier deliveries said of series that this one brings otherwise.

    A series goes when each of its files belongs to others now and it was held back, or its study
    is another patient's; and when it had no case and came again under a patient who gives it one.
    A study goes with its last series. Within a transaction.

    Parameters
    ----------
    connection
        Of the vault.
    now
        Rows of the series that this delivery brings.
    """
    rows = (json.dumps(now),)
    connection.execute(
        "WITH now AS (SELECT value FROM json_each(?)),"
        " placed AS (SELECT file FROM series_file WHERE series IN now)"
        " DELETE FROM series WHERE id NOT IN now"
        " AND id IN (SELECT series FROM series_file WHERE file IN placed)"
        " AND id NOT IN (SELECT series FROM series_file WHERE file NOT IN placed)"
        " AND (outcome = 'quarantined' OR study IN (SELECT study FROM series WHERE id IN now))",
        rows,
    )
    connection.execute(
        "WITH now AS (SELECT value FROM json_each(?)), answered AS"
        " (SELECT s.study, s.series FROM series s JOIN study t ON t.patient = s.patient"
        "  AND t.study = s.study WHERE s.id IN now AND subject_code IS NOT NULL)"
        " DELETE FROM series WHERE id NOT IN now AND (study, series) IN answered"
        " AND (patient, study) IN (SELECT patient, study FROM study WHERE subject_code IS NULL)",
        rows,
    )
    connection.execute(
        "WITH now AS (SELECT value FROM json_each(?)) DELETE FROM study"
        " WHERE (patient, study) NOT IN (SELECT patient, study FROM series)"
        " AND (subject_code IS NULL OR study IN (SELECT study FROM series WHERE id IN now))",
        rows,
    )


def known_sources(
    connection: sqlite3.Connection, cipher: Cipher, study_uids: Iterable[str]
) -> tuple[SourceVersion, ...]:
    """Every version of the pixels of every part of these studies that was measured."""
    found: list[SourceVersion] = []
    for uid in study_uids:
        rows = connection.execute(
            "SELECT series, part, number, digest FROM source WHERE study = ?",
            (cipher.key_of("study.study", uid),),
        )
        found.extend(
            SourceVersion(
                study_uid=uid,
                series_uid=cipher.text_of("series.series", series),
                part=part,
                number=number,
                digest=digest,
            )
            for series, part, number, digest in rows
        )
    return tuple(sorted(found, key=lambda v: (*v.place, v.number)))


def noted_at(connection: sqlite3.Connection, cipher: Cipher, version: SourceVersion) -> str | None:
    """UTC time at which a case was first measured on these pixels; ``None`` if it never was."""
    row = connection.execute(
        "SELECT noted_at_utc FROM source"
        " WHERE study = ? AND series = ? AND part = ? AND number = ? AND digest = ?",
        (
            cipher.key_of("study.study", version.study_uid),
            cipher.key_of("series.series", version.series_uid),
            version.part,
            version.number,
            version.digest,
        ),
    ).fetchone()
    return str(row[0]) if row else None


def files_of_series(
    connection: sqlite3.Connection, cipher: Cipher, key: SeriesKey
) -> tuple[str, ...]:
    """Paths of every file of a series, as the newest delivery that brought it named them."""
    rows = connection.execute(
        "SELECT DISTINCT f.path FROM file f JOIN series_file ON file = f.id"
        " JOIN series s ON s.id = series_file.series WHERE s.study = ? AND s.series = ?",
        (cipher.key_of("study.study", key[0]), cipher.key_of("series.series", key[1])),
    )
    return tuple(sorted(cipher.text_of("file.path", path) for (path,) in rows))


def note_sources(
    connection: sqlite3.Connection, cipher: Cipher, versions: Iterable[SourceVersion]
) -> None:
    """Keep which pixels a case was measured on; within a transaction."""
    now = now_utc()
    connection.executemany(
        "INSERT OR IGNORE INTO source VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                cipher.key_of("study.study", v.study_uid),
                cipher.key_of("series.series", v.series_uid),
                v.part,
                v.number,
                v.digest,
                now,
            )
            for v in versions
        ],
    )


def _note_parts(
    connection: sqlite3.Connection,
    cipher: Cipher,
    study: tuple[bytes, bytes],
    verdicts: Sequence[SeriesVerdict],
) -> list[int]:
    series = [cipher.key_of("series.series", v.series.identity.series_uid) for v in verdicts]
    connection.executemany(
        "DELETE FROM series WHERE patient = ? AND study = ? AND series = ?",
        [(*study, uid) for uid in set(series)],
    )
    rows: list[int] = []
    for place, (uid, verdict) in enumerate(zip(series, verdicts, strict=True)):
        part, refusal = verdict.series, verdict.refusal
        cursor = connection.execute(
            "INSERT INTO series VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *study,
                uid,
                f"{part.kind.value} {part.b_value_s_mm2} {len(part.frames)} #{place}",
                verdict.outcome,
                refusal.reason if refusal else None,
                verdict.why,
                _sealed(cipher, "series.evidence", refusal.evidence) if refusal else None,
            ),
        )
        rows.append(int(cursor.lastrowid or 0))
        paths = dict.fromkeys([*(frame.path for frame in part.frames), *part.files])
        files = [number_of_file(connection, cipher, path) for path in paths]
        connection.executemany(
            "INSERT INTO series_file VALUES (?, ?)", [(rows[-1], n) for n in files]
        )
        connection.executemany("DELETE FROM loose WHERE file = ?", [(n,) for n in files])
    return rows


def _sealed(cipher: Cipher, column: str, text: str) -> bytes | None:
    return cipher.seal(column, text) if text else None


def _moment_text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()
