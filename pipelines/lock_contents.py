"""Whether the files, masks and volumes under OUT are what records and ledger say they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean

import numpy as np

from corelab.errors import CorelabError, StoreError
from corelab.kernels.overlap import dice
from corelab.reading.event import PairCompared
from corelab.reading.fold import fold
from corelab.reading.people import people_of
from corelab.stages.measure import volume_ml
from corelab.stages.read import files_of
from corelab.store.csv_table import read_csv
from corelab.store.files import sha256_of
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.ledger import Entry, Ledger
from corelab.store.ledger_mask import pack_mask, unpack_mask
from corelab.store.manifest import Difference
from corelab.store.nifti import load_mask, load_volume
from corelab.store.record import load_read
from corelab.vocab import (
    LABEL_VALUE,
    Case,
    Contrast,
    HumanVersion,
    Label,
    Modality,
    Read,
    ReadStatus,
    SubjectCode,
    VisitLabel,
)
from corelab.volume import Volume

_DECIMALS = 4
_VOLUME, _BLOOD = "infarct_volume_ml", "haemorrhage_in_infarct_ml"
_VOLUME_NAMES = ("subject_code", "visit", "modality", "read_status", _VOLUME, _BLOOD)
_READ_NAMES = ("subject_code", "visit", "read_id", "version", "accepted", "stands")
_UNREADABLE = (CorelabError, OSError, ValueError, KeyError)

Key = tuple[str, str]


def has_readers(layout: Layout) -> bool:
    """Whether people read in this OUT, as all but its ledger says."""
    return layout.order_seed.exists() or layout.accepted_folder.exists()


def record_differences(layout: Layout) -> Iterator[Difference]:
    """Yield images and masks that are not those that a case's record was made of."""
    for path in layout.reads():
        place = str(path.relative_to(layout.root))
        try:
            read = load_read(path)
        except StoreError as error:
            yield Difference(path=place, found=str(error))
            continue
        yield from _of_record(layout, read, place)


def volume_differences(layout: Layout) -> Iterator[Difference]:
    """Yield each cell of ``volumes.csv`` that its masks do not bear out."""
    try:
        rows = read_csv(layout.volumes_csv, _VOLUME_NAMES)
        accepted = _accepted_masks(layout)
    except _UNREADABLE as error:
        yield Difference(path=layout.volumes_csv.name, found=f"cannot be compared ({error})")
        return
    for row in rows:
        if not row[_VOLUME]:
            continue
        key = (row["subject_code"], row["visit"])
        is_auto = row["read_status"] == ReadStatus.AUTO
        case = Case(SubjectCode(key[0]), VisitLabel(key[1]))
        masks = [layout.infarct_mask(case)] if is_auto else accepted.get(key, [])
        yield from _of_case(layout, case, row, masks)


def mask_differences(layout: Layout, entries: Iterable[Entry]) -> Iterator[Difference]:
    """Yield accepted masks that are not as they were signed.

    Parameters
    ----------
    layout
        Where they lie.
    entries
        Of the ledger, up to the state that is looked at.
    """
    for version in people_of(fold(entries)).versions:
        path = layout.accepted_mask(version.case, version.read_id, version.version)
        if version.is_accepted and version.mask_sha256 and not _is_as_signed(path, version):
            place = str(path.relative_to(layout.root))
            yield Difference(path=place, found="not the mask that was signed")


def overlap_differences(ledger: Ledger, entries: Iterable[Entry]) -> Iterator[Difference]:
    """Yield overlaps that the ledger notes and its masks do not give.

    On them rests whether two readers agree, and so which value is accepted.
    """
    for entry in entries:
        if entry.kind == PairCompared.kind:
            masks = [
                unpack_mask(ledger.blob(str(entry.payload[name])))
                for name in ("first_mask_sha256", "second_mask_sha256")
            ]
            told, given = float(str(entry.payload["dice"])), dice(*masks)
            if not math.isclose(told, given, abs_tol=1e-9):
                found = f"entry {entry.sequence} says a Dice of {told:.4f}, its masks {given:.4f}"
                yield Difference(path=ledger.path.name, found=found)


def _of_record(layout: Layout, read: Read, place: str) -> Iterator[Difference]:
    files = files_of(layout, read.case, Contrast)
    for digest in read.digests:
        path = files.get(digest.role)
        if path is None or not path.is_file() or sha256_of(path) != digest.sha256:
            yield Difference(path=place, found=f"its {digest.role} is not the one it was made of")


def _of_case(
    layout: Layout, case: Case, row: Mapping[str, str], masks: list[Path]
) -> Iterator[Difference]:
    place = f"{layout.volumes_csv.name}: {case.subject_code} {case.visit}"
    try:
        image = load_image(layout.image(case, Modality(row["modality"]).contrast))
        labels = [image.with_data(load_mask(path, image)) for path in masks]
    except _UNREADABLE as error:
        yield Difference(path=place, found=f"its mask cannot be measured ({error})")
        return
    if not labels:
        yield Difference(path=place, found="its accepted mask is not there")
        return
    for name, measured in (
        (_VOLUME, _mean(volume_ml(mask) for mask in labels)),
        (_BLOOD, _mean(volume_ml(_blood_of(mask)) for mask in labels)),
    ):
        if not _is_told(row[name], measured):
            found = f"{name} is {row[name] or 'empty'}, its masks give {measured:.{_DECIMALS}f}"
            yield Difference(path=place, found=found)


def _is_told(cell: str, measured_ml: float) -> bool:
    """Whether a cell says a volume, to the last decimal that tables have."""
    try:
        return math.isclose(float(cell), measured_ml, rel_tol=0, abs_tol=0.5 * 10**-_DECIMALS)
    except ValueError:
        return False


def _mean(values: Iterable[float]) -> float:
    """Mean of volumes as they are stored: each rounded, then their mean."""
    return round(fmean(round(value, _DECIMALS) for value in values), _DECIMALS)


def _blood_of(labels: Volume) -> Volume:
    return labels.with_data(np.asarray(labels.data) == LABEL_VALUE[Label.BLOOD_IN_INFARCT])


def _is_as_signed(path: Path, version: HumanVersion) -> bool:
    try:
        labels = np.asarray(load_volume(path).data)
    except _UNREADABLE:
        return False
    return labels.dtype == np.uint8 and pack_mask(labels).sha256 == version.mask_sha256


def _accepted_masks(layout: Layout) -> dict[Key, list[Path]]:
    """Masks that the accepted volume of each case rests on."""
    found: dict[Key, list[Path]] = {}
    for row in read_csv(layout.reads_csv, _READ_NAMES):
        if row["accepted"] == "yes" and row["stands"] == "yes":
            key = (row["subject_code"], row["visit"])
            case = Case(SubjectCode(key[0]), VisitLabel(key[1]))
            path = layout.accepted_mask(case, row["read_id"], int(row["version"]))
            found.setdefault(key, []).append(path)
    return found
