"""Which patient and series each converted image is: for the unblinded data manager alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from corelab.dicom.files import printable
from corelab.series import LooseFile, Outcome
from corelab.store.column import Cell
from corelab.store.csv_table import to_csv
from corelab.store.files import write_private
from pipelines.convert import ConvertRequest, ConvertResult, PartFate

LIST_COLUMNS = (
    "image",
    "equidistant_copy",
    "patient_id",
    "study_instance_uid",
    "acquired_at",
    "series_number",
    "series_instance_uid",
    "description",
    "kind",
    "outcome",
    "reason_code",
    "message",
    "evidence",
    "n_files",
    "files",
)
FILE_SEPARATOR = " | "


def write_list(path: Path, result: ConvertResult, request: ConvertRequest) -> None:
    """Write one row for every series part and for every file that belongs to none.

    Files are named below INCOMING, images below OUT. Only the owner may read the list.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    rows = [_row(fate, request) for fate in result.fates]
    rows += [_loose_row(file, request) for file in result.loose]
    write_private(path, to_csv(LIST_COLUMNS, rows))


def _row(fate: PartFate, request: ConvertRequest) -> dict[str, Cell]:
    identity, refusal, target = fate.series.identity, fate.refusal, fate.destination
    files = {frame.path for frame in fate.series.frames} | set(fate.series.files)
    copy = target.equidistant if target else None
    return {
        "image": target.image.relative_to(request.out).as_posix() if target else None,
        "equidistant_copy": copy.relative_to(request.out).as_posix() if copy else None,
        "patient_id": _writable(identity.patient_id),
        "study_instance_uid": _writable(identity.study_uid),
        "acquired_at": identity.acquired_at.isoformat() if identity.acquired_at else None,
        "series_number": identity.series_number,
        "series_instance_uid": _writable(identity.series_uid),
        "description": _writable(identity.description),
        "kind": fate.series.kind.value,
        "outcome": fate.outcome.value,
        "reason_code": refusal.reason.value if refusal else None,
        "message": fate.why or None,
        "evidence": _writable(refusal.evidence) if refusal else None,
        "n_files": len(files),
        "files": _names(files, request),
    }


def _loose_row(file: LooseFile, request: ConvertRequest) -> dict[str, Cell]:
    row: dict[str, Cell] = dict.fromkeys(LIST_COLUMNS)
    return row | {
        "outcome": Outcome.QUARANTINED.value,
        "reason_code": file.refusal.reason.value,
        "message": file.refusal.message,
        "evidence": _writable(file.refusal.evidence),
        "n_files": 1,
        "files": _names([file.path], request),
    }


def _names(paths: Iterable[Path], request: ConvertRequest) -> str:
    top = request.incoming
    names = (
        printable(path.name if path == top else path.relative_to(top)) for path in sorted(paths)
    )
    return FILE_SEPARATOR.join(names)


def _writable(text: str) -> str:
    """Text with what is no UTF-8 spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
