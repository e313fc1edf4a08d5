"""Rows of the tables to the findings of the domain NV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from corelab.store.column import Cell
from corelab.store.exchange.nv import Finding, NotDone
from corelab.vocab import Hemisphere, Modality, ReadStatus

Row = Mapping[str, Cell]
CaseKey = tuple[str, str]
AUTO, ADJUDICATION, REPEAT = "auto", "adjudication", "repeat"


def averaged_cases(reads: Iterable[Row]) -> frozenset[CaseKey]:
    """Cases whose volume is the mean of readers: more than one stands behind it."""
    counts = Counter(
        _case(row) for row in reads if row["accepted"] == "yes" and row["stands"] == "yes"
    )
    return frozenset(case for case, count in counts.items() if count > 1)


def findings_of(volumes: Sequence[Row], reads: Sequence[Row]) -> tuple[Finding, ...]:
    """Every read that stands, every mean of readers, and every case without any read.

    Parameters
    ----------
    volumes, reads
        Rows of the tables of these names.
    """
    standing = [row for row in reads if row["stands"] == "yes"]
    averaged, numbers = averaged_cases(standing), _reader_numbers(standing)
    volume_of = {_case(row): row for row in volumes}
    read_cases = {_case(row) for row in standing}
    return (
        *(_of_read(row, volume_of.get(_case(row)), numbers, averaged) for row in standing),
        *(_of_mean(row) for case, row in volume_of.items() if case in averaged),
        *(_of_nothing(row) for case, row in volume_of.items() if case not in read_cases),
    )


def _of_read(
    row: Row, volume: Row | None, numbers: Mapping[str, int], averaged: frozenset[CaseKey]
) -> Finding:
    """Tell a read; ``volume`` is absent where the case was taken out of OUT."""
    is_auto = row["reader"] == AUTO
    measured_ml = _number(row["infarct_volume_ml"])
    counts_alone = _case(row) not in averaged and row["accepted"] == "yes"
    is_accepted = _is_auto_accepted(volume) if is_auto and volume else counts_alone
    return _finding(
        row,
        reference=str(row["read_id"] or ""),
        evaluator="" if is_auto else _evaluator(row, numbers),
        repetition=2 if row["purpose"] == REPEAT else 1,
        infarct_volume_ml=measured_ml,
        not_done=NotDone.NOT_ASSESSABLE if measured_ml is None else None,
        reason=str(row["result_reasons"] or ""),
        method=str(row["method"] or ""),
        is_accepted=is_accepted,
        hours_from_reference=_number(volume["hours_from_reference"]) if volume else None,
    )


def _of_mean(volume: Row) -> Finding:
    measured_ml = _number(volume["infarct_volume_ml"])
    return _finding(
        volume,
        infarct_volume_ml=measured_ml,
        not_done=NotDone.NOT_ASSESSABLE if measured_ml is None else None,
        is_accepted=True,
        is_mean=True,
        hours_from_reference=_number(volume["hours_from_reference"]),
    )


def _of_nothing(volume: Row) -> Finding:
    return _finding(
        volume,
        infarct_volume_ml=None,
        not_done=NotDone.NOT_MEASURED,
        reason=str(volume["missing_reason"] or ""),
    )


def _finding(  # noqa: PLR0913 - a finding has these parts
    row: Row,
    *,
    infarct_volume_ml: float | None,
    not_done: NotDone | None,
    reference: str = "",
    evaluator: str = "",
    repetition: int = 1,
    reason: str = "",
    method: str = "",
    is_accepted: bool = False,
    is_mean: bool = False,
    hours_from_reference: float | None = None,
) -> Finding:
    side, modality = row["hemisphere"], row["modality"]
    return Finding(
        trial_id=str(row["trial_id"]),
        subject_code=str(row["subject_code"]),
        visit=str(row["visit"]),
        reference=reference,
        evaluator=evaluator,
        repetition=repetition,
        infarct_volume_ml=infarct_volume_ml,
        not_done=not_done,
        reason=reason,
        hemisphere=Hemisphere(str(side)) if side else None,
        modality=Modality(str(modality)) if modality else None,
        method=method,
        is_accepted=is_accepted,
        is_mean=is_mean,
        hours_from_reference=hours_from_reference,
    )


def _reader_numbers(reads: Iterable[Row]) -> dict[str, int]:
    """Count readers in the order of their names."""
    names = {str(row["reader"]) for row in reads if row["reader"] != AUTO}
    return {name: place for place, name in enumerate(sorted(names), start=1)}


def _evaluator(row: Row, numbers: Mapping[str, int]) -> str:
    if row["purpose"] == ADJUDICATION:
        return "ADJUDICATOR"
    return f"READER {numbers[str(row['reader'])]}"


def _is_auto_accepted(volume: Row) -> bool:
    """Whether the automatic volume itself counts: nobody reads, and nothing speaks against it."""
    return volume["read_status"] == ReadStatus.AUTO.value and volume["endpoint_eligible"] == "yes"


def _case(row: Row) -> CaseKey:
    return str(row["subject_code"]), str(row["visit"])


def _number(cell: Cell) -> float | None:
    return None if cell is None else float(cell)
