"""The vault: who is who, where everything came from, what is held back. Unblinded.

One SQLite file (WAL, synchronous FULL) in a folder that only its owner may open. What identifies
is sealed (:mod:`corelab.blinding.cipher`); codes, counts, outcomes and our own words are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from corelab.blinding.code import new_code
from corelab.blinding.vault_delivery import (
    Batch,
    DeliveredFile,
    KnownDigests,
    digests_known,
    file_text,
    note_batch_end,
    note_batch_start,
    note_delivery,
)
from corelab.blinding.vault_file import (
    VaultFile,
    is_current,
    open_file,
    open_memory,
    transaction,
)
from corelab.blinding.vault_ledger import Ledger
from corelab.blinding.vault_log import note_access, now_utc
from corelab.blinding.vault_loose import note_loose
from corelab.blinding.vault_memory import recall, remember, state_of
from corelab.blinding.vault_series import (
    KnownStudy,
    files_of_series,
    forget_replaced,
    known_sources,
    known_studies,
    note_sources,
    note_study,
    noted_at,
)
from corelab.blinding.vault_versions import Versions
from corelab.errors import NO_QUERY, StoreError
from corelab.series import (
    Identifier,
    IdentifierKind,
    Identity,
    LooseFile,
    Refusal,
    SeriesKey,
    SeriesVerdict,
    SourceVersion,
    StudyKey,
)
from corelab.vocab import Case, SubjectCode, VisitLabel


class Vault:
    """An open vault; make one with :func:`open_vault`."""

    def __init__(self, file: VaultFile) -> None:
        self._connection = file.connection
        self._cipher = file.cipher
        self.new_key_file = file.new_key_file
        self._opened_at = self._version_of_others()

    @property
    def ledger(self) -> Ledger:
        """What a data manager reads of the vault."""
        return Ledger(self._connection, self._cipher)

    @property
    def versions(self) -> Versions:
        """Which sources each version of a case's read rests on."""
        return Versions(self._connection, self._cipher)

    def known_code(self, patient_id: str) -> SubjectCode | None:
        """Code that a patient has up to now."""
        row = self._connection.execute(
            "SELECT subject_code FROM person WHERE patient = ?", (self._patient(patient_id),)
        ).fetchone()
        return SubjectCode(row[0]) if row else None

    def code_of(
        self, patient_id: str, is_fit: Callable[[str], bool] = lambda _: True
    ) -> SubjectCode:
        """Code of a patient, drawn at random at first sight and kept for good.

        Parameters
        ----------
        patient_id
            The patient.
        is_fit
            Whether a drawn code happens to tell nothing of the patient; drawn again otherwise.
        """
        known = self.known_code(patient_id)
        if known:
            return known
        taken = {
            str(code) for (code,) in self._connection.execute("SELECT subject_code FROM person")
        }
        code = new_code(taken)
        while not is_fit(code):
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
                "INSERT OR IGNORE INTO person VALUES (?, ?, ?)",
                (self._patient(patient_id), code, now_utc()),
            )
        if self.known_code(patient_id) != code:
            raise StoreError(
                f"subject code {code}: the vault holds this patient or this code in another pair"
            )

    def note_series(self, verdicts: Iterable[SeriesVerdict]) -> None:
        """Keep where each series came from and what became of it."""
        studies: dict[StudyKey, list[SeriesVerdict]] = defaultdict(list)
        for verdict in verdicts:
            studies[verdict.series.identity.study_key].append(verdict)
        with self._transaction():
            rows: list[int] = []
            for key, of_study in studies.items():
                rows += note_study(self._connection, self._cipher, key, of_study)
            forget_replaced(self._connection, rows)
            series = [verdict.series for of_study in studies.values() for verdict in of_study]
            self._note_identifiers(
                text for identity in {s.identity for s in series} for text in _texts_of(identity)
            )
            self._note_identifiers(_names({path for part in series for path in part.files}))

    def note_loose(self, root: Path, files: Iterable[LooseFile]) -> None:
        """Keep the files of an incoming folder that belong to no series now."""
        files = tuple(files)
        with self._transaction():
            note_loose(self._connection, self._cipher, root, files)
            self._note_identifiers(_names({file.path for file in files}))

    def note_case_problems(
        self, cases: Iterable[Case], problems: Iterable[tuple[Case, Refusal]]
    ) -> None:
        """Keep what is wrong with these cases now, instead of what was wrong with them before."""
        with self._transaction():
            self._connection.executemany(
                "DELETE FROM case_problem WHERE subject_code = ? AND visit = ?",
                [(case.subject_code, case.visit) for case in cases],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO case_problem VALUES (?, ?, ?, ?, ?)",
                [
                    (
                        case.subject_code,
                        case.visit,
                        refusal.reason,
                        refusal.message,
                        self._sealed("case_problem.evidence", refusal.evidence),
                    )
                    for case, refusal in problems
                ],
            )

    def start_batch(self, made_with: tuple[str, str, str], out: Path) -> int:
        """Keep that a batch begins; its number.

        Parameters
        ----------
        made_with
            Software version, trial, digest of the trial's settings.
        out
            Where it writes.
        """
        with self._transaction():
            return note_batch_start(self._connection, self._cipher, made_with, out)

    def end_batch(self, batch: Batch) -> None:
        """Keep what became of a batch."""
        with self._transaction():
            note_batch_end(self._connection, batch)

    def note_delivery(self, root: Path, files: Iterable[DeliveredFile]) -> int:
        """Keep every file of a delivery with its SHA-256; the delivery's number.

        A delivery that holds the same bytes under the same names as an earlier one is that one.
        """
        with self._transaction():
            return note_delivery(self._connection, self._cipher, root, files)

    def digests_known(self, stamps: Mapping[Path, str]) -> dict[Path, KnownDigests]:
        """Digests of the files that are as they were when these were taken, by their stamps."""
        return digests_known(self._connection, self._cipher, stamps)

    def source_versions(self, study_uids: Iterable[str]) -> tuple[SourceVersion, ...]:
        """Every version of the pixels of every part of these studies that was measured."""
        return known_sources(self._connection, self._cipher, study_uids)

    def note_source(self, versions: Iterable[SourceVersion]) -> None:
        """Keep which pixels a case was measured on; a version that is known stays as it is."""
        with self._transaction():
            note_sources(self._connection, self._cipher, versions)

    def measured_at(self, version: SourceVersion) -> datetime | None:
        """When a case was first measured on these pixels, UTC; ``None`` if it never was."""
        noted = noted_at(self._connection, self._cipher, version)
        return datetime.fromisoformat(noted) if noted else None

    def files_of_series(self, key: SeriesKey) -> tuple[Path, ...]:
        """Every file of a series, where the newest delivery that brought it had them."""
        return tuple(map(Path, files_of_series(self._connection, self._cipher, key)))

    def uid_of(self, text: str) -> str:
        """DICOM UID for what a text describes: the vault's own, equal for equal texts."""
        return self._cipher.uid_of(text)

    def studies_of(self, patient_id: str) -> tuple[KnownStudy, ...]:
        """Every study of a patient that earlier runs have seen."""
        return known_studies(self._connection, self._cipher, patient_id)

    def visits_of(self, patient_id: str) -> dict[str, VisitLabel]:
        """Visit of every study of a patient that has one, by study UID."""
        return {s.study_uid: s.visit for s in self.studies_of(patient_id) if s.visit}

    def cases_of(self, study_uids: Iterable[str]) -> frozenset[Case]:
        """Cases that these studies have been up to now."""
        found: set[Case] = set()
        for uid in study_uids:
            rows = self._connection.execute(
                "SELECT DISTINCT subject_code, visit FROM study"
                " WHERE study = ? AND subject_code IS NOT NULL",
                (self._study(uid),),
            )
            found.update(Case(SubjectCode(code), VisitLabel(visit)) for code, visit in rows)
        return frozenset(found)

    def unassigned(self) -> tuple[Refusal, ...]:
        """Why each study that belongs to no case waits for an answer, over all deliveries."""
        waiting = [
            Refusal(reason=row.reason, message=row.found)
            for row in self.ledger.studies_held()
            if row.reason and row.reason not in NO_QUERY
        ]
        return tuple(sorted(waiting, key=lambda refusal: (refusal.reason, refusal.message)))

    def codes(self) -> tuple[SubjectCode, ...]:
        """Return every subject code that was given."""
        rows = self._connection.execute("SELECT subject_code FROM person ORDER BY subject_code")
        return tuple(SubjectCode(code) for (code,) in rows)

    def identifiers(self) -> tuple[Identifier, ...]:
        """Return every identifying text that any delivery has carried, sorted."""
        rows = self._connection.execute("SELECT value, kind FROM identifier")
        text_of = self._cipher.text_of
        return tuple(
            sorted(
                Identifier(text_of("identifier.value", value), IdentifierKind(kind))
                for value, kind in rows
            )
        )

    def remember(self, name: str, text: str) -> None:
        """Keep a text for the next run, in place of what was kept under its name."""
        with self._transaction():
            remember(self._connection, self._cipher, name, text)

    def recall(self, name: str) -> str:
        """Text that an earlier run kept under a name; empty where there is none."""
        return recall(self._connection, self._cipher, name)

    def state(self) -> str:
        """Digest of all that is held of deliveries and cases, whoever put it there."""
        return state_of(self._connection)

    @property
    def is_changed_by_others(self) -> bool:
        """Whether anybody else has written to the vault since it was opened here."""
        return self._version_of_others() != self._opened_at

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _note_identifiers(self, identifiers: Iterable[Identifier]) -> None:
        told = {(i.text.strip(), i.kind.value) for i in identifiers if i.text.strip()}
        key_of = self._cipher.key_of
        self._connection.executemany(
            "INSERT OR IGNORE INTO identifier VALUES (?, ?)",
            [(key_of("identifier.value", text), kind) for text, kind in told],
        )

    def _patient(self, patient_id: str) -> bytes:
        return self._cipher.key_of("person.patient", patient_id.strip())

    def _study(self, uid: str) -> bytes:
        return self._cipher.key_of("study.study", uid)

    def _version_of_others(self) -> int:
        """Counter that SQLite moves on when another connection commits, and only then."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _sealed(self, column: str, text: str) -> bytes | None:
        return self._cipher.seal(column, text) if text else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self._connection):
            yield


@contextmanager
def open_vault(
    folder: Path, *, key_file: Path | None = None, command: str = "library", what: str = ""
) -> Iterator[Vault]:
    """Open a vault, made with owner-only rights when it is new; a line of its log says so.

    Parameters
    ----------
    folder
        Of the vault.
    key_file
        Its key, where it lies neither beside the folder nor in the environment.
    command, what
        Who opens it and for what, for the log.

    Raises
    ------
    StoreError
        When the folder cannot be made, the file is no vault or damaged, or the key does not fit.
    """
    file = open_file(folder, key_file)
    vault = Vault(file)
    try:
        with transaction(file.connection):
            note_access(file.connection, file.cipher, command, what)
        yield vault
    finally:
        vault.close()


@contextmanager
def rehearse(
    folder: Path, *, key_file: Path | None = None, command: str = "rehearsal"
) -> Iterator[Vault]:
    """Copy of a vault in memory: what is written to it is gone afterwards.

    The vault itself gets a line in its log, and nothing else; one of an older layout not even that.

    Raises
    ------
    StoreError
        As :func:`open_vault` does.
    """
    vault = Vault(open_memory(folder, key_file))
    try:
        if is_current(folder):
            with open_vault(folder, key_file=key_file, command=command, what="a copy in memory"):
                pass
        yield vault
    finally:
        vault.close()


def _texts_of(identity: Identity) -> Iterator[Identifier]:
    yield Identifier(identity.patient_id, IdentifierKind.NUMBER)
    yield Identifier(identity.study_uid, IdentifierKind.UID)
    yield Identifier(identity.series_uid, IdentifierKind.UID)
    yield Identifier(identity.description, IdentifierKind.DESCRIPTION)
    yield from identity.texts


def _names(paths: Iterable[Path]) -> Iterator[Identifier]:
    """Names that may identify: of files, their folders, and the archives that they lie in."""
    parts: set[str] = set()
    folders: set[Path] = set()
    for path in paths:
        parts.add(path.name)
        folders.add(path.parent)
    for folder in folders:
        parts.add(folder.name)
        parts.update(parent.name for parent in folder.parents if parent.is_file())
    yield from (Identifier(file_text(Path(name)), IdentifierKind.FILE_NAME) for name in parts)
