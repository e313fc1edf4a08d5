"""Results that may not stay in OUT: moved into the vault, never deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from corelab.blinding.audit import audit
from corelab.errors import ReasonCode
from corelab.store.layout import Layout
from corelab.store.table import load_problems, load_visits
from corelab.vocab import Case, Problem, SubjectCode, VisitLabel

_FOLDER = "withdrawn"
_CASE_FILE_DEPTH = 3


def withdraw(layout: Layout, case: Case, vault: Path) -> None:
    """Move a case's files out of OUT: its number no longer stands for its scans."""
    folder = layout.case_folder(case)
    if folder.exists():
        _move(folder, vault / _FOLDER / folder.parent.name, folder.name)


def withdraw_leaks(
    layout: Layout, vault: Path, identifiers: Iterable[str], *, trial_id: str
) -> list[Problem]:
    """Move everything that holds an identifying text out of OUT, and say so.

    A hit in a case's files moves the case; a hit elsewhere moves the file.
    """
    problems = []
    leaks = audit(layout.root, identifiers, own_words=own_words(layout, trial_id))
    for path in dict.fromkeys(leak.path for leak in leaks):
        if len(path.parts) == _CASE_FILE_DEPTH:
            code, visit = path.parts[0].removeprefix("sub-"), path.parts[1].removeprefix("ses-")
            withdraw(layout, Case(SubjectCode(code), VisitLabel(visit)), vault)
        else:
            code, visit = "", ""
            _move(layout.root / path, vault / _FOLDER, path.name)
        problems.append(
            Problem(
                subject_code=code,
                visit=visit,
                reason_code=ReasonCode.LEAK_FOUND.value,
                message="an identifying text was found in a file of OUT; it is in the vault now",
            )
        )
    return list(dict.fromkeys(problems))


def own_words(layout: Layout, trial_id: str) -> frozenset[str]:
    """Words that OUT holds on purpose: trial, subject codes and visits."""
    words = {trial_id, *load_visits(layout)}
    for folder in layout.root.glob("sub-*/ses-*"):
        words |= {folder.parent.name.removeprefix("sub-"), folder.name.removeprefix("ses-")}
    for problem in load_problems(layout):
        words |= {problem.subject_code, problem.visit}
    return frozenset(word.lower() for word in words if word)


def _move(source: Path, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = (folder / f"{name}.{number}" for number in count(1))
    shutil.move(source, next(place for place in free if not place.exists()))
