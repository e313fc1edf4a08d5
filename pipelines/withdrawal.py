"""Results that may not stay in OUT: moved into the vault, never deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from corelab.blinding.audit import AuditReport, OwnWords, library_words, vocabulary_of
from corelab.errors import ReasonCode
from corelab.store.layout import Layout
from corelab.store.table import load_problems, load_visits
from corelab.vocab import Case, Problem, SubjectCode, VisitLabel

_FOLDER = "withdrawn"
_CASE_FILE_DEPTH = 3
_WRITERS_OF_OUT = ("followup.py", "convert.py", "convert_list.py", "withdrawal.py", "agreement.py")
_LEAK = "an identifying text was found in a file of OUT; it is in the vault now"
_GAP = "a file of OUT could not be searched for identifying texts; it is in the vault now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What the audit moved out of OUT: ``evidence`` is for the vault."""

    case: Case | None
    message: str
    evidence: str

    @property
    def problem(self) -> Problem:
        """Row of ``problems.csv``."""
        return Problem(
            subject_code=self.case.subject_code if self.case else "",
            visit=self.case.visit if self.case else "",
            reason_code=ReasonCode.LEAK_FOUND.value,
            message=self.message,
        )


def withdraw(layout: Layout, case: Case, vault: Path) -> None:
    """Move a case's files out of OUT: its number no longer stands for its scans."""
    folder = layout.case_folder(case)
    if folder.exists():
        _move(folder, vault / _FOLDER / folder.parent.name, folder.name)


def withdraw_leaks(layout: Layout, vault: Path, report: AuditReport) -> tuple[Withdrawn, ...]:
    """Move everything that holds an identifying text, or cannot be searched, out of OUT.

    A hit in a case's files moves the case; a hit elsewhere moves the file or folder.
    """
    found = {leak.path: _LEAK for leak in report.leaks}
    found = {gap.path: _GAP for gap in report.gaps} | found
    return tuple(
        Withdrawn(
            case=_withdraw_at(layout, path, vault),
            message=message,
            evidence="; ".join(_places(report, path)),
        )
        for path, message in sorted(found.items())
    )


def _withdraw_at(layout: Layout, path: Path, vault: Path) -> Case | None:
    """Move what a path belongs to; the case, where it is one whose folder may be named."""
    if len(path.parts) >= _CASE_FILE_DEPTH and path.parts[0].startswith("sub-"):
        code, visit = path.parts[0].removeprefix("sub-"), path.parts[1].removeprefix("ses-")
        case = Case(SubjectCode(code), VisitLabel(visit))
        withdraw(layout, case, vault)
        return case
    if os.path.lexists(layout.root / path):
        _move(layout.root / path, vault / _FOLDER, path.name)
    return None


def _places(report: AuditReport, path: Path) -> Iterator[str]:
    yield from (
        f"{leak.kind} in the {leak.place} of {path}" for leak in report.leaks if leak.path == path
    )
    yield from (f"{gap.place} of {path} not searched" for gap in report.gaps if gap.path == path)


def own_words(layout: Layout, trial_id: str) -> OwnWords:
    """Return what OUT holds on purpose: our own words, trial, subject codes and visits."""
    words = {trial_id, *load_visits(layout)}
    for folder in layout.root.glob("sub-*/ses-*"):
        words |= {folder.parent.name.removeprefix("sub-"), folder.name.removeprefix("ses-")}
    for problem in load_problems(layout):
        words |= {problem.subject_code, problem.visit}
    here = Path(__file__).parent
    ours = library_words() | vocabulary_of(here / name for name in _WRITERS_OF_OUT)
    return ours.with_texts(word for word in sorted(words) if word)


def _move(source: Path, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = (folder / f"{name}.{number}" for number in count(1))
    shutil.move(source, next(place for place in free if not place.exists()))
