"""A file's bytes to passages: what a content is, by its first bytes, and who reads that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from corelab.blinding.audit.needle import Passage, Unsearched

DEEPEST = 6
MOST_BYTES = 2**32


class UnreadableError(Exception):
    """A content that cannot be searched to its end."""


@dataclass(slots=True)
class Allowance:
    """Bytes that one file may still unpack to: a bomb is not searched but told of."""

    left: int = MOST_BYTES

    def take(self, count: int) -> None:
        """Count unpacked bytes.

        Raises
        ------
        UnreadableError
            When there are too many.
        """
        self.left -= count
        if self.left < 0:
            raise UnreadableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes to read, their name, and the way to them through what holds them."""

    data: bytes
    name: str
    place: str = ""
    depth: int = 0
    allowance: Allowance

    def at(self, place: str) -> str:
        """Place inside this content, for people."""
        return f"{self.place} / {place}" if self.place else place

    def inner(self, data: bytes, place: str, name: str = "") -> Content:
        """Content that lies inside this one.

        Raises
        ------
        UnreadableError
            When it is nested too deep or unpacks to too much.
        """
        self.allowance.take(len(data))
        if self.depth >= DEEPEST:
            raise UnreadableError
        return replace(self, data=data, name=name, place=self.at(place), depth=self.depth + 1)


Found = Passage | Unsearched | Content
Reader = Callable[[Content], Iterator[Found]]
