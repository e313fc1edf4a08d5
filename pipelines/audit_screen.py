"""What an audit says on a terminal: where, never what."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from corelab.blinding.audit import AuditReport
from corelab.dicom.files import printable
from pipelines.screen import counted

_NAME = "name"
_MEGABYTE = 1e6


def show_audit(report: AuditReport, console: Console) -> None:
    """Print each leak's place, what could not be searched, and how much was."""
    for leak in report.leaks:
        where = _shown(leak.path, report)
        console.print(
            f"leak: {leak.kind} in the {leak.place} of {where}", highlight=False, markup=False
        )
    for gap in report.gaps:
        where = _shown(gap.path, report)
        console.print(
            f"could not be searched: {gap.place} of {where}", highlight=False, markup=False
        )
    console.print(
        f"{report.n_identifiers} identifying texts looked for in {report.n_files} files and "
        f"folders ({report.n_bytes / _MEGABYTE:.1f} MB): {counted(len(report.leaks), 'leak')}, "
        f"{counted(len(report.gaps), 'place')} not searched.",
        highlight=False,
        markup=False,
    )
    if report.undecidable:
        kinds = ", ".join(f"{count} {kind}" for kind, count in report.undecidable)
        console.print(
            f"Not decidable: {report.n_undecidable} of them coincide, whole or in a part, with "
            f"words that corelab itself writes ({kinds}).",
            highlight=False,
            markup=False,
        )


def _shown(path: Path, report: AuditReport) -> str:
    """Path without the names that are leaks themselves."""
    leaking = {leak.path for leak in report.leaks if leak.place == _NAME}
    parts = [
        "(name withheld)" if Path(*path.parts[: depth + 1]) in leaking else printable(part)
        for depth, part in enumerate(path.parts)
    ]
    return "/".join(parts)
