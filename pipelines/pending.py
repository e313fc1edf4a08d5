"""Cases that were planned and are not done, in ``VAULT/pending.jsonl``: codes and visits only.

The file is written whole before a batch measures, and gets a line for each case that is measured,
so that it is right whenever a run is killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.files import write_private
from corelab.vocab import Case, SubjectCode, VisitLabel

_NAME = "pending.jsonl"
_PLANNED, _MEASURED = "planned", "measured"


def load_pending(vault: Path) -> frozenset[Case]:
    """Cases that are planned and not measured; a line that a kill cut short counts for nothing."""
    try:
        lines = (vault / _NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise StoreError(f"the vault's {_NAME} cannot be read: {error.strerror}") from error
    pending: set[Case] = set()
    for line in lines:
        try:
            what, code, visit = json.loads(line)
        except ValueError:
            continue
        case = Case(SubjectCode(code), VisitLabel(visit))
        if what == _PLANNED:
            pending.add(case)
        else:
            pending.discard(case)
    return frozenset(pending)


def write_pending(vault: Path, cases: Iterable[Case]) -> None:
    """Write down which cases are to be done.

    Raises
    ------
    StoreError
        When the vault cannot be written to.
    """
    lines = (_line(_PLANNED, case) for case in sorted(cases))
    write_private(vault / _NAME, "".join(lines))


def note_measured(vault: Path, case: Case) -> None:
    """Write down that a case is done.

    Raises
    ------
    StoreError
        When the vault cannot be written to.
    """
    try:
        with (vault / _NAME).open("a", encoding="utf-8") as stream:
            stream.write(_line(_MEASURED, case))
    except OSError as error:
        raise StoreError(f"the vault's {_NAME} cannot be written: {error.strerror}") from error


def _line(what: str, case: Case) -> str:
    return json.dumps([what, case.subject_code, case.visit]) + "\n"
