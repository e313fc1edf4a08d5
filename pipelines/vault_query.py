"""What waits in quarantine, each with the text of the query that would free it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from corelab.blinding.vault_ledger import HeldBack
from corelab.errors import NO_QUERY
from corelab.store.column import Cell
from pipelines.query_words import query_text, question_of
from pipelines.screen import counted, show_plain

QUERY_COLUMNS = (
    "number",
    "reason_code",
    "asked",
    "subject_code",
    "visit",
    "patient_id",
    "study_instance_uid",
    "series_instance_uid",
    "found",
    "evidence",
    "n_files",
    "files",
    "query_text",
)
_FILE_SEPARATOR = " | "
_EXAMPLES = 3
_LONGEST = 300


def wanted(held: Iterable[HeldBack], *, with_unneeded: bool) -> tuple[HeldBack, ...]:
    """Rows that ask somebody something; with those that nobody needs only on demand."""
    return tuple(row for row in held if with_unneeded or row.reason not in NO_QUERY)


def show_queries(console: Console, held: Sequence[HeldBack]) -> None:
    """Print each row as a block; alike files without a study are one block."""
    for number, rows in enumerate(_alike(held), start=1):
        first = rows[0]
        question = question_of(first.reason)
        show_plain(console, f"{number}. {_title(first)}")
        show_plain(console, f"   found     {first.found or question.found}")
        for row in rows:
            if row.evidence:
                show_plain(console, f"   evidence  {_end_of(row.evidence)}")
        paths = [path for row in rows for path in row.paths]
        show_plain(console, f"   files     {_files(paths)}")
        show_plain(console, f"   ask the {question.asked.value}: {query_text(first.reason)}")
        console.print()


def query_rows(held: Iterable[HeldBack]) -> list[dict[str, Cell]]:
    """Rows of the CSV file, numbered as on the screen."""
    return [
        {"number": number, **_cells(row)}
        for number, alike in enumerate(_alike(held), start=1)
        for row in alike
    ]


def _cells(row: HeldBack) -> dict[str, Cell]:
    return {
        "reason_code": row.reason.value if row.reason else "",
        "asked": question_of(row.reason).asked.value,
        "subject_code": row.subject_code,
        "visit": row.visit,
        "patient_id": row.patient_id,
        "study_instance_uid": row.study_uid,
        "series_instance_uid": row.series_uid,
        "found": row.found,
        "evidence": row.evidence,
        "n_files": len(row.paths),
        "files": _FILE_SEPARATOR.join(row.paths),
        "query_text": query_text(row.reason),
    }


def _alike(held: Iterable[HeldBack]) -> list[list[HeldBack]]:
    """Loose files of one reason and one folder together; everything else alone."""
    groups: dict[tuple[object, ...], list[HeldBack]] = {}
    for place, row in enumerate(held):
        is_loose = not row.study_uid and len(row.paths) == 1
        key = (row.reason, row.found, str(Path(row.paths[0]).parent)) if is_loose else (place,)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _title(row: HeldBack) -> str:
    words = [
        row.reason.value if row.reason else "no reason code (of an older version)",
        " ".join(filter(None, (row.subject_code, row.visit))),
        f"patient {row.patient_id}" if row.patient_id else "",
        f"study {row.study_uid}" if row.study_uid else "",
        f"series {row.series_uid}" if row.series_uid else "",
    ]
    return ", ".join(filter(None, words))


def _end_of(evidence: str) -> str:
    """Evidence in one line; of a long one (a traceback) the end, which says most."""
    line = " ".join(evidence.split())
    return line if len(line) <= _LONGEST else f"... {line[-_LONGEST:]} (--csv writes all of it)"


def _files(paths: Sequence[str]) -> str:
    if not paths:
        return "none"
    if len(paths) == 1:
        return paths[0]
    folder = os.path.commonpath(paths)
    names = [os.path.relpath(path, folder) for path in paths[:_EXAMPLES]]
    rest = len(paths) - len(names)
    more = f" and {rest} more" if rest else ""
    return f"{counted(len(paths), 'file')} in {folder}: {', '.join(names)}{more}"
