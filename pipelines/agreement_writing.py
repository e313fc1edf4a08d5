"""Pairs of volumes to the agreement report under OUT."""

from __future__ import annotations

from corelab.stages.publish import publication_from
from corelab.store.agreement_report import AgreementReport, write_agreement
from corelab.store.comparison import Pairs
from corelab.store.layout import Layout
from pipelines.agreement_figures import agreement_rows
from pipelines.agreement_pairs import reading_pairs


def agreement_report(layout: Layout, found: Pairs) -> AgreementReport:
    """Report of these pairs, with the figures that they come to."""
    publication = publication_from(layout)
    return AgreementReport(
        trial_id=publication.trial_id,
        software_version=publication.software_version,
        found=found,
        rows=agreement_rows(found.pairs),
    )


def renew_agreement(layout: Layout) -> None:
    """Write the report that is under OUT anew, from the reads as they stand; nothing without one.

    Raises
    ------
    StoreError
        When the ledger or a mask cannot be read, or the report not be written.
    """
    if layout.agreement.exists():
        report = agreement_report(layout, reading_pairs(layout))
        write_agreement(layout.agreement, layout, report)
