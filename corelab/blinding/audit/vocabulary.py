"""A vocabulary that texts are held against: words that prove nothing where they are found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from corelab.blinding.audit.fold import fold

_BREAK = " | "


@dataclass(frozen=True, slots=True)
class OwnWords:
    """A vocabulary: single words, and the running text that phrases are looked up in."""

    words: frozenset[str]
    text: str

    def holds(self, folded: str) -> bool:
        """Whether corelab itself writes this word or phrase."""
        if " " not in folded:
            return folded in self.words
        return self.words.issuperset(folded.split()) and f" {folded} " in self.text

    def with_texts(self, texts: Iterable[str]) -> OwnWords:
        """Vocabulary with more texts: trial, subject codes, visits."""
        return vocabulary(texts) | self

    def __or__(self, other: OwnWords) -> OwnWords:
        return OwnWords(self.words | other.words, f"{self.text}{_BREAK}{other.text}")


def vocabulary(texts: Iterable[str]) -> OwnWords:
    """Vocabulary of some texts."""
    folded = list(dict.fromkeys(map(fold, texts)))
    words = frozenset(word for text in folded for word in text.split())
    return OwnWords(words, f" {_BREAK.join(folded)} ")
