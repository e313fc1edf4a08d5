"""Versions of reads in the vault: which studies, series and pixels each rests on."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from corelab.blinding.cipher import Cipher
from corelab.blinding.vault_file import transaction
from corelab.series import CaseVersion, SeriesKey, SourceVersion
from corelab.vocab import Case

_ONLY_RECEIVED = ""


class Versions:
    """The versions of every case's read."""

    def __init__(self, connection: sqlite3.Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def of(self, case: Case) -> tuple[CaseVersion, ...]:
        """Every version of a case's read, the first one first."""
        rows = self._connection.execute(
            "SELECT number, study, series, part, source, digest FROM version"
            " WHERE subject_code = ? AND visit = ?",
            (case.subject_code, case.visit),
        )
        sources: dict[int, set[SourceVersion]] = defaultdict(set)
        received: dict[int, set[SeriesKey]] = defaultdict(set)
        for number, study, series, part, source, digest in rows:
            key = (
                self._cipher.text_of("study.study", study),
                self._cipher.text_of("series.series", series),
            )
            received[number].add(key)
            if part != _ONLY_RECEIVED:
                sources[number].add(
                    SourceVersion(
                        study_uid=key[0],
                        series_uid=key[1],
                        part=part,
                        number=source,
                        digest=digest,
                    )
                )
        return tuple(
            CaseVersion(
                number=number,
                sources=frozenset(sources[number]),
                received=frozenset(received[number]),
            )
            for number in sorted(received)
        )

    def note(self, case: Case, version: CaseVersion) -> None:
        """Keep what a version rests on now; what it had to choose from only grows."""
        keys = (case.subject_code, case.visit, version.number)
        key_of = self._cipher.key_of
        sources = [(*s.place, s.number, s.digest) for s in version.sources]
        received = [(*key, _ONLY_RECEIVED, 0, "") for key in version.received]
        with transaction(self._connection):
            self._connection.execute(
                "DELETE FROM version WHERE subject_code = ? AND visit = ? AND number = ?"
                " AND part != ?",
                (*keys, _ONLY_RECEIVED),
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (*keys, key_of("study.study", study), key_of("series.series", uid), *rest)
                    for study, uid, *rest in sources + received
                ],
            )
