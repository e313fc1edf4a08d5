"""Reads to what people open: tables, their dictionary and the QA page of the batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from corelab.errors import DiskError, ReasonCode, StoreError
from corelab.store.bids import description
from corelab.store.exchange.adam import analysis_sheet
from corelab.store.exchange.define_xml import Study
from corelab.store.exchange.files import Export, TableFormat, remove_export, write_export
from corelab.store.exchange.findings import averaged_cases, findings_of
from corelab.store.exchange.nv import findings_sheet
from corelab.store.exchange.sheets import (
    growth_sheet,
    reads_sheet,
    verdict_sheet,
    volume_sheet,
)
from corelab.store.files import read_bytes, read_json, write_json, write_text
from corelab.store.layout import Layout
from corelab.store.picture import mosaic_thumbnail
from corelab.store.qa_page import render_qa_page
from corelab.store.qa_row import QaAccepted, QaPage, QaRow
from corelab.store.table import NOBODY, Records, Tables, write_tables
from corelab.store.times import settle
from corelab.vocab import Case, People, Problem, Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What every table and page says of the trial and the software.

    ``visits`` are the trial's in the order of their time, the baseline first; empty where they
    are not known.
    """

    trial_id: str
    software_version: str
    config_digest: str
    visits: tuple[str, ...] = ()


def publication_from(layout: Layout) -> Publication:
    """Return what the last batch under OUT said of itself; empty texts when there was none."""
    try:
        batch = read_json(layout.batch)
    except StoreError:
        batch = {}
    visits = batch.get("visits")
    return Publication(
        trial_id=str(batch.get("trial_id", "")),
        software_version=str(batch.get("software_version", "")),
        config_digest=str(batch.get("config_digest", "")),
        visits=tuple(str(visit) for visit in visits) if isinstance(visits, list) else (),
    )


def publish(layout: Layout, problems: Sequence[Problem], publication: Publication) -> Tables:
    """Rebuild tables, dictionary and QA page from the records under OUT.

    Tables in further forms are of an earlier state then, and go: see :func:`export_tables`.

    Parameters
    ----------
    layout
        Where OUT lies.
    problems
        Every case and series that was not measured.
    publication
        What is known of unmeasured cases too.

    Returns
    -------
    Tables
        What the tables hold.
    """
    people = _people(layout)
    remove_export(layout)
    tables = write_tables(layout, problems, publication.trial_id, publication.visits, people=people)
    name = f"{publication.trial_id}: blinded infarct volumes"
    write_json(layout.dataset_description, description(name, publication.software_version))
    page = QaPage(
        trial_id=publication.trial_id,
        rows=tuple(_rows(layout, tables.records, problems, people)),
        software_version=publication.software_version,
        config_digest=publication.config_digest,
    )
    write_text(layout.qa_page, render_qa_page(page))
    settle(layout.root)
    return tables


def export_tables(
    layout: Layout, tables: Tables, publication: Publication, formats: Iterable[TableFormat]
) -> None:
    """Write every table in further forms, with a dictionary, below ``OUT/tables``.

    Parameters
    ----------
    layout
        Where OUT lies.
    tables
        As they were just rebuilt.
    publication
        What they say of the trial.
    formats
        Which forms.

    Raises
    ------
    StoreError
        When a table does not fit a form.
    """
    rows, visits = tables.rows, publication.visits
    sheets = (
        volume_sheet(rows.volumes),
        reads_sheet(rows.reads),
        growth_sheet(rows.growth),
        verdict_sheet(rows.verdicts),
        findings_sheet(findings_of(rows.volumes, rows.reads), visits),
        analysis_sheet(rows.volumes, visits, averaged_cases(rows.reads)),
    )
    study = Study(trial_id=publication.trial_id, software_version=publication.software_version)
    write_export(layout, Export(study=study, sheets=sheets), formats)
    settle(layout.root)


def _people(layout: Layout) -> People:
    """Return what the ledger says of people's reads, and put their accepted masks in place.

    A batch goes on beside a broken ledger: the tables then say that no read is known.
    """
    if not layout.ledger.exists():
        return NOBODY
    # Only where people read: these take as long to import as the tables of some thousand records.
    from corelab.reading.fold import fold  # noqa: PLC0415
    from corelab.reading.people import people_of  # noqa: PLC0415
    from corelab.store.accepted import write_accepted_masks  # noqa: PLC0415
    from corelab.store.ledger import read_ledger  # noqa: PLC0415

    try:
        with read_ledger(layout.ledger) as ledger:
            people = people_of(fold(ledger.entries()))
            write_accepted_masks(layout, people.versions, ledger)
    except DiskError:
        raise
    except StoreError:
        return People(is_lost=True)
    return people


MOST_PICTURES = 1_000
"""Cases that a page shows pictures of: with more it would not open, and links to them instead."""


def _rows(
    layout: Layout, records: Records, problems: Iterable[Problem], people: People
) -> Iterable[QaRow]:
    reads = records.reads
    is_small = len(reads) <= MOST_PICTURES
    accepted = _accepted(layout, reads if is_small else (), people)
    earlier_ml = _volumes_of(records.earlier)
    for read in reads:
        numbers = read.measurement
        yield QaRow(
            subject_code=read.subject_code,
            visit=read.visit,
            modality=read.modality,
            infarct_volume_ml=numbers.infarct_volume_ml,
            infarct_volume_low_ml=numbers.infarct_volume_low_ml,
            infarct_volume_high_ml=numbers.infarct_volume_high_ml,
            brain_volume_ml=numbers.brain_volume_ml,
            n_components=len(numbers.components),
            hemisphere=read.hemisphere,
            flags=read.qc_flags,
            is_endpoint_eligible=read.is_endpoint_eligible,
            earlier_ml=tuple(sorted(earlier_ml.get(read.case, ()))),
            method=read.method,
            image_sha256=read.sha256_of(read.modality.contrast),
            mask_sha256=read.sha256_of("infarct_mask"),
            mosaic_webp=_thumbnail(layout, read.case) if is_small else None,
            lines_png=_lines(layout, read.case) if is_small else None,
            accepted=accepted.get(read.case),
            mosaic_link=_mosaic_link(layout, read.case),
        )
    measured = {(read.subject_code, read.visit) for read in reads}
    for problem in problems:
        is_measured = (problem.subject_code, problem.visit) in measured
        if is_measured and problem.reason_code == ReasonCode.LOSSY_PIXELS:
            continue  # its own row says so beside the volume
        yield QaRow(
            subject_code=problem.subject_code,
            visit=problem.visit,
            reason_code=problem.reason_code,
            message=problem.message,
        )


def _accepted(layout: Layout, reads: Iterable[Read], people: People) -> dict[Case, QaAccepted]:
    """Return what is accepted of each of these cases, with the lines of its masks."""
    values = {reading.case: reading.value for reading in people.readings if reading.value}
    if not values and not layout.accepted_lines_folder.exists():
        return {}
    # As above: to draw, images are read and turned.
    from corelab.store.accepted_lines import AcceptedLines  # noqa: PLC0415

    lines = AcceptedLines(layout)
    found = {}
    for read in reads:
        value = values.get(read.case)
        if value is None or value.infarct_volume_ml is None:
            continue
        drawn = lines.of(read)
        if drawn is not None:
            words = f"accepted: {value.read_status} read, {value.infarct_volume_ml:.1f} mL"
            found[read.case] = QaAccepted(
                words=words, lines_png=drawn.pngs, n_hidden=drawn.n_hidden
            )
    lines.prune()
    return found


def _volumes_of(earlier: Iterable[Read]) -> dict[Case, list[tuple[int, float]]]:
    """Give number and infarct volume of the superseded versions of each case that has any."""
    found: dict[Case, list[tuple[int, float]]] = defaultdict(list)
    for read in earlier:
        found[read.case].append((read.version, read.measurement.infarct_volume_ml))
    return found


def _thumbnail(layout: Layout, case: Case) -> bytes | None:
    """Smaller copy of a mosaic; made here where an earlier version wrote the mosaic alone."""
    thumbnail, mosaic = layout.thumbnail(case), layout.mosaic(case)
    if thumbnail.exists():
        return read_bytes(thumbnail)
    return mosaic_thumbnail(mosaic.read_bytes()) if mosaic.exists() else None


def _lines(layout: Layout, case: Case) -> bytes | None:
    """Lines of a mosaic; none where there is no infarct or an earlier version drew them in."""
    lines = layout.outline(case)
    return read_bytes(lines) if lines.exists() else None


def _mosaic_link(layout: Layout, case: Case) -> str:
    """Path of the mosaic from the page's folder; empty where there is none."""
    mosaic = layout.mosaic(case)
    if not mosaic.exists():
        return ""
    return "/".join(("..", *mosaic.parts[-3:]))
