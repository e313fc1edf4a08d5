"""Everything a site delivered, file by file accounted for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from corelab.dicom.archive import Archive
from corelab.dicom.assemble import assemble
from corelab.dicom.check import n_patients
from corelab.dicom.digest import pixel_digest
from corelab.dicom.files import is_ignored, walk
from corelab.dicom.header import FileHeader
from corelab.dicom.received import Record, read_received
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Delivery, LooseFile, Refusal, Series

_DIGITS = re.compile(r"\d+")
_BROKEN_DICOM = frozenset(
    {ReasonCode.HEADER_CUT, ReasonCode.PREAMBLE_ABSENT, ReasonCode.SIZE_BEYOND_SCANNER}
)


class Reader(Protocol):
    """Reads received files: here, or spread over other processes."""

    def records(self, paths: Sequence[Path]) -> Iterable[Record]:
        """Tell what each file is, in any order."""

    def digests(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Digest of each file's pixels; files that cannot be read all differ."""


class Here:
    """Reads received files in this process."""

    def records(self, paths: Sequence[Path]) -> Iterable[Record]:
        """Tell what each file is."""
        return map(read_received, paths)

    def digests(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Digest of each file's pixels."""
        return {path: digest_or_name(path) for path in paths}


def index(incoming: Path, reader: Reader | None = None) -> Delivery:
    """Series, loose files and counts of all that lies below a folder and in its archives.

    Parameters
    ----------
    incoming
        Folder as received, or one file; read only.
    reader
        Who reads the files; this process where none is given.
    """
    reader = reader or Here()
    found = walk(incoming)
    records: list[FileHeader | LooseFile] = []
    skipped = list(found.skipped)
    ignored: list[Path] = []
    archives: list[Path] = []
    waiting = list(found.files)
    while waiting:
        ignored += filter(is_ignored, waiting)
        wanted = [path for path in waiting if not is_ignored(path)]
        waiting = []
        for record in reader.records(wanted):
            if isinstance(record, Archive):
                archives.append(record.path)
                waiting.extend(record.members)
                skipped.extend(record.skipped)
            else:
                records.append(record)
    delivery = index_headers(records, ignored=ignored, skipped=skipped, reader=reader)
    return replace(delivery, archives=tuple(sorted(archives)))


def index_headers(
    records: Iterable[FileHeader | LooseFile],
    *,
    ignored: Sequence[Path] = (),
    skipped: Iterable[LooseFile] = (),
    reader: Reader | None = None,
) -> Delivery:
    """Delivery from headers that were read already.

    Parameters
    ----------
    records
        What :func:`corelab.dicom.header.read_header` returned for each file, in any order.
    ignored
        Files that were not read on purpose.
    skipped
        What is no file.
    reader
        Who digests files that may be duplicates.
    """
    headers: list[FileHeader] = []
    loose: list[LooseFile] = []
    for record in records:
        if isinstance(record, FileHeader):
            headers.append(record)
        else:
            loose.append(record)
    kept = _without_duplicates(headers, reader or Here())
    kept_paths = {header.path for header in kept}
    suspects = _series_beside(loose, headers)
    of = {header.path: header.attributes for header in headers}
    return Delivery(
        series=tuple(_with_suspicion(series, suspects) for series in assemble(kept)),
        loose=tuple(sorted(loose, key=lambda file: file.path)),
        skipped=tuple(sorted(skipped, key=lambda entry: entry.path)),
        n_files=len(headers) + len(loose) + len(ignored),
        duplicates=tuple(sorted(h.path for h in headers if h.path not in kept_paths)),
        ignored=tuple(sorted(ignored)),
        attributes={path: of[path] for path in sorted(of)},
    )


def digest_or_name(path: Path) -> str:
    """Digest of a file's pixels, its name where it cannot be read."""
    try:
        return pixel_digest(path)
    except UnfitDataError:
        return name_for_digest(path)


def name_for_digest(path: Path) -> str:
    """Stand-in for the digest of a file that cannot be read: it is like no other."""
    return f"unreadable {path}"


def _series_beside(loose: Sequence[LooseFile], headers: Sequence[FileHeader]) -> frozenset[str]:
    """Series that a broken file was most likely a slice of.

    A lost end slice leaves no hole in the positions. So a file that is DICOM but broken, or
    is named as the slices are, counts against the series when its folder holds that one alone.
    """
    if not loose:
        return frozenset()
    series: dict[Path, set[str]] = defaultdict(set)
    names: dict[Path, set[str]] = defaultdict(set)
    for header in headers:
        series[header.path.parent].add(header.owner.series_uid)
        names[header.path.parent].add(_name_pattern(header.path))
    suspects: set[str] = set()
    for file in loose:
        folder = file.path.parent
        is_broken = file.refusal.reason in _BROKEN_DICOM
        is_slice = is_broken or _name_pattern(file.path) in names[folder]
        if is_slice and len(series[folder]) == 1:
            suspects |= series[folder]
    return frozenset(suspects)


def _name_pattern(path: Path) -> str:
    """Name with each run of digits as one, so that IM0001 and IM0002 are alike."""
    return _DIGITS.sub("0", path.name)


def _with_suspicion(series: Series, suspects: frozenset[str]) -> Series:
    if series.refusal is not None or series.identity.series_uid not in suspects:
        return series
    message = "a file beside this series cannot be read and may be one of its slices"
    return replace(series, refusal=Refusal(reason=ReasonCode.HEADER_CUT, message=message))


def _without_duplicates(headers: Sequence[FileHeader], reader: Reader) -> list[FileHeader]:
    """One of each object that came several times with the same content.

    Only objects that share an instance UID are digested; those that differ all stay, and
    their series is then refused.
    """
    groups: dict[str, list[FileHeader]] = defaultdict(list)
    for header in sorted(headers, key=lambda header: header.path):
        groups[header.owner.sop_uid].append(header)
    several = [header.path for group in groups.values() if len(group) > 1 for header in group]
    digests = reader.digests(several) if several else {}
    return [header for group in groups.values() for header in _distinct(group, digests)]


def _distinct(group: Sequence[FileHeader], digests: Mapping[Path, str]) -> list[FileHeader]:
    """One of each content; all, where they contradict each other in whose they are."""
    if len(group) == 1 or n_patients(group) > 1:
        return list(group)
    first_of: dict[tuple[object, ...], FileHeader] = {}
    for header in group:
        home = (header.owner.study_uid, header.owner.series_uid)
        content = (home, header.matrix, header.frames, digests[header.path])
        first_of.setdefault(content, header)
    return list(first_of.values())
