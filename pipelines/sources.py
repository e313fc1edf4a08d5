"""The delivered bytes that a case rests on: their digests, and whether a site changed them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from corelab.dicom.digest import FileDigest, file_digest
from corelab.series import CasePlan, PlannedImage, Series, SourceVersion

_NONE_TAKEN: Mapping[Path, FileDigest] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Digest of every byte that a case is measured on, and the version of each image's pixels.

    ``files`` are the digests of each file.
    """

    digest: str
    versions: tuple[SourceVersion, ...]
    files: tuple[tuple[Path, FileDigest], ...]

    @property
    def is_changed(self) -> bool:
        """Whether any series was measured on other pixels before."""
        return any(version.number > 1 for version in self.versions)


def read_sources(
    plan: CasePlan,
    known: Iterable[SourceVersion],
    taken: Mapping[Path, FileDigest] = _NONE_TAKEN,
) -> Sources:
    """Read the delivered files of a case once, but for those whose digests are known.

    Where the files lie, what they are named and what their headers say is no part of a
    version: the same pixels in another folder or archive are the same.

    Parameters
    ----------
    plan
        Whose files.
    known
        Every version that earlier runs measured.
    taken
        Digests of files that nobody has touched since they were taken.

    Raises
    ------
    UnfitDataError
        Where a file cannot be read.
    """
    versions_of: dict[tuple[str, str, str], list[SourceVersion]] = defaultdict(list)
    for version in known:
        versions_of[version.place].append(version)
    whole = hashlib.sha256()
    versions: list[SourceVersion] = []
    files: dict[Path, FileDigest] = {}
    for image in plan.images:
        whole.update(f"{image.contrast} {image.derivation}".encode())
        digests = [_series_digest(series, taken, files) for series in image.sources]
        whole.update("".join(digest.whole for digest in digests).encode())
        versions.append(_version(image, sorted(digest.pixels for digest in digests), versions_of))
    return Sources(digest=whole.hexdigest(), versions=tuple(versions), files=tuple(files.items()))


def is_of_version(image: PlannedImage, version: SourceVersion) -> bool:
    """Whether an image is the one of a version: the same part of its series, the same pixels.

    Raises
    ------
    UnfitDataError
        Where a file cannot be read.
    """
    if _part(image) != version.part:
        return False
    digests = [_series_digest(series, _NONE_TAKEN, {}) for series in image.sources]
    return _digest(sorted(digest.pixels for digest in digests)) == version.digest


def _series_digest(
    series: Series, taken: Mapping[Path, FileDigest], files: dict[Path, FileDigest]
) -> FileDigest:
    """Digests of all of a series' bytes in any order, and of its pixels in the order of k."""
    paths = dict.fromkeys([*(frame.path for frame in series.frames), *series.files])
    digests = [taken.get(path) or file_digest(path) for path in paths]
    files.update(zip(paths, digests, strict=True))
    indices = [frame.index for frame in series.frames]
    return FileDigest(
        whole=_joined(indices, sorted(digest.whole for digest in digests)),
        pixels=_joined(indices, [digest.pixels for digest in digests]),
    )


def _joined(indices: list[int], digests: list[str]) -> str:
    return hashlib.sha256(f"{indices} {digests}".encode()).hexdigest()


def _part(image: PlannedImage) -> str:
    """Name of an image within its series."""
    return f"{image.contrast} {image.derivation} {image.b_value_s_mm2 or 0:.0f}"


def _digest(pixels: Iterable[str]) -> str:
    """Digest of an image's pixels, given those of its sources in order."""
    return hashlib.sha256("".join(pixels).encode()).hexdigest()


def _version(
    image: PlannedImage,
    pixels: list[str],
    versions_of: Mapping[tuple[str, str, str], Sequence[SourceVersion]],
) -> SourceVersion:
    """Version of an image's pixels: a known one where they came before, whatever came since."""
    identity = image.sources[0].identity
    part, digest = _part(image), _digest(pixels)
    known = versions_of.get((identity.study_uid, identity.series_uid, part), ())
    alike = [version.number for version in known if version.digest == digest]
    newest = max((version.number for version in known), default=0)
    number = alike[0] if alike else newest + 1
    return SourceVersion(
        study_uid=identity.study_uid,
        series_uid=identity.series_uid,
        part=part,
        number=number,
        digest=digest,
    )
