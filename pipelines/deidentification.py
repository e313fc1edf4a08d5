"""What became of every attribute of a study, and why: a report for the vault, without values."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from corelab.blinding.allowlist import allow_list
from corelab.dicom.attribute import keyword_of
from corelab.series import Attribute, Delivery, Outcome, SeriesVerdict, StudyKey
from corelab.store.column import Cell
from corelab.store.csv_table import to_csv
from corelab.store.files import private_folder, write_private
from corelab.vocab import Case
from pipelines.numbering import study_numbers

FOLDER = "deidentification"
COLUMNS = ("study", "tag", "vr", "keyword", "within", "objects", "action", "why")
_PRIVATE_GROUP = 0x10000
_PIXEL_DATA = Attribute((0x7FE00010,), "OW")
IDENTITY = frozenset(
    {
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "SeriesNumber",
        "AcquisitionDateTime",
        "ContentDate",
        "ContentTime",
        "SeriesDate",
        "SeriesTime",
        "StudyDate",
        "StudyTime",
    }
)
"""What is read to tell whose an object is and when it was made, for the vault alone."""
_FUNCTIONAL_GROUPS = frozenset({0x52009229, 0x52009230})


class Action(StrEnum):
    """What becomes of an attribute."""

    CROSSED = "crossed as a number or flag"
    DECODED = "decoded to voxels"
    READ = "read, not copied"
    KEPT = "kept in the vault"
    NOT_COPIED = "not copied"
    REFUSED = "refused with its object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of an attribute of an object, and why."""

    action: Action
    why: str


def write_reports(
    vault: Path,
    delivery: Delivery,
    verdicts: Sequence[SeriesVerdict],
    failed: Mapping[Case, str],
) -> None:
    """Write ``VAULT/deidentification/<case>_<study>.csv`` for every study of a delivery.

    Parameters
    ----------
    vault
        Folder that only its owner may open.
    delivery, verdicts
        What came, and what became of every series of it.
    failed
        Reason code of each case that was to be measured and could not be.

    Notes
    -----
    A study is named by a digest of its UID, one that is no case by that alone. What an earlier
    delivery reported of it under another case goes. Rows say which number it has in this
    delivery. Reports hold attributes and counts, no values.

    Raises
    ------
    StoreError
        When the vault cannot be written to.
    """
    folder = private_folder(vault / FOLDER)
    numbers = study_numbers(verdict.series for verdict in verdicts)
    rows: dict[str, list[dict[str, Cell]]] = defaultdict(list)
    for key, mine in _by_study(verdicts).items():
        case = next((verdict.case.stem for verdict in mine if verdict.case), "")
        name = "_".join(filter(None, (case, _study_name(key))))
        rows[f"{name}.csv"] += _rows(numbers[key], delivery.attributes, mine, failed)
    for name, listed in rows.items():
        write_private(folder / name, to_csv(COLUMNS, listed))
    for study in {_study_name(verdict.series.identity.study_key) for verdict in verdicts}:
        for path in folder.glob(f"*{study}.csv"):
            if path.name not in rows:
                path.unlink()


@cache
def fate_of(attribute: Attribute) -> Fate:
    """Say what becomes of an attribute of an object that is used."""
    if attribute == _PIXEL_DATA:
        why = "decoded, rescaled and written anew; what is outside the head is air in a trial's run"
        return Fate(action=Action.DECODED, why=why)
    if any(tag & _PRIVATE_GROUP for tag in attribute.tags):
        why = "private: never copied; a diffusion weighting may be read from it as a number"
        return Fate(action=Action.NOT_COPIED, why=why)
    *within, tag = attribute.tags
    keyword = keyword_of(tag)
    if keyword in IDENTITY and not within:
        return Fate(action=Action.KEPT, why="tells whose the object is and when it was made")
    if not within or within[0] in _FUNCTIONAL_GROUPS:
        for name, entry in allow_list().entries.items():
            if keyword in entry.attributes:
                return Fate(action=Action.CROSSED, why=f"{name} on the allow-list: {entry.why}")
        judged = [n for n, entry in allow_list().entries.items() if keyword in entry.judged_from]
        if judged:
            return Fate(action=Action.READ, why="to judge " + ", ".join(judged))
    return Fate(action=Action.NOT_COPIED, why="not on the allow-list")


def _rows(
    study: int,
    attributes: Mapping[Path, tuple[Attribute, ...]],
    verdicts: Iterable[SeriesVerdict],
    failed: Mapping[Case, str],
) -> list[dict[str, Cell]]:
    """Rows of one study in the order of tags."""
    counts: Counter[tuple[Attribute, Fate]] = Counter()
    for (held, refusal), n_objects in _alike(attributes, verdicts, failed).items():
        for attribute in held if refusal else (*held, _PIXEL_DATA):
            counts[attribute, refusal or fate_of(attribute)] += n_objects
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], item[0][1].action))
    return [_row(study, attribute, fate, n) for (attribute, fate), n in ordered]


def _alike(
    attributes: Mapping[Path, tuple[Attribute, ...]],
    verdicts: Iterable[SeriesVerdict],
    failed: Mapping[Case, str],
) -> Counter[tuple[tuple[Attribute, ...], Fate | None]]:
    """Objects that hold the same and share their fate, counted; an object used once is used."""
    fates: dict[Path, Fate | None] = {}
    for verdict in sorted(verdicts, key=lambda verdict: verdict.outcome is not Outcome.USED):
        frames = {frame.path for frame in verdict.series.frames}
        for path in frames.union(verdict.series.files):
            fates.setdefault(path, _refusal(verdict, failed))
    return Counter((attributes.get(path, ()), fate) for path, fate in fates.items())


def _refusal(verdict: SeriesVerdict, failed: Mapping[Case, str]) -> Fate | None:
    refusal, case = verdict.series.refusal, verdict.case
    why = refusal.reason.value if refusal else f"series {verdict.outcome}"
    if verdict.outcome is Outcome.USED:
        if case is None or case not in failed:
            return None
        why = failed[case]
    return Fate(action=Action.REFUSED, why=why)


def _row(study: int, attribute: Attribute, fate: Fate, n_objects: int) -> dict[str, Cell]:
    *within, tag = attribute.tags
    return {
        "study": study,
        "tag": _tag(tag),
        "vr": attribute.vr,
        "keyword": keyword_of(tag),
        "within": " > ".join(keyword_of(outer) or _tag(outer) for outer in within),
        "objects": n_objects,
        "action": fate.action.value,
        "why": fate.why,
    }


def _by_study(verdicts: Iterable[SeriesVerdict]) -> dict[StudyKey, list[SeriesVerdict]]:
    studies: dict[StudyKey, list[SeriesVerdict]] = defaultdict(list)
    for verdict in verdicts:
        studies[verdict.series.identity.study_key].append(verdict)
    return dict(studies)


def _study_name(key: StudyKey) -> str:
    return "study-" + hashlib.sha256(key[1].encode("utf-8", "replace")).hexdigest()[:12]


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
