"""``corelab agreement``: volumes against a reference, readers against each other, on a terminal."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from corelab.errors import StoreError
from corelab.store.agreement_report import write_agreement
from corelab.store.comparison import (
    COMPARISON_WORDS,
    AgreementRow,
    Comparison,
    Pairs,
    VolumePair,
)
from corelab.store.layout import Layout
from corelab.store.ledger_file import is_locked
from corelab.store.times import settle
from pipelines.agreement import Comparison as AgainstReference
from pipelines.agreement import compare, write_plot
from pipelines.agreement_pairs import reading_pairs
from pipelines.agreement_writing import agreement_report
from pipelines.holding import hold_out
from pipelines.screen import counted, standard_output, volume_text
from pipelines.telling import told


@told
def agreement_command(
    out: Path, reference: Path | None, plot: Path | None, report: Path | None
) -> int:
    """Print agreement with a reference table, and that of the reads under OUT.

    Without a reference the report is written into OUT, else only where ``report`` says.
    """
    console = standard_output()
    layout = Layout(out)
    if reference is None:
        found = reading_pairs(layout)
        if not found.pairs:
            raise StoreError(
                f"{out} holds no two reads of a case: sign reads, or give a table with "
                "--reference FILE"
            )
        _report(console, layout, found, report)
        return 0
    against = compare(out, reference)
    _show_reference(console, against)
    if plot:
        write_plot(against, plot)
        console.print(f"plot  {plot}", highlight=False)
    if report is not None:
        found = reading_pairs(layout)
        both = replace(found, pairs=(*found.pairs, *_pairs_of(against)))
        _report(console, layout, both, report)
    return 0


def _report(console: Console, layout: Layout, found: Pairs, folder: Path | None) -> None:
    content = agreement_report(layout, found)
    _show_rows(console, content.rows)
    if found.left_out:
        told = counted(len(found.left_out), "pair")
        console.print(f"left out, one or both not assessable: {told}", highlight=False)
    if folder is not None:
        write_agreement(folder, layout, content)
    elif is_locked(layout):
        raise StoreError("OUT is locked: name a folder beside it with --report DIR")
    else:
        with hold_out(layout.root, "agreement"):
            write_agreement(layout.agreement, layout, content)
            settle(layout.root)
    place = folder or layout.agreement
    console.print(f"report  {place / 'agreement.html'}", highlight=False, soft_wrap=True)


def _pairs_of(against: AgainstReference) -> tuple[VolumePair, ...]:
    return tuple(
        VolumePair(
            comparison=Comparison.REFERENCE,
            subject_code=pair.subject_code,
            visit=pair.visit,
            modality=pair.modality,
            first="reference",
            second="measured",
            first_ml=pair.reference_ml,
            second_ml=pair.measured_ml,
        )
        for pair in against.pairs
        if pair.measured_ml is not None and pair.reference_ml is not None
    )


def _show_reference(console: Console, against: AgainstReference) -> None:
    table = Table("subject", "visit", title="Measured against reference, mL")
    for name in ("reference", "measured", "difference"):
        table.add_column(name, justify="right")
    for pair in against.pairs:
        is_whole = pair.measured_ml is not None and pair.reference_ml is not None
        difference = (pair.measured_ml or 0.0) - (pair.reference_ml or 0.0) if is_whole else None
        table.add_row(
            pair.subject_code,
            pair.visit,
            volume_text(pair.reference_ml),
            volume_text(pair.measured_ml),
            volume_text(difference, signed="+"),
        )
    console.print(table)
    if against.agreement:
        found = against.agreement
        console.print(
            f"{found.n} cases: bias {found.bias:+.2f} mL, limits of agreement "
            f"{found.lower_limit:+.2f} to {found.upper_limit:+.2f} mL, "
            f"ICC(2,1) {found.icc_2_1:.3f}",
            highlight=False,
        )
    one_sided = sum((p.measured_ml is None) != (p.reference_ml is None) for p in against.pairs)
    if one_sided:
        console.print(
            f"left out, with one of the two volumes only: {counted(one_sided, 'case')}",
            highlight=False,
        )


def _show_rows(console: Console, rows: tuple[AgreementRow, ...]) -> None:
    """One line a comparison, all its pairs together; the report has the rest."""
    for row in rows:
        group = row.group
        if (group.modality, group.visit, group.readers) != ("all", "all", "all"):
            continue
        words = f"{COMPARISON_WORDS[group.comparison]}: {counted(row.n, 'pair')}"
        if not math.isnan(row.icc_absolute.value):
            words += (
                f", bias {row.bias_ml.value:+.2f} mL, limits {row.lower_limit_ml.value:+.2f} to "
                f"{row.upper_limit_ml.value:+.2f} mL, ICC(2,1) {row.icc_absolute.value:.3f}"
            )
        console.print(words, highlight=False)
