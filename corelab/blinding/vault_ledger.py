"""What a data manager reads of the vault: deliveries, people, cases, what is held back, the log."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from corelab.blinding.cipher import Cipher
from corelab.blinding.vault_log import Access, accesses, fault_of_log
from corelab.errors import ReasonCode


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One delivery: where it lay, when it was seen, how many files by what became of them."""

    number: int
    root: str
    first_seen_utc: str
    last_seen_utc: str
    fates: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One file of a delivery; ``sha256`` is empty where its bytes could not be read."""

    path: str
    sha256: str
    fate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch; without an end it was interrupted, or is at work."""

    number: int
    started_utc: str
    finished_utc: str
    delivery: int | None
    software_version: str
    trial_id: str
    config_digest: str
    counts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """One person of the crosswalk."""

    patient_id: str
    subject_code: str
    noted_at_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """One study: whose it is, when it was acquired by the scanner's clock, which case it became.

    ``versions`` are the numbers of the reads of its case that rest on it.
    """

    patient_id: str
    subject_code: str
    visit: str
    study_uid: str
    acquired_at: str
    modalities: str
    n_series_used: int
    versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """What waits for an answer: a study without a case, a series, a case or a file.

    ``reason`` is ``None`` in rows of the first layout, which did not keep it.
    """

    reason: ReasonCode | None
    found: str
    evidence: str
    patient_id: str
    subject_code: str
    visit: str
    study_uid: str
    series_uid: str
    paths: tuple[str, ...]


class Ledger:
    """The tables of an open vault, opened for reading."""

    def __init__(self, connection: sqlite3.Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def deliveries(self) -> tuple[DeliveryRow, ...]:
        """Every delivery, oldest first."""
        fates: dict[int, dict[str, int]] = defaultdict(dict)
        for number, fate, count in self._connection.execute(
            "SELECT delivery, fate, count(*) FROM delivery_file GROUP BY delivery, fate"
        ):
            fates[number][fate] = count
        rows = self._connection.execute(
            "SELECT number, root, first_seen_utc, last_seen_utc FROM delivery ORDER BY number"
        )
        return tuple(
            DeliveryRow(
                number=number,
                root=self._cipher.text_of("delivery.root", root),
                first_seen_utc=first,
                last_seen_utc=last,
                fates=fates[number],
            )
            for number, root, first, last in rows
        )

    def files_of(self, delivery: int) -> tuple[FileRow, ...]:
        """Every file of a delivery, by path."""
        rows = self._connection.execute(
            "SELECT path, d.sha256, fate FROM delivery_file d JOIN file f ON f.id = d.file"
            " WHERE delivery = ?",
            (delivery,),
        )
        files = [
            FileRow(path=self._path(path), sha256=(digest or b"").hex(), fate=fate)
            for path, digest, fate in rows
        ]
        return tuple(sorted(files, key=lambda file: file.path))

    def batches(self) -> tuple[BatchRow, ...]:
        """Every batch, oldest first."""
        rows = self._connection.execute(
            "SELECT number, started_utc, coalesce(finished_utc, ''), delivery, software_version,"
            " trial_id, config_digest, coalesce(counts, '') FROM batch ORDER BY number"
        )
        names = BatchRow.__dataclass_fields__
        return tuple(BatchRow(**dict(zip(names, row, strict=True))) for row in rows)

    def outs(self) -> frozenset[str]:
        """Every folder that a batch has written blinded results to."""
        rows = self._connection.execute("SELECT out FROM batch")
        return frozenset(self._cipher.open("batch.out", out) for (out,) in rows)

    def people(self) -> tuple[PersonRow, ...]:
        """Every person of the crosswalk, by subject code."""
        rows = self._connection.execute(
            "SELECT patient, subject_code, noted_at_utc FROM person ORDER BY subject_code"
        )
        return tuple(
            PersonRow(patient_id=self._patient(patient), subject_code=code, noted_at_utc=noted)
            for patient, code, noted in rows
        )

    def studies(self) -> tuple[StudyRow, ...]:
        """Every study, by case; those that have none first."""
        rows = self._connection.execute(
            "SELECT patient, coalesce(subject_code, ''), coalesce(visit, ''), study, acquired_at,"
            " modalities, (SELECT count(*) FROM series s WHERE s.patient = study.patient"
            "  AND s.study = study.study AND outcome = 'used'), (SELECT group_concat(DISTINCT"
            "  number) FROM version v WHERE v.subject_code = study.subject_code"
            "  AND v.visit = study.visit AND v.study = study.study AND part != '') FROM study"
        )
        found = [
            StudyRow(
                patient_id=self._patient(patient),
                subject_code=code,
                visit=visit,
                study_uid=self._study(study),
                acquired_at=self._opened("study.acquired_at", acquired),
                modalities=modalities,
                n_series_used=used,
                versions=tuple(
                    sorted(int(number) for number in (numbers or "").split(",") if number)
                ),
            )
            for patient, code, visit, study, acquired, modalities, used, numbers in rows
        ]
        return tuple(sorted(found, key=lambda s: (s.subject_code, s.acquired_at, s.study_uid)))

    def held_back(self) -> tuple[HeldBack, ...]:
        """All that waits for an answer: of each incoming folder, what its newest delivery holds."""
        gone = self._files_gone()
        series = list(self._held_series(gone))
        told = {(row.subject_code, row.visit, row.reason) for row in series}
        cases = (
            row
            for row in self._held_cases(gone)
            if (row.subject_code, row.visit, row.reason) not in told
        )
        held = [*self._held_studies(gone), *series, *cases, *self._held_files(gone)]
        return tuple(sorted(held, key=lambda row: (row.reason or "", row.subject_code, row.paths)))

    def studies_held(self) -> tuple[HeldBack, ...]:
        """Every study that belongs to no case and that no site has taken back."""
        return tuple(self._held_studies(self._files_gone()))

    def log(self) -> tuple[Access, ...]:
        """Every access, oldest first."""
        return accesses(self._connection)

    def fault_of_log(self) -> str | None:
        """Say where the log is not as it was written; ``None`` for a sound one."""
        return fault_of_log(self._connection, self._cipher)

    def _files_gone(self) -> frozenset[int]:
        """Files of earlier deliveries that the newest one from the same folder does not hold."""
        rows = self._connection.execute(
            "SELECT DISTINCT file FROM delivery_file WHERE file NOT IN (SELECT file FROM"
            " delivery_file WHERE delivery IN (SELECT newest FROM folder))"
        )
        return frozenset(number for (number,) in rows)

    def _held_studies(self, gone: frozenset[int]) -> Iterable[HeldBack]:
        rows = self._connection.execute(
            "SELECT patient, study, reason, why, evidence FROM study WHERE subject_code IS NULL"
        ).fetchall()
        for patient, study, reason, why, evidence in rows:
            parts = self._connection.execute(
                "SELECT id FROM series WHERE patient = ? AND study = ?", (patient, study)
            )
            paths = self._paths([number for (number,) in parts], gone)
            if paths is not None:
                yield HeldBack(
                    reason=ReasonCode(reason),
                    found=why,
                    evidence=self._opened("study.evidence", evidence),
                    patient_id=self._patient(patient),
                    subject_code=self._code_of(patient),
                    visit="",
                    study_uid=self._study(study),
                    series_uid="",
                    paths=paths,
                )

    def _held_series(self, gone: frozenset[int]) -> Iterable[HeldBack]:
        rows = self._connection.execute(
            "SELECT s.id, s.patient, s.study, series, s.reason, s.why, s.evidence, subject_code,"
            " visit FROM series s JOIN study t ON t.patient = s.patient AND t.study = s.study"
            " WHERE outcome = 'quarantined' AND subject_code IS NOT NULL"
        ).fetchall()
        for number, patient, study, series, reason, why, evidence, code, visit in rows:
            paths = self._paths([number], gone)
            if paths is not None:
                yield HeldBack(
                    reason=ReasonCode(reason) if reason else None,
                    found=why,
                    evidence=self._opened("series.evidence", evidence),
                    patient_id=self._patient(patient),
                    subject_code=code,
                    visit=visit,
                    study_uid=self._study(study),
                    series_uid=self._cipher.text_of("series.series", series),
                    paths=paths,
                )

    def _held_cases(self, gone: frozenset[int]) -> Iterable[HeldBack]:
        """Cases with a problem of their own, and the files they were to be measured on.

        What was found in OUT outside the cases of this vault has no files.
        """
        rows = self._connection.execute(
            "SELECT subject_code, visit, reason, why, evidence FROM case_problem"
        ).fetchall()
        for code, visit, reason, why, evidence in rows:
            parts = self._connection.execute(
                "SELECT s.id, s.patient, s.study, outcome = 'used' FROM series s JOIN study t"
                " ON t.patient = s.patient AND t.study = s.study"
                " WHERE subject_code = ? AND visit = ?",
                (code, visit),
            ).fetchall()
            used = [part for part in parts if part[3]] or parts
            paths = self._paths([part[0] for part in used], gone)
            if paths is not None:
                studies = {self._study(part[2]) for part in used}
                yield HeldBack(
                    reason=ReasonCode(reason),
                    found=why,
                    evidence=self._opened("case_problem.evidence", evidence),
                    patient_id=self._patient(used[0][1]) if used else "",
                    subject_code=code,
                    visit=visit,
                    study_uid=" ".join(sorted(studies)),
                    series_uid="",
                    paths=paths,
                )

    def _held_files(self, gone: frozenset[int]) -> Iterable[HeldBack]:
        """Files without a series; not those of a folder whose newest delivery lies elsewhere now.

        Rows of older layouts do not say which folder they are of.
        """
        rows = self._connection.execute(
            "SELECT id, path, reason, why, evidence, root IS NOT NULL FROM loose l"
            " JOIN file ON id = file WHERE NOT EXISTS (SELECT * FROM folder f JOIN delivery d"
            " ON d.number = f.newest WHERE f.root = l.root AND d.root != l.root)"
        )
        for number, path, reason, why, evidence, has_folder in rows:
            if has_folder or number not in gone:
                yield HeldBack(
                    reason=ReasonCode(reason),
                    found=why,
                    evidence=self._opened("loose.evidence", evidence),
                    patient_id="",
                    subject_code="",
                    visit="",
                    study_uid="",
                    series_uid="",
                    paths=(self._path(path),),
                )

    def _paths(self, series: Iterable[int], gone: frozenset[int]) -> tuple[str, ...] | None:
        """Paths of the files of some series; ``None`` when all of them were taken back."""
        files: dict[int, bytes] = {}
        for number in series:
            rows = self._connection.execute(
                "SELECT id, path FROM series_file JOIN file ON id = file WHERE series = ?",
                (number,),
            )
            files.update(dict(rows))
        if files and gone.issuperset(files):
            return None
        return tuple(sorted(self._path(path) for n, path in files.items() if n not in gone))

    def _code_of(self, patient: bytes) -> str:
        row = self._connection.execute(
            "SELECT subject_code FROM person WHERE patient = ?", (patient,)
        ).fetchone()
        return str(row[0]) if row else ""

    def _patient(self, sealed: bytes) -> str:
        return self._cipher.text_of("person.patient", sealed)

    def _study(self, sealed: bytes) -> str:
        return self._cipher.text_of("study.study", sealed)

    def _path(self, sealed: bytes) -> str:
        return self._cipher.text_of("file.path", sealed)

    def _opened(self, column: str, sealed: bytes | None) -> str:
        return self._cipher.open(column, sealed) if sealed else ""
