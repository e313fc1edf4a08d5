"""Vocabularies kept beside the bytecode of this package, so that each source is read once.

Reading them takes most of a second of every batch and audit. As bytecode does, a kept vocabulary
counts only for the very sources that it was read from, and one that cannot be kept is read anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from corelab.blinding.audit.vocabulary import OwnWords

_HERE = Path(__file__)
# What turns sources into words.
_MAKERS = (_HERE, *(_HERE.with_name(f"{name}.py") for name in ("fold", "own_words", "vocabulary")))


def kept(name: str, sources: Iterable[Path], read: Callable[[], OwnWords]) -> OwnWords:
    """Vocabulary that was kept of these sources, or read and kept now.

    Parameters
    ----------
    name
        What it is kept under.
    sources
        All files that ``read`` reads.
    read
        Reads it.
    """
    place = Path(cache_from_source(str(_HERE))).with_suffix(f".{name}.json")
    key = _digest([*_MAKERS, *sources])
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(place.read_bytes())
        if found["sources"] == key:
            return OwnWords(frozenset(found["words"]), found["text"])
    words = read()
    if not sys.dont_write_bytecode:
        _keep(place, {"sources": key, "words": sorted(words.words), "text": words.text})
    return words


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _keep(place: Path, content: dict[str, object]) -> None:
    """Write it whole or not at all; where the package cannot be written to, not at all."""
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(place)
