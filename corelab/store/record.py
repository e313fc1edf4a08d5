"""Reads to and from their JSON files."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from corelab.errors import StoreError
from corelab.store.files import read_bytes, write_bytes
from corelab.vocab import Read

_READ = TypeAdapter(Read)


def save_read(path: Path, read: Read) -> None:
    """Put a read in place, complete or not at all; its key, made of what was sent, stays out."""
    write_bytes(path, _READ.dump_json(read, indent=2, exclude={"case_key"}) + b"\n")


def load_read(path: Path) -> Read:
    """Read a read.

    Raises
    ------
    StoreError
        When the file is absent or is not a read.
    """
    try:
        return _READ.validate_json(read_bytes(path))
    except FileNotFoundError as error:
        raise StoreError(f"{path.name} is absent") from error
    except ValidationError as error:
        count = error.error_count()
        raise StoreError(f"{path.name} is no read: {count} fields do not fit") from error
