"""Received bytes, wherever they lie: the one place that opens a delivered file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 2**20


def open_source(path: Path) -> BinaryIO:
    """Open a delivered file for reading; the stream can be sought.

    Parameters
    ----------
    path
        As :func:`corelab.dicom.files.find_files` named it.

    Raises
    ------
    OSError
        Where it cannot be read.
    """
    return path.open("rb")


def source_digest(path: Path) -> str:
    """SHA-256 of a delivered file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with open_source(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
