"""Every file of a delivery for the vault: its SHA-256 and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from corelab.blinding.vault import Vault
from corelab.blinding.vault_delivery import DeliveredFile, FileFate, KnownDigests
from corelab.dicom.archive import file_of
from corelab.series import Delivery, Outcome, SeriesVerdict
from pipelines.case import CaseOutcome
from pipelines.reader import SpreadReader
from pipelines.stamps import stamp_of

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
    """What became of every file of a delivery, and by what each is known to be untouched.

    ``digests`` are those that earlier runs took of files with the stamps that they have now.
    """

    fates: Mapping[Path, FileFate]
    stamps: Mapping[Path, str]
    digests: Mapping[Path, KnownDigests]


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


def intake_of(delivery: Delivery, verdicts: Iterable[SeriesVerdict], vault: Vault) -> Intake:
    """Look at every file of a delivery before any is measured on."""
    archives = dict.fromkeys(delivery.archives, FileFate.ARCHIVE)
    fates = fates_of(delivery, verdicts) | archives
    stamps = _stamps(fates)
    return Intake(fates=fates, stamps=stamps, digests=vault.digests_known(stamps))


def delivered_files(
    intake: Intake, outcomes: Iterable[CaseOutcome], reader: SpreadReader
) -> list[DeliveredFile]:
    """Files of a delivery with their digests, each byte read once.

    What a case was measured on comes with its outcome. The rest is read by the workers, unless
    a file's digest was taken before and nobody has touched it since.

    Parameters
    ----------
    intake
        All that was received.
    outcomes
        Of the cases.
    reader
        Spreads the rest over workers.
    """
    digests = dict(intake.digests)
    for outcome in outcomes:
        digests |= {path: KnownDigests(d.whole, d.pixels) for path, d in outcome.files}
    unread = [path for path in intake.stamps if path not in digests]
    read = reader.bytes_digests(unread) if unread else {}
    digests |= {path: KnownDigests(digest, "") for path, digest in read.items()}
    return [
        DeliveredFile(
            path=path,
            sha256=digests[path].sha256,
            stamp=intake.stamps[path],
            fate=fate,
            pixels=digests[path].pixels,
        )
        for path, fate in intake.fates.items()
    ]


def _stamps(paths: Iterable[Path]) -> dict[Path, str]:
    """Size, times and place of the file that each path lies in: any write changes one of them."""
    known: dict[Path, str] = {}
    stamps = {}
    for path in paths:
        file = file_of(path)
        if file not in known:
            known[file] = stamp_of(file)
        stamps[path] = known[file]
    return stamps
