"""Names of files and folders, whole and part by part."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corelab.blinding.audit.needle import Passage, Standing

_BREAKS = re.compile(r"[/\\]")
_PARTS = re.compile(r"[-_. ]+")


def read_name(name: str, place: str) -> Iterator[Passage]:
    """Give a path, each of its names, and what a name is made of."""
    yield Passage(name, place, Standing.TEXT)
    for component in _BREAKS.split(name):
        yield Passage(component, place, Standing.VALUE)
        for part in _PARTS.split(component):
            yield Passage(part, place, Standing.VALUE)
