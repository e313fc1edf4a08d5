"""Needles in texts: a look-up of words, so that their number costs next to nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from corelab.blinding.audit.coded import readings
from corelab.blinding.audit.fold import fold
from corelab.blinding.audit.needle import Needle, Passage, Reach, Standing
from corelab.blinding.audit.rule import (
    CODED_CHARACTERS,
    CODED_WHOLE_CHARACTERS,
    GLUED_CHARACTERS,
    LONG_NUMBER_DIGITS,
    PIXELS_CHARACTERS,
    SHORTEST,
)
from corelab.series import IdentifierKind

_LONGEST_WORD = 32
"""Longer ones are digests and coded runs, inside which any short text stands by chance."""
_REMEMBERED_CHARACTERS = 200
_LEAST = {Standing.CODED: CODED_CHARACTERS, Standing.PIXELS: PIXELS_CHARACTERS}


class Finder:
    """Finds needles in passages.

    Parameters
    ----------
    needles
        What to look for; each text once.
    """

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._needle_of: dict[str, Needle] = {}
        self._lengths_of: dict[str, set[int]] = {}
        self._glued: dict[str, list[Needle]] = defaultdict(list)
        self._known: dict[tuple[str, Standing], frozenset[IdentifierKind]] = {}
        for needle in needles:
            self._add(needle)

    def _add(self, needle: Needle) -> None:
        self._needle_of[needle.text] = needle
        words = needle.text.split()
        if len(words) > 1 and needle.reach is not Reach.VALUE:
            self._lengths_of.setdefault(words[0], set()).add(len(words))
        least = LONG_NUMBER_DIGITS if needle.text.isdecimal() else GLUED_CHARACTERS
        if not needle.text.isascii():
            least = SHORTEST
        if needle.reach is Reach.GLUED and len(words) == 1 and len(needle.text) >= least:
            self._glued[needle.text[:GLUED_CHARACTERS]].append(needle)
            if not needle.text.isascii():
                self._glued[needle.text[:SHORTEST]].append(needle)

    def kinds_in(self, passage: Passage) -> frozenset[IdentifierKind]:
        """Kinds of the identifiers that a passage holds, in whatever code it is written."""
        key = passage.text, passage.standing
        if len(passage.text) > _REMEMBERED_CHARACTERS:
            return frozenset(self._kinds(*key))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = frozenset(self._kinds(*key))
        return known

    def _kinds(self, text: str, standing: Standing) -> Iterator[IdentifierKind]:
        for reading, stands in readings(text, standing):
            folded = fold(reading)
            found = [*self._whole(folded, stands), *self._among(folded, stands)]
            yield from (needle.kind for needle in found)

    def _whole(self, folded: str, standing: Standing) -> Iterator[Needle]:
        """Needles that a text is, as a whole."""
        needle = self._needle_of.get(folded)
        is_value = standing is Standing.VALUE
        is_code = standing is Standing.CODED and len(folded) >= CODED_WHOLE_CHARACTERS
        if needle is not None and (is_value or is_code):
            yield needle

    def _among(self, folded: str, standing: Standing) -> Iterator[Needle]:
        """Needles that stand among the words of a text."""
        words = folded.split(" ")
        least = _LEAST.get(standing, SHORTEST)
        is_plain = standing in {Standing.VALUE, Standing.TEXT}
        for word in set(words):
            needle = self._needle_of.get(word)
            if needle and needle.reach is not Reach.VALUE and _counts(needle, standing, least):
                yield needle
            if is_plain:
                yield from self._inside(word)
        for place in range(len(words)):
            yield from self._phrases_at(place, words, least)

    def _phrases_at(self, place: int, words: list[str], least: int) -> Iterator[Needle]:
        for length in self._lengths_of.get(words[place], ()):
            needle = self._needle_of.get(" ".join(words[place : place + length]))
            if needle and needle.reach is not Reach.VALUE and len(needle.text) >= least:
                yield needle

    def _inside(self, word: str) -> Iterator[Needle]:
        """Long needles inside a longer word; digits only where no further digit touches."""
        size = GLUED_CHARACTERS if word.isascii() else SHORTEST
        if not size < len(word) <= _LONGEST_WORD or word.isdecimal():
            return
        for place in range(len(word) - size + 1):
            for needle in self._glued.get(word[place : place + size], ()):
                if word.startswith(needle.text, place) and _is_free(needle.text, word, place):
                    yield needle


def _counts(needle: Needle, standing: Standing, least: int) -> bool:
    is_bare = standing is Standing.NUMBER
    is_short = needle.text.isdecimal() and len(needle.text) < LONG_NUMBER_DIGITS
    return len(needle.text) >= least and not (is_bare and is_short)


def _is_free(text: str, word: str, place: int) -> bool:
    around = word[max(place - 1, 0) : place] + word[place + len(text) : place + len(text) + 1]
    return not (text.isdecimal() and any(map(str.isdecimal, around)))
