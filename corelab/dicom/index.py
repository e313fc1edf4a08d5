"""Everything a site delivered, file by file accounted for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from corelab.dicom.assemble import assemble
from corelab.dicom.digest import content_digest
from corelab.dicom.files import find_files, is_ignored
from corelab.dicom.header import FileHeader, read_header
from corelab.errors import ReasonCode
from corelab.series import Delivery, LooseFile, Refusal, Series

_DIGITS = re.compile(r"\d+")
_BROKEN_DICOM = frozenset(
    {ReasonCode.HEADER_CUT, ReasonCode.PREAMBLE_ABSENT, ReasonCode.SIZE_BEYOND_SCANNER}
)


def index(incoming: Path) -> Delivery:
    """Series, loose files and counts of all that lies below a folder.

    Parameters
    ----------
    incoming
        Folder as received; read only.
    """
    paths = find_files(incoming)
    wanted = [path for path in paths if not is_ignored(path)]
    records = [read_header(path) for path in wanted]
    return index_headers(records, n_ignored=len(paths) - len(wanted))


def index_headers(records: Iterable[FileHeader | LooseFile], *, n_ignored: int = 0) -> Delivery:
    """Delivery from headers that were read elsewhere, say by several processes.

    Parameters
    ----------
    records
        What :func:`corelab.dicom.header.read_header` returned for each file, in any order.
    n_ignored
        Number of files that were not read on purpose.
    """
    headers: list[FileHeader] = []
    loose: list[LooseFile] = []
    for record in records:
        if isinstance(record, FileHeader):
            headers.append(record)
        else:
            loose.append(record)
    kept = _without_duplicates(headers)
    suspects = _series_beside(loose, headers)
    return Delivery(
        series=tuple(_with_suspicion(series, suspects) for series in assemble(kept)),
        loose=tuple(sorted(loose, key=lambda file: file.path)),
        n_files=len(headers) + len(loose) + n_ignored,
        n_duplicates=len(headers) - len(kept),
        n_ignored=n_ignored,
    )


def _series_beside(loose: Iterable[LooseFile], headers: Iterable[FileHeader]) -> frozenset[str]:
    """Series that a broken file was most likely a slice of.

    A lost end slice leaves no hole in the positions. So a file that is DICOM but broken, or
    is named as the slices are, counts against the series when its folder holds that one alone.
    """
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


def _without_duplicates(headers: Sequence[FileHeader]) -> list[FileHeader]:
    """One of each object that came several times with the same content.

    Only objects that share an instance UID are digested; those that differ all stay, and
    their series is then refused.
    """
    groups: dict[str, list[FileHeader]] = defaultdict(list)
    for header in sorted(headers, key=lambda header: header.path):
        groups[header.owner.sop_uid].append(header)
    kept: list[FileHeader] = []
    for group in groups.values():
        kept.extend(_distinct(group))
    return kept


def _distinct(group: Sequence[FileHeader]) -> list[FileHeader]:
    if len(group) == 1:
        return list(group)
    first_of: dict[tuple[object, ...], FileHeader] = {}
    for header in group:
        who = (header.owner.series_uid, header.owner.patient_id)
        content = (who, header.matrix, header.frames, content_digest(header))
        first_of.setdefault(content, header)
    return list(first_of.values())
