"""Each command's use case, shown on a terminal, with its exit status."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from corelab.errors import UnfitDataError
from corelab.store.layout import Layout
from pipelines.audit_screen import show_audit
from pipelines.auditing import audit_out
from pipelines.cli import EXIT_PROBLEMS
from pipelines.convert import ConvertRequest, ConvertResult, check_places, convert_delivery
from pipelines.convert_list import write_list
from pipelines.engine import open_engine
from pipelines.sample import write_sample
from pipelines.screen import (
    counted,
    files_line,
    show_evidence,
    show_loose,
    show_whole,
    standard_output,
)
from pipelines.single import SegmentRequest, segment_file
from pipelines.survey import survey
from pipelines.telling import complain as _complain
from pipelines.telling import told as _told
from pipelines.verdicts import study_table
from pipelines.workers import Workers, at_work


@_told
def inspect_command(incoming: Path, trial_file: Path | None) -> int:
    """Print every study and series of a folder."""
    console = standard_output()
    with open_engine() as engine:
        found = survey(incoming, trial_file, engine)
    for study in found.studies:
        show_whole(console, study_table(study.number, study.verdicts, incoming, console.width))
        show_evidence(console, study.verdicts)
    show_loose(console, found.loose + found.skipped, incoming)
    console.print(files_line(found.counts), highlight=False)
    return 0


@_told
def convert_command(request: ConvertRequest, workers: Workers) -> int:
    """Convert a delivery and print what became of every series."""
    check_places(request)
    with at_work(workers) as (engine, watcher):
        result = convert_delivery(request, engine, watcher)
    if request.list_file:
        write_list(request.list_file, result, request)
    _show_conversion(standard_output(), result, request)
    return EXIT_PROBLEMS if result.n_faults or not result.n_images else 0


@_told
def segment_command(request: SegmentRequest) -> int:
    """Segment one NIfTI image and print its volume."""
    try:
        result = segment_file(request)
    except UnfitDataError as error:
        hint = "" if request.b_value_s_mm2 else " (read as a CT; a DWI needs --bvalue)"
        _complain(f"{request.image.name} was not measured: {error}{hint}")
        return EXIT_PROBLEMS
    numbers = result.measurement
    console = standard_output()
    console.print(
        f"infarct {numbers.infarct_volume_ml:.2f} mL "
        f"(sensitivity range {numbers.infarct_volume_low_ml:.2f} to "
        f"{numbers.infarct_volume_high_ml:.2f}), {counted(len(numbers.components), 'piece')}, "
        f"brain {numbers.brain_volume_ml:.0f} mL",
        highlight=False,
    )
    if result.flags:
        console.print("look because: " + ", ".join(flag.replace("_", " ") for flag in result.flags))
    console.print(f"mask    {result.mask}\nmosaic  {result.mosaic}", highlight=False, markup=False)
    return 0


@_told
def audit_command(out: Path, vault_folder: Path, key_file: Path | None = None) -> int:
    """Print where identifying texts stand under OUT, if anywhere."""
    report = audit_out(Layout(out), vault_folder, key_file, "audit")
    show_audit(report, standard_output())
    return 0 if report.is_clean else EXIT_PROBLEMS


@_told
def sample_command(directory: Path, *, n_subjects: int, seed: int) -> int:
    """Write a synthetic delivery."""
    write_sample(directory, n_subjects=n_subjects, seed=seed)
    standard_output().print(f"{n_subjects} subjects written below {directory}", highlight=False)
    return 0


def _show_conversion(console: Console, result: ConvertResult, request: ConvertRequest) -> None:
    for number, verdicts in enumerate(result.verdicts_by_study(), start=1):
        show_whole(console, study_table(number, verdicts, request.incoming, console.width))
        show_evidence(console, verdicts)
    show_loose(console, result.loose, request.incoming)
    console.print(files_line(result.counts), highlight=False)
    console.print(
        f"{counted(result.n_images, 'image')} written, "
        f"{result.n_copies} with a straightened copy; "
        f"refused, ask the site: {result.n_faults} series or files",
        highlight=False,
    )
    if result.n_removed:
        console.print(f"removed of an earlier conversion: {counted(result.n_removed, 'file')}")
    console.print(f"images  {request.out}", highlight=False, markup=False, soft_wrap=True)
    who = (
        f"{request.list_file} (identified: not for readers)"
        if request.list_file
        else "nowhere; --list FILE writes which patient and series each image is"
    )
    console.print(f"list    {who}", highlight=False, markup=False, soft_wrap=True)
