"""Which version of a case's read some sources are: a known one, or a new one that supersedes it.

Another study, other pixels and series that were not there before make a new version. Other series
of those that were there make none: then it was a setting or the software that chose otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from corelab.series import CaseVersion, SourceVersion
from corelab.vocab import QcFlag


def known_version(
    sources: frozenset[SourceVersion], history: Sequence[CaseVersion]
) -> CaseVersion | None:
    """Version that these sources belong to; ``None`` where they are new.

    Parameters
    ----------
    sources
        What a case is to be measured on.
    history
        Its versions, the first one first.
    """
    places = {(source.place, source.digest) for source in sources}
    for version in reversed(history):
        if places == {(source.place, source.digest) for source in version.sources}:
            return version
    return next((v for v in reversed(history) if _could_be_of(sources, v)), None)


def next_number(history: Sequence[CaseVersion]) -> int:
    """Return the number of a version that is to be added."""
    return max((version.number for version in history), default=0) + 1


def version_flags(version: CaseVersion, history: Sequence[CaseVersion]) -> tuple[QcFlag, ...]:
    """Return what a reader must know of a version beside the earlier ones."""
    earlier = [other for other in history if other.number < version.number]
    flags = set()
    for other in earlier:
        if not other.measured_studies & version.measured_studies:
            flags.add(QcFlag.SECOND_STUDY)
        elif other.series != version.series:
            flags.add(QcFlag.OTHER_SERIES)
    return tuple(sorted(flags))


def _could_be_of(sources: frozenset[SourceVersion], version: CaseVersion) -> bool:
    """Whether a version had these sources to choose from, with the pixels that it knew."""
    wanted = CaseVersion(number=0, sources=sources, received=frozenset())
    pixels = {source.place: source.digest for source in version.sources}
    return (
        bool(wanted.measured_studies & version.measured_studies)
        and wanted.series <= version.received
        and all(pixels.get(s.place, s.digest) == s.digest for s in sources)
    )
