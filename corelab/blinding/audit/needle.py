"""What is looked for and where it counts: small records, fit to travel to workers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from corelab.series import IdentifierKind


class Standing(StrEnum):
    """How a text stands in a file, which decides what counts in it."""

    VALUE = "value"
    """A whole text value: a cell, a string of JSON, a field of a header, a part of a name."""
    TEXT = "text"
    """Words among words."""
    NUMBER = "number"
    """A bare number of JSON or of a table."""
    CODED = "coded"
    """What a base64 or hexadecimal run or longer binary bytes hold."""
    PIXELS = "pixels"
    """What the values of voxels or pixels spell."""


class Reach(IntEnum):
    """Where a needle counts: each wider than the one before."""

    VALUE = 0
    """Where it is a whole text value."""
    WORD = 1
    """Wherever it stands as whole words."""
    GLUED = 2
    """Also inside a longer word, when it is long enough."""


@dataclass(frozen=True, slots=True)
class Needle:
    """One folded text to look for."""

    text: str
    kind: IdentifierKind
    reach: Reach


@dataclass(frozen=True, slots=True)
class Passage:
    """One text that stands in a file, and where in it."""

    text: str
    place: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Unsearched:
    """A place that could not be searched."""

    place: str
