"""The vault's own log: who opened it, when and for what; lines are added, never changed.

Triggers refuse a change or a cut, and each line holds a keyed digest of itself and of the line
before it, so that what was changed behind the triggers shows. Whoever holds the key and the file
can write the whole log anew: keep the digest of its last line elsewhere to show that too.
"""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from corelab.blinding.cipher import Cipher

_START = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One line of the log: UTC time, user of the operating system, command, what it did."""

    number: int
    at_utc: str
    os_user: str
    command: str
    what: str
    chain: str


def note_access(connection: sqlite3.Connection, cipher: Cipher, command: str, what: str) -> None:
    """Add a line; within a transaction."""
    last = connection.execute(
        "SELECT number, chain FROM log ORDER BY number DESC LIMIT 1"
    ).fetchone() or (0, _START)
    line = [last[0] + 1, now_utc(), os_user(), command, what]
    connection.execute(
        "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)",
        (*line, cipher.chained(last[1], _record(line))),
    )


def accesses(connection: sqlite3.Connection) -> tuple[Access, ...]:
    """Every line, oldest first."""
    return tuple(
        Access(
            number=number,
            at_utc=at_utc,
            os_user=user,
            command=command,
            what=what,
            chain=chain.hex(),
        )
        for number, at_utc, user, command, what, chain in _lines(connection)
    )


def fault_of_log(connection: sqlite3.Connection, cipher: Cipher) -> str | None:
    """Say which line is not as it was written, or that lines are gone; ``None`` for a sound log."""
    chain, count = _START, 0
    for *line, found in _lines(connection):
        count += 1
        if line[0] != count:
            return f"line {count} is gone"
        chain = cipher.chained(chain, _record(line))
        if chain != found:
            return f"line {count}, or the one before it, is not as it was written"
    (written,) = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'log'"
    ).fetchone()
    return f"{written - count} lines are gone from its end" if written != count else None


def now_utc() -> str:
    """Time of now for the vault, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def os_user() -> str:
    """Name of the process's user; its number where the system knows no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _lines(connection: sqlite3.Connection) -> Iterator[tuple[int, str, str, str, str, bytes]]:
    yield from connection.execute(
        "SELECT number, at_utc, os_user, command, what, chain FROM log ORDER BY number"
    )


def _record(line: list[object]) -> bytes:
    return json.dumps(line).encode()
