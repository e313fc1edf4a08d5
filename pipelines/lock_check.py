"""Whether an OUT is as it was locked: files, tables, signature, ledger, and every volume anew."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean

import numpy as np

from corelab.errors import CorelabError, StoreError
from corelab.reading.fold import fold
from corelab.stages.measure import volume_ml
from corelab.store.csv_table import read_csv
from corelab.store.files import Json, json_text, read_json, sha256_of
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.ledger import read_ledger
from corelab.store.ledger_check import head_from, verify
from corelab.store.manifest import Difference, differences, load_manifest
from corelab.store.nifti import load_mask
from corelab.store.signing import is_signed, signed_text
from corelab.vocab import LABEL_VALUE, Case, Label, Modality, ReadStatus, SubjectCode, VisitLabel
from corelab.volume import Volume
from pipelines.locking import MANIFEST, SIGNATURE, TABLES

_DECIMALS = 4
_VOLUME, _BLOOD = "infarct_volume_ml", "haemorrhage_in_infarct_ml"
_VOLUME_NAMES = ("subject_code", "visit", "modality", "read_status", _VOLUME, _BLOOD)
_READ_NAMES = ("subject_code", "visit", "read_id", "version", "accepted", "stands")

Key = tuple[str, str]


def lock_differences(place: Path) -> tuple[Difference, ...]:
    """Return all that differs from a lock.

    Parameters
    ----------
    place
        A locked OUT, or the folder of one of its locks.

    Raises
    ------
    StoreError
        When there is no lock, or a table cannot be read.
    """
    layout, manifest = _found(place)
    return (
        *differences(layout, manifest),
        *_of_own_folder(layout, manifest),
        *_of_ledger(layout, manifest),
        *_of_volumes(layout),
    )


def _found(place: Path) -> tuple[Layout, Mapping[str, Json]]:
    if (place / MANIFEST).is_file():
        return Layout(place.resolve().parents[1]), read_json(place / MANIFEST)
    layout = Layout(place)
    return layout, load_manifest(layout)


def _of_own_folder(layout: Layout, manifest: Mapping[str, Json]) -> Iterator[Difference]:
    """Tables, manifest and signature of the lock's own folder; locks before it had none."""
    tables = manifest.get("tables")
    if not isinstance(tables, dict) or not tables:
        return
    folder = layout.locks / str(manifest["lock_id"])
    place = f"{layout.locks.name}/{folder.name}"
    for name, digest in tables.items():
        path = folder / TABLES / name
        if not path.is_file():
            yield Difference(path=f"{place}/{TABLES}/{name}", found="removed")
        elif sha256_of(path) != digest:
            yield Difference(path=f"{place}/{TABLES}/{name}", found="changed")
    wanted = json_text(dict(manifest))
    if not (folder / MANIFEST).is_file() or (folder / MANIFEST).read_text("utf-8") != wanted:
        yield Difference(path=f"{place}/{MANIFEST}", found="changed")
    if manifest.get("ledger_head"):
        yield from _of_signature(layout, folder, place)


def _of_signature(layout: Layout, folder: Path, place: str) -> Iterator[Difference]:
    """Whether the manifest is signed by a user of the ledger."""
    try:
        signature = read_json(folder / SIGNATURE)
    except StoreError:
        yield Difference(path=f"{place}/{SIGNATURE}", found="removed")
        return
    key, digest = str(signature.get("public_key_hex")), sha256_of(folder / MANIFEST)
    try:
        content = bytes.fromhex(str(signature.get("signature_hex")))
    except ValueError:
        content = b""
    with read_ledger(layout.ledger) as ledger:
        keys = {user.public_key_hex for user in fold(ledger.entries()).users.values()}
    if key not in keys or not is_signed(signed_text(digest), content, key):
        yield Difference(path=f"{place}/{SIGNATURE}", found="not of this manifest")


def _of_ledger(layout: Layout, manifest: Mapping[str, Json]) -> Iterator[Difference]:
    head = str(manifest.get("ledger_head") or "")
    if not head:
        return
    if not layout.ledger.exists():
        yield Difference(path=layout.ledger.name, found="removed")
        return
    fault = verify(layout.ledger, head_from(head)).fault
    if fault:
        yield Difference(path=layout.ledger.name, found=str(fault))


def _of_volumes(layout: Layout) -> Iterator[Difference]:
    """Each cell of ``volumes.csv`` that its masks do not bear out."""
    try:
        rows = read_csv(layout.volumes_csv, _VOLUME_NAMES)
        accepted = _accepted_masks(layout)
    except (StoreError, OSError, ValueError) as error:
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


def _of_case(
    layout: Layout, case: Case, row: Mapping[str, str], masks: list[Path]
) -> Iterator[Difference]:
    place = f"{layout.volumes_csv.name}: {case.subject_code} {case.visit}"
    try:
        image = load_image(layout.image(case, Modality(row["modality"]).contrast))
        labels = [image.with_data(load_mask(path, image)) for path in masks]
    except (CorelabError, FileNotFoundError, ValueError) as error:
        yield Difference(path=place, found=f"its mask cannot be measured ({error})")
        return
    if not labels:
        yield Difference(path=place, found="its accepted mask is not there")
        return
    for name, measured in (
        (_VOLUME, _mean(volume_ml(mask) for mask in labels)),
        (_BLOOD, _mean(volume_ml(_blood_of(mask)) for mask in labels)),
    ):
        told = row[name]
        if not told or not math.isclose(float(told), measured, abs_tol=0.5 * 10**-_DECIMALS):
            found = f"{name} is {told or 'empty'}, its masks give {measured:.{_DECIMALS}f}"
            yield Difference(path=place, found=found)


def _mean(values: Iterable[float]) -> float:
    """Mean of volumes as they are stored: each rounded, then their mean."""
    return round(fmean(round(value, _DECIMALS) for value in values), _DECIMALS)


def _blood_of(labels: Volume) -> Volume:
    return labels.with_data(np.asarray(labels.data) == LABEL_VALUE[Label.BLOOD_IN_INFARCT])


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
