"""One run at a time on a vault: the system holds the lock, and a dead run holds nothing."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from corelab.blinding.vault_file import make_vault_folder
from corelab.errors import StoreError

_NAME = "run.lock"
_MODE = 0o600
_TRIES, _PAUSE_S = 5, 0.05
"""Whoever asks whether a vault is held holds it for an instant."""


@contextmanager
def hold_for_a_run(folder: Path) -> Iterator[None]:
    """Keep a second run out while one writes.

    Raises
    ------
    StoreError
        When another run holds the vault, or nobody may write there.
    """
    make_vault_folder(folder)
    try:
        number = os.open(folder / _NAME, os.O_CREAT | os.O_RDWR, _MODE)
    except OSError as error:
        raise StoreError(f"the vault {folder} cannot be held: {error.strerror}") from error
    with os.fdopen(number, "a") as stream:
        if not any(_is_locked(stream) for _ in range(_TRIES)):
            raise StoreError("another run holds this vault and OUT; wait until it ends")
        yield


def is_held(folder: Path) -> bool:
    """Whether a run is at work on a vault now."""
    try:
        with (folder / _NAME).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise StoreError(f"the vault {folder} cannot be looked at: {error.strerror}") from error
    return False


def _is_locked(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        time.sleep(_PAUSE_S)
        return False
    return True
