"""Tables as statisticians read them: CSV, Parquet and the dictionary beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

from corelab.store.column import Cell
from corelab.store.csv_table import read_csv, to_csv
from corelab.store.exchange.parquet import to_parquet
from corelab.store.exchange.sheets import volume_sheet
from corelab.store.files import write_bytes, write_json, write_text
from corelab.store.growth import (
    GROWTH_COLUMNS,
    growth_dictionary,
    growth_of,
    growth_row,
    with_growth_flags,
)
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.store.schema import (
    AUTOMATIC_COLUMNS,
    READ_COLUMNS,
    VERDICT_COLUMNS,
    VOLUME_COLUMNS,
    data_dictionary,
    human_row,
    row_of,
    unmeasured_row,
)
from corelab.vocab import (
    Case,
    CaseReading,
    EndpointReason,
    HumanVersion,
    People,
    Problem,
    Read,
    ReadStatus,
    VerdictGiven,
)

_PROBLEM_NAMES = tuple(field.name for field in fields(Problem))
_READ_NAMES = (
    "reader",
    *(column.name for column in AUTOMATIC_COLUMNS),
    "stands",
    *(column.name for column in READ_COLUMNS),
)
_VOLUME_NAMES = tuple(column.name for column in VOLUME_COLUMNS)
_GROWTH_NAMES = tuple(column.name for column in GROWTH_COLUMNS)
NOBODY = People()
"""Nobody has read anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Reads under OUT: those that stand, with what growth says of them, and earlier versions."""

    reads: tuple[Read, ...]
    earlier: tuple[Read, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """Rows of every table, by the names of their cells, in the order that they are written."""

    volumes: list[dict[str, Cell]]
    reads: list[dict[str, Cell]]
    problems: list[dict[str, Cell]]
    growth: list[dict[str, Cell]]
    verdicts: list[dict[str, Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Every table, and the records that it was made of."""

    records: Records
    rows: TableRows


def load_records(layout: Layout, visits: Sequence[str]) -> Records:
    """Load every read under OUT; ``visits`` as for :func:`write_tables`."""
    reads = with_growth_flags([load_read(path) for path in layout.reads()], visits)
    earlier = tuple(load_read(path) for path in layout.earlier_reads())
    return Records(reads=tuple(reads), earlier=earlier)


def write_tables(
    layout: Layout,
    problems: Sequence[Problem],
    trial_id: str,
    visits: Sequence[str] = (),
    *,
    people: People = NOBODY,
) -> Tables:
    """Rebuild every table from the reads under OUT and the problems of the batch.

    Parameters
    ----------
    layout
        Where OUT lies.
    problems
        What was not measured, and why.
    trial_id
        Trial of the cases that were not measured.
    visits
        Labels of the trial's visits in the order of their time, the baseline first. Without
        them there is no table of growth.
    people
        What people have read. What they could not assess is a problem here and in no record.

    Returns
    -------
    Tables
        What was written, and what it was made of.
    """
    records = load_records(layout, visits)
    rows = rows_of(records, problems, trial_id, visits, people=people)
    write_text(layout.volumes_csv, to_csv(_VOLUME_NAMES, rows.volumes))
    write_bytes(layout.volumes_parquet, to_parquet(volume_sheet(rows.volumes)))
    write_json(layout.volumes_dictionary, data_dictionary())
    write_text(layout.reads_csv, to_csv(_READ_NAMES, rows.reads))
    write_text(layout.problems_csv, to_csv(_PROBLEM_NAMES, rows.problems))
    if visits:
        write_text(layout.growth_csv, to_csv(_GROWTH_NAMES, rows.growth))
        write_json(layout.growth_dictionary, growth_dictionary(visits))
    return Tables(records=records, rows=rows)


def rows_of(
    records: Records,
    problems: Sequence[Problem],
    trial_id: str,
    visits: Sequence[str] = (),
    *,
    people: People = NOBODY,
) -> TableRows:
    """Rows of every table; parameters as for :func:`write_tables`."""
    reads, readings = records.reads, _readings(records, people)
    measured = {read.case: row_of(read, readings.get(read.case)) for read in reads}
    unassessable = [
        _unassessable(readings[case]) for case in measured if _has_no_volume(measured[case])
    ]
    listed = _listed([*problems, *unassessable])
    standing = (as_it_stands(read, measured[read.case]) for read in reads)
    growth = growth_of([read for read in standing if read], listed, visits, trial_id)
    return TableRows(
        volumes=_volume_rows(measured.values(), listed, trial_id),
        reads=_read_rows(records, _as_counted(people.versions, measured), trial_id),
        problems=[asdict(problem) for problem in listed],
        growth=[growth_row(pair) for pair in growth],
        verdicts=list(_verdict_rows(people.verdicts, trial_id)),
    )


def load_problems(layout: Layout) -> tuple[Problem, ...]:
    """Rows of ``problems.csv`` that somebody can still do something about; none without the file.

    What people could not assess is their result: it is told anew from their reads each time.
    """
    if not layout.problems_csv.exists():
        return ()
    rows = (Problem(**row) for row in read_csv(layout.problems_csv, _PROBLEM_NAMES))
    return tuple(row for row in rows if row.reason_code != EndpointReason.NOT_ASSESSABLE)


def load_visits(layout: Layout) -> frozenset[str]:
    """Labels of the visits that the growth table names; none when there is no such table."""
    if not layout.growth_csv.exists():
        return frozenset()
    rows = read_csv(layout.growth_csv, ("baseline_visit", "visit"))
    return frozenset(visit for row in rows for visit in row.values())


def as_it_stands(read: Read, row: Mapping[str, Cell]) -> Read | None:
    """Return an automatic read with the volume of its row; ``None`` where that has none."""
    volume_ml = row["infarct_volume_ml"]
    if volume_ml is None:
        return None
    measurement = replace(read.measurement, infarct_volume_ml=float(volume_ml))
    is_eligible = row["endpoint_eligible"] == "yes"
    return replace(read, measurement=measurement, is_endpoint_eligible=is_eligible)


def _readings(records: Records, people: People) -> dict[Case, CaseReading]:
    if not people.is_lost:
        return {reading.case: reading for reading in people.readings}
    lost = (EndpointReason.LEDGER_BROKEN,)
    return {
        read.case: CaseReading(case=read.case, image_sha256=None, value=None, reasons=lost)
        for read in records.reads
    }


def _has_no_volume(row: Mapping[str, Cell]) -> bool:
    """Whether the row of a measured case has no volume: people could not assess it."""
    return row["infarct_volume_ml"] is None


def _unassessable(reading: CaseReading) -> Problem:
    return Problem(
        subject_code=reading.case.subject_code,
        visit=reading.case.visit,
        reason_code=EndpointReason.NOT_ASSESSABLE.value,
        message=reading.value.why_not if reading.value else "",
    )


def _listed(problems: Iterable[Problem]) -> list[Problem]:
    # Two studies without a case may say the same, and are two.
    of_cases = {problem for problem in problems if problem.subject_code}
    others = [problem for problem in problems if not problem.subject_code]
    return sorted([*of_cases, *others], key=lambda row: tuple(asdict(row).values()))


def _volume_rows(
    measured: Iterable[dict[str, Cell]], problems: Sequence[Problem], trial_id: str
) -> list[dict[str, Cell]]:
    rows = {(str(row["subject_code"]), str(row["visit"])): row for row in measured}
    told: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        if problem.subject_code and problem.visit:
            told.setdefault((problem.subject_code, problem.visit), []).append(problem)
    for key, of_case in told.items():
        rows.setdefault(key, unmeasured_row(of_case, trial_id))
    return [rows[key] for key in sorted(rows)]


def _verdict_rows(verdicts: Iterable[VerdictGiven], trial_id: str) -> Iterator[dict[str, Cell]]:
    """One row a verdict, numbered within its case in the order that they were given."""
    counts: dict[Case, int] = {}
    for given in verdicts:
        counts[given.case] = counts.get(given.case, 0) + 1
        row = {column.name: column.value(given) for column in VERDICT_COLUMNS}
        yield {"trial_id": trial_id, "verdict_number": counts[given.case], **row}


def _as_counted(
    versions: Iterable[HumanVersion], measured: Mapping[Case, Mapping[str, Cell]]
) -> Iterator[HumanVersion]:
    """Accept no read of a case whose volume is not people's: of another image, say."""
    for version in versions:
        row = measured.get(version.case)
        is_peoples = row is not None and row["read_status"] != ReadStatus.AUTO.value
        yield replace(version, is_accepted=version.is_accepted and is_peoples)


def _read_rows(
    records: Records, versions: Iterable[HumanVersion], trial_id: str
) -> list[dict[str, Cell]]:
    """One row a version of each read, those that stand after those that they superseded.

    The automatic reads of a case stand before those of people.
    """
    listed = [(read, "yes") for read in records.reads] + [(read, "no") for read in records.earlier]
    listed.sort(key=lambda pair: (pair[0].case, pair[0].version))
    nothing: dict[str, Cell] = dict.fromkeys(column.name for column in READ_COLUMNS)
    rows = [
        {"reader": read.reader, **row_of(read), "stands": stands, **nothing}
        for read, stands in listed
    ]
    rows += [human_row(version, trial_id) for version in versions]
    # Sorting keeps the order of rows of one case.
    return sorted(rows, key=lambda row: (str(row["subject_code"]), str(row["visit"])))
