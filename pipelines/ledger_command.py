"""The commands over the ledger of reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from corelab.dicom.files import printable
from corelab.errors import LedgerError
from corelab.reading.fold import with_entry
from corelab.reading.room import Room
from corelab.store.files import Json
from corelab.store.layout import Layout
from corelab.store.ledger import Entry, read_ledger
from corelab.store.ledger_check import Verdict, head_from, verify
from pipelines.cli import EXIT_PROBLEMS
from pipelines.ledger_cli import ShowFormat
from pipelines.screen import show_plain, standard_output
from pipelines.telling import complain, told

_SECONDS = 19


@told
def verify_command(out: Path, expected: str | None) -> int:
    """Print whether the ledger is as it was written."""
    noted = head_from(expected) if expected else None
    verdict = verify(Layout(out).ledger, noted)
    for line in _lines_of(verdict):
        show_plain(standard_output(), line)
    broken = _broken_rule(out) if verdict.is_sound else None
    if broken:
        complain(f"THE LEDGER HOLDS WHAT ITS RULES DO NOT ALLOW: {broken}")
        return EXIT_PROBLEMS
    if expected is None and verdict.is_sound:
        show_plain(
            standard_output(), "entries cut off its end show only with --expect and a noted head"
        )
    return 0 if verdict.is_sound else EXIT_PROBLEMS


@told
def head_command(out: Path) -> int:
    """Print the head, and nothing that could be taken for one when an entry is at fault."""
    verdict = verify(Layout(out).ledger)
    if verdict.fault:
        complain(f"THE LEDGER IS NOT AS IT WAS WRITTEN: {verdict.fault}")
        return EXIT_PROBLEMS
    show_plain(standard_output(), str(verdict.head))
    return 0


@told
def show_command(out: Path, after: int, form: ShowFormat) -> int:
    """Print entries."""
    console = standard_output()
    with read_ledger(Layout(out).ledger) as ledger:
        for entry in ledger.entries(after):
            show_plain(console, _LINE[form](entry))
    return 0


@told
def backup_command(out: Path, file: Path) -> int:
    """Copy the ledger and print the head of the copy, which is to be noted with it."""
    with read_ledger(Layout(out).ledger) as ledger:
        ledger.copy_to(file)
    verdict = verify(file)
    for line in (f"copy  {file}", *_lines_of(verdict)):
        show_plain(standard_output(), line)
    return 0 if verdict.is_sound else EXIT_PROBLEMS


def _lines_of(verdict: Verdict) -> Iterator[str]:
    if verdict.fault:
        yield f"THE LEDGER IS NOT AS IT WAS WRITTEN: {verdict.fault}"
        yield f"sound up to  {verdict.head}"
    else:
        count = verdict.head.sequence
        yield f"{count} entries, none changed, gone or moved; every signature and mask holds"
        yield f"head  {verdict.head}"
    if verdict.set_back:
        places = ", ".join(map(str, verdict.set_back))
        yield f"a clock was set back before entry {places}: the order holds, times there do not"


def _broken_rule(out: Path) -> str | None:
    """Return the first entry that its author may not have written; ``None`` without one.

    The chain proves who wrote an entry. Whoever has the file and a key of their own can write
    more than the reading room would have let them.
    """
    room = Room()
    with read_ledger(Layout(out).ledger) as ledger:
        for entry in ledger.entries():
            try:
                room = with_entry(room, entry)
            except LedgerError as error:
                return f"entry {entry.sequence}: {error}"
    return None


def _line(entry: Entry) -> str:
    """One line for people: when, who, what, and each field of it."""
    said = "; ".join(
        f"{key} {_text(value)}" for key, value in entry.payload.items() if value not in (None, "")
    )
    at_utc = entry.at_utc[:_SECONDS].replace("T", " ")
    kind = entry.kind.replace("_", " ")
    return printable(f"{entry.sequence:6}  {at_utc}  {entry.author}  {kind}: {said}")


def _json_line(entry: Entry) -> str:
    content: dict[str, Json] = {
        "sequence": entry.sequence,
        "at_utc": entry.at_utc,
        "author": entry.author,
        "kind": entry.kind,
        "payload": entry.payload,
        "previous": entry.previous.hex(),
        "digest": entry.digest.hex(),
        "signature": entry.signature.hex(),
    }
    return json.dumps(content, ensure_ascii=True, allow_nan=False)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_LINE: dict[ShowFormat, Callable[[Entry], str]] = {
    ShowFormat.TEXT: _line,
    ShowFormat.JSON: _json_line,
}
