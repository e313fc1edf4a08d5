"""What a case's result rests on, in three digests: which of them changed says why it is redone."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import NamedTuple


class CaseKey(NamedTuple):
    """Digest of the delivered files, of the settings that touch the case, and the version."""

    files: str
    settings: str
    software_version: str

    @property
    def text(self) -> str:
        """All of it as one SHA-256, hexadecimal."""
        return hashlib.sha256("\n".join(self).encode()).hexdigest()


class Change(StrEnum):
    """What became of a case since its last read; the words of a run's summary."""

    NEW = "new"
    FILES = "redone for changed files"
    SETTINGS = "redone for changed settings"
    VERSION = "redone for a changed version"
    RESULTS = "redone for results gone or changed in OUT"
    ASKED = "redone as asked (--fresh)"
    UNCHANGED = "unchanged since the last run"


def change_between(last: CaseKey | None, now: CaseKey) -> Change:
    """Tell why a case is to be measured; the version first, which changes for all cases at once.

    Parameters
    ----------
    last
        Of its last read; ``None`` without one.
    now
        Of what is planned.
    """
    if last is None:
        return Change.NEW
    if last.software_version != now.software_version:
        return Change.VERSION
    if last.files != now.files:
        return Change.FILES
    return Change.UNCHANGED if last.settings == now.settings else Change.SETTINGS
