"""What native decoders say on the error stream and nowhere else."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_ERROR_STREAM = 2
_CORRUPT = b"Corrupt JPEG data"
_SUBJECTS = (b"JPEG", b"marker")


class Heard:
    """What was said inside :func:`listening`; known when it has ended."""

    def __init__(self) -> None:
        self.is_corrupt = False


@contextmanager
def listening() -> Iterator[Heard]:
    """Catch what the JPEG library says; what is not about JPEG is passed on.

    The library fills up a frame whose coded data end too early, returns it as if it were
    whole, and tells only the process's error stream.
    """
    heard = Heard()
    sys.stderr.flush()
    kept = os.dup(_ERROR_STREAM)
    with tempfile.TemporaryFile() as spoken:
        os.dup2(spoken.fileno(), _ERROR_STREAM)
        try:
            yield heard
        finally:
            os.dup2(kept, _ERROR_STREAM)
            os.close(kept)
            spoken.seek(0)
            for line in spoken:
                heard.is_corrupt |= line.startswith(_CORRUPT)
                if not any(subject in line for subject in _SUBJECTS):
                    os.write(_ERROR_STREAM, line)
