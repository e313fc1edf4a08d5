"""The leak audit: every identifying text of any delivery, looked for in everything under OUT.

What counts where is a stated rule (:mod:`corelab.blinding.audit.rule`). Every name, link,
time, attribute and byte is searched, through every packing and coding that is known here;
what cannot be searched is told of and never passes as clean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from corelab.blinding.audit.finder import Finder
from corelab.blinding.audit.folder import Gap, Leak, Searched, paths_below, search_paths
from corelab.blinding.audit.needle import Needle
from corelab.blinding.audit.own_words import library_words, vocabulary_of
from corelab.blinding.audit.rule import Search, search_for
from corelab.blinding.audit.vocabulary import OwnWords
from corelab.series import Identifier, IdentifierKind

__all__ = [
    "AuditReport",
    "Finder",
    "Gap",
    "Leak",
    "Needle",
    "OwnWords",
    "Search",
    "Searched",
    "audit",
    "library_words",
    "report_of",
    "search_for",
    "search_paths",
    "vocabulary_of",
]

Searcher = Callable[[Path, Sequence[Path], Sequence[Needle]], Iterable[Searched]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit found, and how much it searched."""

    leaks: tuple[Leak, ...]
    gaps: tuple[Gap, ...]
    n_files: int
    n_bytes: int
    n_identifiers: int
    undecidable: tuple[tuple[IdentifierKind, int], ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything was searched and nothing found."""
        return not self.leaks and not self.gaps

    @property
    def n_undecidable(self) -> int:
        """Identifiers that coincide with corelab's own words."""
        return sum(count for _, count in self.undecidable)


def audit(
    out: Path,
    identifiers: Iterable[Identifier],
    *,
    own: OwnWords | None = None,
    searcher: Searcher | None = None,
) -> AuditReport:
    """Look for identifying texts in every byte and name under a folder.

    Parameters
    ----------
    out
        The blinded output folder.
    identifiers
        Every identifying text that the vault has seen.
    own
        What OUT holds on purpose; the library's own vocabulary where none is given.
    searcher
        Who searches the paths; this process where none is given.
    """
    search = search_for(identifiers, own or library_words())
    found = (searcher or _here)(out, paths_below(out), search.needles)
    return report_of(search, found)


def report_of(search: Search, found: Iterable[Searched]) -> AuditReport:
    """One report of parts that were searched in any order."""
    parts = list(found)
    return AuditReport(
        leaks=tuple(sorted(leak for part in parts for leak in part.leaks)),
        gaps=tuple(sorted(gap for part in parts for gap in part.gaps)),
        n_files=sum(part.n_files for part in parts),
        n_bytes=sum(part.n_bytes for part in parts),
        n_identifiers=search.n_identifiers,
        undecidable=search.undecidable,
    )


def _here(out: Path, paths: Sequence[Path], needles: Sequence[Needle]) -> Iterable[Searched]:
    return [search_paths(out, paths, Finder(needles))]
