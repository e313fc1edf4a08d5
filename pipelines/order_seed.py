"""The secret seed of every reader's order: a file of its owner's, bound by the ledger."""

from __future__ import annotations

import os
from pathlib import Path

from corelab.errors import StoreError
from corelab.reading.assignment import SEED_BYTES
from corelab.store.files import write_private

_RIGHTS = 0o600


def draw_seed(path: Path) -> bytes:
    """Draw a seed and keep it; one that a plan kept and could not bind any more is taken.

    Raises
    ------
    StoreError
        When it cannot be written, or the file is there and is no seed.
    """
    if not path.exists():
        write_private(path, os.urandom(SEED_BYTES).hex() + "\n")
    return load_seed(path)


def load_seed(path: Path) -> bytes:
    """Read the seed.

    Raises
    ------
    StoreError
        When it is absent, is no seed, or others may read it.
    """
    try:
        text, mode = path.read_text("ascii"), path.stat().st_mode & 0o777
    except FileNotFoundError as error:
        told = f"{path} is absent, and the ledger binds its content: put it back from a copy"
        raise StoreError(told) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read as a seed") from error
    if mode & ~_RIGHTS:
        told = f"{path} has the rights {mode:o}, expected {_RIGHTS:o}: it is the order's secret"
        raise StoreError(told)
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        told = f"{path} holds no seed: expected {2 * SEED_BYTES} hexadecimal digits"
        raise StoreError(told)
    return seed
