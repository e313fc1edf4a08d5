"""Results that may not stay in OUT: moved into the vault, never deleted.

The ledger of reads stays where it is, whatever is found in it: signed reads are never taken away
by a search. It is told of in every run until somebody has seen to it.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from errno import EXDEV
from itertools import count
from pathlib import Path

from corelab.blinding.audit import AuditReport, OwnWords, library_words, vocabulary_of
from corelab.errors import ReasonCode
from corelab.series import Refusal
from corelab.store.files import private_folder
from corelab.store.layout import Layout
from corelab.store.versions import remove_if_empty
from corelab.vocab import Case, Problem, SubjectCode, VisitLabel
from pipelines.placing import discard

NO_CASE = Case(SubjectCode(""), VisitLabel(""))
"""Stands for what lies outside any case."""
_FOLDER = "withdrawn"
_SEED = "reads.seed"
_CASE_FOLDER_DEPTH = 2
_MOST_VISITS = 100
_WRITERS_OF_OUT = (
    "agreement.py",
    "case.py",
    "cases.py",
    "closing.py",
    "convert.py",
    "convert_list.py",
    "delivered.py",
    "followup.py",
    "reader.py",
    "standing.py",
    "withdrawal.py",
)
_LEAK = "an identifying text was found in a file of OUT; it is in the vault now"
_GAP = "a file of OUT could not be searched for identifying texts; it is in the vault now"
_LEAK_IN_LEDGER = "an identifying text was found in the ledger of reads; it stays"
_GAP_IN_LEDGER = "the ledger of reads could not be searched for identifying texts; it stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What the audit moved out of OUT: ``evidence`` is for the vault."""

    case: Case
    message: str
    evidence: str

    @property
    def problem(self) -> Problem:
        """Row of ``problems.csv``."""
        return Problem(
            subject_code=self.case.subject_code,
            visit=self.case.visit,
            reason_code=ReasonCode.LEAK_FOUND.value,
            message=self.message,
        )


def withdraw(layout: Layout, case: Case, vault: Path) -> None:
    """Move a case's files out of OUT: its number no longer stands for its scans.

    Earlier versions of it stay where they are.
    """
    folder, versions = layout.case_folder(case), layout.versions_folder(case)
    if not folder.exists():
        return
    withdrawn = private_folder(vault / _FOLDER) / folder.parent.name
    if not versions.exists():
        _move(folder, withdrawn, folder.name, layout.root)
        with suppress(OSError):
            folder.parent.rmdir()  # stays where other visits are
        return
    files = [path for path in folder.iterdir() if path != versions]
    target = _free(withdrawn, folder.name)
    # While its read is there a case has a number, and an interrupted run does this again.
    for path in sorted(files, key=lambda path: path == layout.read(case)):
        target.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target / path.name)


def withdraw_version(layout: Layout, case: Case, number: int, vault: Path) -> None:
    """Move one earlier version of a case out of OUT."""
    folder = layout.version_folder(case, number)
    name = f"{layout.case_folder(case).name}_{folder.name}"
    withdrawn = private_folder(vault / _FOLDER) / layout.case_folder(case).parent.name
    _move(folder, withdrawn, name, layout.root)
    remove_if_empty(folder.parent)


def withdraw_leaks(layout: Layout, vault: Path, report: AuditReport) -> tuple[Withdrawn, ...]:
    """Move everything that holds an identifying text, or cannot be searched, out of OUT.

    A hit in a case's files moves the case; a hit elsewhere moves the file or folder. The ledger
    of reads is not moved, but told of.
    """
    leaking = {leak.path for leak in report.leaks}
    hits = {*leaking, *(gap.path for gap in report.gaps)}
    hits_of: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(hits):
        hits_of[_target(path, hits)].append(path)
    withdrawn = []
    for target, found in hits_of.items():
        if _is_of_ledger(target, layout):
            withdrawn.append(_told_of_ledger(target, report))
            continue
        kept = private_folder(vault / _FOLDER)
        _move(layout.root / target, kept / target.parent, target.name, layout.root)
        # A folder whose own name is a hit names no case.
        is_case = target not in hits and _is_case_folder(target)
        withdrawn.append(
            Withdrawn(
                case=_case_of(target) if is_case else NO_CASE,
                message=_GAP if leaking.isdisjoint(found) else _LEAK,
                evidence="; ".join(text for path in found for text in _places(report, path)),
            )
        )
    return tuple(withdrawn)


def _told_of_ledger(path: Path, report: AuditReport) -> Withdrawn:
    is_leaking = any(leak.path == path for leak in report.leaks)
    return Withdrawn(
        case=NO_CASE,
        message=_LEAK_IN_LEDGER if is_leaking else _GAP_IN_LEDGER,
        evidence="; ".join(_places(report, path)),
    )


def _is_of_ledger(path: Path, layout: Layout) -> bool:
    """Whether a path below OUT is the ledger, what SQLite keeps beside it, or its order's seed."""
    name = layout.ledger.name
    return str(path) in {name, f"{name}-wal", f"{name}-shm", _SEED}


def refusals_of(withdrawn: Iterable[Withdrawn]) -> list[tuple[Case, Refusal]]:
    """Tell the vault, in one row a case and message, where all that was moved had been found."""
    evidence: dict[tuple[Case, str], list[str]] = defaultdict(list)
    for item in withdrawn:
        evidence[item.case, item.message].append(item.evidence)
    return [
        (
            case,
            Refusal(reason=ReasonCode.LEAK_FOUND, message=message, evidence="; ".join(places)),
        )
        for (case, message), places in evidence.items()
    ]


def _target(path: Path, hits: Container[Path]) -> Path:
    """Tell what is moved for a hit: the uppermost folder that is one, the case, or the file."""
    above = [ancestor for ancestor in reversed(path.parents) if ancestor in hits]
    case = Path(*path.parts[:_CASE_FOLDER_DEPTH])
    return above[0] if above else case if _is_case_folder(case) else path


def _is_case_folder(path: Path) -> bool:
    names = path.parts
    return len(names) == _CASE_FOLDER_DEPTH and bool(
        names[0].startswith("sub-") and names[1].startswith("ses-")
    )


def _case_of(folder: Path) -> Case:
    code, visit = folder.parts[0].removeprefix("sub-"), folder.parts[1].removeprefix("ses-")
    return Case(SubjectCode(code), VisitLabel(visit))


def _places(report: AuditReport, path: Path) -> Iterator[str]:
    yield from (
        f"{leak.kind} in the {leak.place} of {path}" for leak in report.leaks if leak.path == path
    )
    yield from (f"{gap.place} of {path} not searched" for gap in report.gaps if gap.path == path)


def own_words(trial_id: str, visits: Iterable[str], codes: Iterable[str]) -> OwnWords:
    """Return what OUT holds on purpose: our own words, trial, visits and subject codes.

    Parameters
    ----------
    trial_id, visits
        Of the trial; visits that are numbered by date are known.
    codes
        Subject codes as the vault has them: a folder in OUT that looks like one proves nothing.
    """
    ours = library_words() | vocabulary_of(Path(__file__).parent, _WRITERS_OF_OUT)
    numbered = (f"v{number}" for number in range(1, _MOST_VISITS))
    return ours.with_texts(text for text in (trial_id, *visits, *numbered, *codes) if text)


def _move(source: Path, folder: Path, name: str, out: Path) -> None:
    """Move what lies under OUT; to another disk as well, it is in neither place by half."""
    folder.mkdir(parents=True, exist_ok=True)
    place = _free(folder, name)
    try:
        source.rename(place)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        part = place.with_name(f".{place.name}.{os.getpid()}.part")
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, part, symlinks=True)
        else:
            shutil.copy2(source, part, follow_symlinks=False)
        part.rename(place)
        discard(source, out)


def _free(folder: Path, name: str) -> Path:
    places = (folder / f"{name}.{number}" for number in count(1))
    return next(place for place in places if not place.exists())
