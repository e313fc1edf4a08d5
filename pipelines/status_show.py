"""``corelab status``: on a terminal of 80 columns, or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from corelab.store.files import Json
from corelab.vocab import Case, Problem
from pipelines.cli import EXIT_PROBLEMS, StatusFormat
from pipelines.reading_show import reading_json, reading_lines
from pipelines.screen import counted, show_plain, standard_output
from pipelines.status import Status, case_of, status_of
from pipelines.telling import told

_MOST_LISTED = 15
_WIDEST = 80
_LABEL = 12
_ALL = "all"
_BYTES_PER_UNIT = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_WHOLE = 10


@told
def status_command(out: Path, vault: Path | None, key_file: Path | None, form: StatusFormat) -> int:
    """Print how far the batches are; 1 while anything is pending or failed."""
    status = status_of(out, vault, key_file)
    console = standard_output()
    lines: Iterable[str] = lines_of(status, min(console.width, _WIDEST))
    if form is StatusFormat.JSON:
        lines = json.dumps(as_json(status), indent=2, ensure_ascii=True).splitlines()
    for line in lines:
        show_plain(console, line)
    return 0 if status.is_all_done else EXIT_PROBLEMS


def lines_of(status: Status, width: int) -> Iterator[str]:
    """Lines of text, none wider than the terminal."""
    locked = "locked" if status.is_locked else "not locked"
    yield from _labelled("OUT", str(status.out), width)
    yield from _labelled("state", f"{locked}; {status.run}", width)
    yield from _last_batch(status, width)
    if status.vault and not status.vault.is_of_out:
        note = "no batch of this vault wrote to this OUT: was OUT moved, or is it another's vault?"
        yield from _labelled("NOTE", note, width)
    yield ""
    yield from _table(status)
    yield from _pending(status, width)
    yield from _problems("failed", status.failed, width)
    yield from _problems("measured, with a problem", status.noted, width)
    yield from _problems("without a case", status.loose, width)
    yield from _quarantined(status, width)
    yield from reading_lines(status.reading, width)
    yield ""
    disk = status.disk
    yield from _labelled(
        "disk",
        f"{size_text(disk.all_bytes)} in OUT: images {size_text(disk.images_bytes)}, "
        f"masks {size_text(disk.masks_bytes)}, rest {size_text(disk.rest_bytes)}; "
        f"{size_text(disk.free_bytes)} free",
        width,
    )


def as_json(status: Status) -> dict[str, Json]:
    """All of it, with every case that the screen leaves out."""
    vault, batch = status.vault, status.vault.last_batch if status.vault else None
    return {
        "out": str(status.out),
        "is_locked": status.is_locked,
        "run": status.run.name.lower(),
        "is_all_done": status.is_all_done,
        "done": [_case_json(case) for case in sorted(status.done)],
        "pending": None
        if vault is None
        else [{**_case_json(c), "has_read": c in status.reads} for c in vault.pending],
        "failed": [_problem_json(problem) for problem in status.failed],
        "measured_with_a_problem": [_problem_json(problem) for problem in status.noted],
        "without_a_case": [_problem_json(problem) for problem in status.loose],
        "quarantined": None if vault is None else dict(vault.quarantined),
        "last_batch": {
            "started_utc": batch.started_utc if batch else None,
            "finished_utc": (batch.finished_utc or None) if batch else None,
            **status.batch,
        },
        "disk": dict(asdict(status.disk)),
        "reading": reading_json(status.reading) if status.reading else None,
    }


def size_text(n_bytes: int) -> str:
    """Bytes in a unit that leaves two or three digits."""
    number = float(n_bytes)
    for unit in _UNITS[:-1]:
        if number < _BYTES_PER_UNIT:
            digits = 1 if number < _WHOLE and unit != "B" else 0
            return f"{number:.{digits}f} {unit}"
        number /= _BYTES_PER_UNIT
    return f"{number:.1f} {_UNITS[-1]}"


def _last_batch(status: Status, width: int) -> Iterator[str]:
    batch, told = status.vault.last_batch if status.vault else None, status.batch
    texts = []
    if batch:
        ended = f"finished {_moment(batch.finished_utc)}" if batch.finished_utc else "not finished"
        texts.append(f"started {_moment(batch.started_utc)}, {ended} (UTC)")
    if told:
        texts.append(
            f"{_number(told, 'cases_measured', 'case')} measured, {told.get('cases_new')} anew, "
            f"{_number(told, 'problems', 'problem')}, {told.get('duration_s')} s"
        )
        texts.append(
            f"{told.get('trial_id')}, corelab {told.get('software_version')}, "
            f"config {told.get('config_digest')}"
        )
    for number, text in enumerate(texts or ["none has ended"]):
        yield from _labelled("" if number else "last batch", text, width)


def _number(record: Mapping[str, Json], name: str, thing: str) -> str:
    value = record.get(name)
    return counted(value, thing) if isinstance(value, int) else f"an unknown number of {thing}s"


def _moment(iso: str) -> str:
    return iso.partition("+")[0].replace("T", " ")


def _table(status: Status) -> Iterator[str]:
    failed = frozenset(map(case_of, status.failed))
    wide = max(map(len, (*status.visits, "visit")))
    yield f"{'visit':<{wide}}  {'done':>6}  {'pending':>7}  {'failed':>6}"
    for visit in (*status.visits, _ALL):
        done, pending, lost = (
            "?" if cases is None else str(_count(cases, visit))
            for cases in (status.done, status.pending, failed)
        )
        yield f"{visit:<{wide}}  {done:>6}  {pending:>7}  {lost:>6}"
    if status.pending is None:
        yield "Pending cases stand in the vault: --vault shows them."


def _count(cases: Iterable[Case], visit: str) -> int:
    return sum(visit in {case.visit, _ALL} for case in cases)


def _pending(status: Status, width: int) -> Iterator[str]:
    pending = status.pending
    if not pending:
        return
    yield ""
    yield "pending"
    for case in pending[:_MOST_LISTED]:
        older = ", has a read of an earlier run" if case in status.reads else ""
        yield from _wrapped(f"{case.subject_code} {case.visit}{older}", width)
    yield from _more(pending)


def _problems(title: str, problems: Sequence[Problem], width: int) -> Iterator[str]:
    if not problems:
        return
    yield ""
    yield title
    for problem in problems[:_MOST_LISTED]:
        words = (problem.subject_code, problem.visit, f"{problem.reason_code}: {problem.message}")
        yield from _wrapped(" ".join(filter(None, words)), width)
    yield from _more(problems)


def _quarantined(status: Status, width: int) -> Iterator[str]:
    if not status.vault:
        return
    yield ""
    counts = status.vault.quarantined
    if not counts:
        yield "quarantined: nothing"
        return
    yield "quarantined"
    for reason, count in counts.items():
        yield from _wrapped(f"{count:>5}  {reason}", width)
    yield from _wrapped("corelab vault query VAULT shows each, and what to ask", width)


def _more(listed: Sequence[object]) -> Iterator[str]:
    rest = len(listed) - _MOST_LISTED
    if rest > 0:
        yield f"  and {rest} more (--format json names all)"


def _labelled(label: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"{label:<{_LABEL}}",
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="      ",
        drop_whitespace=True,
        break_on_hyphens=False,
    )


def _case_json(case: Case) -> dict[str, Json]:
    return {"subject_code": str(case.subject_code), "visit": str(case.visit)}


def _problem_json(problem: Problem) -> dict[str, Json]:
    return dict(asdict(problem))
