"""What a run may not show: the details of a bug.

They go to ``VAULT/log``, which only the vault's owner may open.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from corelab.errors import CorelabError, StoreError
from corelab.store.files import private_folder

_FOLDER = "log"
_FILE_MODE = 0o600


class IncidentError(CorelabError):
    """A bug stopped a command; its details stand in the vault alone."""


@contextmanager
def incidents_kept(vault: Path) -> Iterator[None]:
    """Context in which a bug's traceback, which may hold paths and header text, is kept back.

    Raises
    ------
    IncidentError
        In place of what is no :class:`CorelabError`, with its number and where to look.
    """
    try:
        yield
    except CorelabError:
        raise
    except Exception:  # noqa: BLE001 - whatever a bug raises may quote a header
        raise IncidentError(_keep(vault, traceback.format_exc())) from None


def _keep(vault: Path, details: str) -> str:
    """Write a traceback down, and say under which number."""
    try:
        folder = private_folder(vault / _FOLDER)
        for number in count(1):
            try:
                _write_new(folder / f"incident-{number}.txt", details)
            except FileExistsError:
                continue
            return (
                f"corelab stopped at a fault of its own: incident {number}. The details may name "
                f"patients and stand in log/incident-{number}.txt of the vault; the data manager "
                "can send them on"
            )
    except (OSError, StoreError):
        pass
    return (
        "corelab stopped at a fault of its own, and the vault's log cannot be written: no details "
        "were kept. Free the vault and run the same command again"
    )


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:  # noqa: PTH123 - a descriptor
        stream.write(text)
