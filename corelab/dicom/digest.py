"""Whether two files hold the same pixels."""

from __future__ import annotations

import hashlib

from corelab.dicom.header import FileHeader
from corelab.dicom.parse import parse
from corelab.dicom.source import open_source
from corelab.errors import UnfitDataError

_CHUNK_BYTES = 2**20


def content_digest(header: FileHeader) -> str:
    """SHA-256 of a file from its pixel data on, of the whole file where it has none."""
    try:
        parsed = parse(header.path)
    except UnfitDataError:
        parsed = None
    digest = hashlib.sha256(header.transfer_syntax_uid.encode())
    if parsed is not None and parsed.inflated is not None and parsed.pixels is not None:
        digest.update(parsed.inflated[parsed.pixels.offset :])
        return digest.hexdigest()
    start = 0 if parsed is None or parsed.pixels is None else parsed.pixels.offset
    with open_source(header.path) as file:
        file.seek(start)
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
