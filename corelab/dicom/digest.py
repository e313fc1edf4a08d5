"""Whether two files hold the same bytes, and the same pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from corelab.dicom.parse import parse
from corelab.dicom.source import open_source
from corelab.errors import UnfitDataError

_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """SHA-256 of a file's bytes, and of its transfer syntax and all from its pixel data on.

    Where the file has no pixel data, ``pixels`` is of all of it.
    """

    whole: str
    pixels: str


def file_digest(path: Path) -> FileDigest:
    """Digests of a delivered file, its bytes read once.

    Raises
    ------
    UnfitDataError
        Where the file cannot be read.
    """
    parsed = parse(path)
    whole, pixels = hashlib.sha256(), hashlib.sha256(parsed.transfer_syntax_uid.encode())
    start = 0 if parsed.pixels is None else parsed.pixels.offset
    is_plain = parsed.inflated is None
    if parsed.inflated is not None:
        pixels.update(memoryview(parsed.inflated)[start:])
    with open_source(path) as stream:
        header = stream.read(start) if is_plain else b""
        whole.update(header)
        while chunk := stream.read(_CHUNK_BYTES):
            whole.update(chunk)
            if is_plain:
                pixels.update(chunk)
    return FileDigest(whole=whole.hexdigest(), pixels=pixels.hexdigest())


def bytes_digest(path: Path) -> str:
    """SHA-256 of a delivered file's bytes, whatever they are; empty where they cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_source(path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except (UnfitDataError, OSError):
        return ""
    return digest.hexdigest()


def pixel_digest(path: Path) -> str:
    """``pixels`` of :func:`file_digest` alone: what precedes them is not read."""
    parsed = parse(path)
    digest = hashlib.sha256(parsed.transfer_syntax_uid.encode())
    start = 0 if parsed.pixels is None else parsed.pixels.offset
    if parsed.inflated is not None:
        digest.update(memoryview(parsed.inflated)[start:])
        return digest.hexdigest()
    with open_source(path) as stream:
        stream.seek(start)
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
