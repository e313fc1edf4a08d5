"""Every file of a delivery for the vault: its SHA-256 and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from corelab.blinding.vault import Vault
from corelab.blinding.vault_delivery import DeliveredFile, FileFate
from corelab.dicom.archive import file_of
from corelab.series import Delivery, Outcome, SeriesVerdict
from pipelines.case import CaseOutcome
from pipelines.reader import SpreadReader

_RANK = {FileFate.USED: 0, FileFate.QUARANTINED: 1, FileFate.NOT_NEEDED: 2}
_FATE_OF = {
    Outcome.USED: FileFate.USED,
    Outcome.QUARANTINED: FileFate.QUARANTINED,
    Outcome.NOT_NEEDED: FileFate.NOT_NEEDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Where every file of a delivery went: the parts sum to ``n_files``.

    ``n_skipped`` are no files (links, pipes, folders that cannot be opened) and not among them.
    """

    n_files: int
    n_used: int
    n_not_needed: int
    n_duplicate: int
    n_quarantined: int
    n_skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What became of every file of a delivery, and by what each is known to be untouched."""

    fates: Mapping[Path, FileFate]
    stamps: Mapping[Path, str]


def fates_of(delivery: Delivery, verdicts: Iterable[SeriesVerdict]) -> dict[Path, FileFate]:
    """Tell what became of every file; one that serves two parts counts by its best use."""
    fates: dict[Path, FileFate] = {}
    for verdict in verdicts:
        fate = _FATE_OF[verdict.outcome]
        frames = {frame.path for frame in verdict.series.frames}
        for path in frames.union(verdict.series.files):
            fates[path] = min(fates.get(path, fate), fate, key=_RANK.__getitem__)
    fates |= dict.fromkeys((file.path for file in delivery.loose), FileFate.QUARANTINED)
    fates |= dict.fromkeys(delivery.ignored, FileFate.NOT_NEEDED)
    fates |= dict.fromkeys(delivery.duplicates, FileFate.DUPLICATE)
    return fates


def count_files(delivery: Delivery, verdicts: Iterable[SeriesVerdict]) -> Counts:
    """Count where every file went."""
    fates = list(fates_of(delivery, verdicts).values())
    return Counts(
        n_files=delivery.n_files,
        n_used=fates.count(FileFate.USED),
        n_not_needed=fates.count(FileFate.NOT_NEEDED),
        n_duplicate=fates.count(FileFate.DUPLICATE),
        n_quarantined=fates.count(FileFate.QUARANTINED),
        n_skipped=len(delivery.skipped),
    )


def intake_of(delivery: Delivery, verdicts: Iterable[SeriesVerdict]) -> Intake:
    """Look at every file of a delivery before any is measured on."""
    archives = dict.fromkeys(delivery.archives, FileFate.ARCHIVE)
    fates = fates_of(delivery, verdicts) | archives
    return Intake(fates=fates, stamps=_stamps(fates))


def delivered_files(
    intake: Intake, outcomes: Iterable[CaseOutcome], vault: Vault, reader: SpreadReader
) -> list[DeliveredFile]:
    """Files of a delivery with their digests, each byte read once.

    What a case was measured on comes with its outcome. The rest is read by the workers, unless
    the vault knows a file's digest and nobody has touched it since.

    Parameters
    ----------
    intake
        All that was received.
    outcomes
        Of the cases.
    vault
        Knows digests of earlier runs.
    reader
        Spreads the rest over workers.
    """
    digests = {path: digest for outcome in outcomes for path, digest in outcome.files}
    rest = {path: s for path, s in intake.stamps.items() if path not in digests}
    digests |= vault.digests_known(rest)
    unread = [path for path in rest if path not in digests]
    digests |= reader.bytes_digests(unread) if unread else {}
    return [
        DeliveredFile(path=path, sha256=digests[path], stamp=intake.stamps[path], fate=fate)
        for path, fate in intake.fates.items()
    ]


def _stamps(paths: Iterable[Path]) -> dict[Path, str]:
    """Size, times and place of the file that each path lies in: any write changes one of them."""
    stamp_of: dict[Path, str] = {}
    stamps = {}
    for path in paths:
        file = file_of(path)
        if file not in stamp_of:
            stamp_of[file] = _stamp(file)
        stamps[path] = stamp_of[file]
    return stamps


def _stamp(path: Path) -> str:
    try:
        state = path.lstat()
    except OSError:
        return "gone"
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_dev} {state.st_ino}"
