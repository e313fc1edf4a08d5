"""One case from DICOM to its mosaic, as a batch's worker runs it: CPU time, memory, stages.

``python -m benchmarks.segment_speed [ROUNDS]`` prints medians, ranges and peaks for a thick
CT, a thin CT and a DWI, with a profile by stage. Beside them: reading every file and writing
every output's bytes (the floor), and a few lines of SimpleITK that threshold instead of
segmenting.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks.contest import Score, Work, contest, peak_rss_mb, table, warm
from benchmarks.heads import diffusion, thick_ct, thin_ct
from benchmarks.stopwatch import stopwatch

OURS = "corelab"
CASES: dict[str, Callable[[], Path]] = {
    "thick NCCT, 512 x 512 x 32": thick_ct,
    "thin NCCT, 512 x 512 x 300": thin_ct,
    "DWI and ADC, 256 x 256 x 24": diffusion,
}
TRIAL = Path(__file__).parents[1] / "configs" / "any-head.toml"

STAGES = {
    "index": ("corelab.dicom.index:index",),
    "choose": ("corelab.stages.choose:choose",),
    "digest sources": ("pipelines.case:read_sources",),
    "decode": ("pipelines.making:convert",),
    "brain mask": (
        "corelab.stages.segment:brain_mask_ct",
        "corelab.stages.segment:brain_mask_mr",
    ),
    "infarct": (
        "corelab.stages.segment:segment_infarct_ct",
        "corelab.stages.segment:segment_infarct_dwi",
    ),
    "rest of segment": ("pipelines.making:segment",),
    "measure": ("pipelines.making:measure",),
    "overlay": ("pipelines.making:overlay",),
    "write": (
        "corelab.store.image:save_volume",
        "corelab.stages.segment:save_volume",
        "pipelines.making:read_case",
    ),
    "read back": (
        "corelab.store.image:load_volume",
        "corelab.stages.measure:load_mask",
        "corelab.store.mosaic_request:load_mask",
    ),
}
"""Images and masks are read back from disk, so that what is measured is what was saved."""


def run_ours(folder: str) -> None:
    """Index, choose and run the case; every output is written."""
    with tempfile.TemporaryDirectory() as out:
        _measure(Path(folder), Path(out))


def _measure(folder: Path, out: Path) -> None:
    # Looked up here, so that a stopwatch's wrappers are found.
    from corelab.dicom import index as indexing  # noqa: PLC0415
    from corelab.settings import settings_of  # noqa: PLC0415
    from corelab.stages import choose as choosing  # noqa: PLC0415
    from corelab.trial import load_trial  # noqa: PLC0415
    from corelab.vocab import Case, SubjectCode, VisitLabel  # noqa: PLC0415
    from pipelines.case import CaseTask, run_case  # noqa: PLC0415

    case, trial = Case(SubjectCode("AAAA"), VisitLabel("visit")), load_trial(TRIAL)
    series = indexing.index(folder).series
    (plan,) = choosing.choose(series, lambda _: case, trial).cases
    task = CaseTask(
        plan=plan,
        out=out,
        settings=settings_of(trial, plan),
        config_digest=trial.digest,
        software_version=version("corelab"),
        case_minutes=trial.limits.case_minutes,
    )
    outcome = run_case(task)
    if outcome.problem or not outcome.read or not outcome.read.measurement.infarct_volume_ml:
        raise SystemExit(f"the case was not measured: {outcome.problem}")


def run_floor(folder: str) -> None:
    """Read every file and write as many bytes as the outputs have, nothing between."""
    kept = Path(folder).with_name(f"{Path(folder).name}.outputs")
    for path in Path(folder).rglob("*"):
        if path.is_file():
            path.read_bytes()
    with tempfile.TemporaryDirectory() as out:
        for number, path in enumerate(path for path in kept.rglob("*") if path.is_file()):
            with Path(out, str(number)).open("wb") as stream:
                stream.write(path.read_bytes())
                stream.flush()
                os.fsync(stream.fileno())


def run_simpleitk(folder: str) -> None:
    """Read each series, write it, and of the last one a threshold's pieces as a mask."""
    import SimpleITK as sitk  # noqa: N813, PLC0415 - customary; in its own process only

    sitk.ProcessObject.GlobalWarningDisplayOff()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    reader = sitk.ImageSeriesReader()
    folders = sorted({path.parent for path in Path(folder).rglob("*") if path.is_file()})
    with tempfile.TemporaryDirectory() as out:
        for number, place in enumerate(map(str, folders)):
            uids = reader.GetGDCMSeriesIDs(place)
            for name in (reader.GetGDCMSeriesFileNames(place, uid) for uid in uids):
                reader.SetFileNames(name)
                image = reader.Execute()
                sitk.WriteImage(image, str(Path(out, f"image{number}.nii.gz")))
        head = sitk.OtsuThreshold(image, 0, 1)
        pieces = sitk.RelabelComponent(sitk.ConnectedComponent(head))
        sitk.WriteImage(sitk.Cast(pieces == 1, sitk.sitkUInt8), str(Path(out, "mask.nii.gz")))


WORKS: dict[str, Work] = {
    OURS: run_ours,
    "read and write the bytes": run_floor,
    "SimpleITK, Otsu": run_simpleitk,
}


def keep_outputs(folder: Path) -> None:
    """Leave one set of outputs beside a head, for the floor to write."""
    kept = folder.with_name(f"{folder.name}.outputs")
    shutil.rmtree(kept, ignore_errors=True)
    _measure(folder, kept)


def profile(folder: str, rounds: int) -> dict[str, float]:
    """Median CPU milliseconds of each stage; one round before is not counted."""
    run_ours(folder)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        with stopwatch(STAGES) as watch:
            run_ours(folder)
        for stage in (*STAGES, "other"):
            found[stage].append(watch.ms[stage])
    return {stage: statistics.median(times) for stage, times in found.items()}


def _report(scores: dict[str, Score]) -> str:
    ours = scores[OURS]
    rows = [
        (
            name,
            f"{score.median_cpu_ms:.0f}",
            f"{min(score.cpu_ms):.0f} to {max(score.cpu_ms):.0f}",
            f"{ours.median_cpu_ms / score.median_cpu_ms:.2f}",
        )
        for name, score in scores.items()
    ]
    return table(rows, ("what", "CPU ms, median", "range", "corelab / it"))


def main() -> None:
    """Measure and print the three cases."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    profiles: dict[str, dict[str, float]] = {}
    for title, make in CASES.items():
        folder = make()
        keep_outputs(folder)
        print(f"### {title}, {rounds} rounds\n")
        print(_report(contest(WORKS, str(folder), rounds)))
        print(f"\npeak memory of the process: {peak_rss_mb(run_ours, str(folder)):.0f} MB\n")
        profiles[title.split(",", maxsplit=1)[0]] = warm(profile, str(folder), rounds)
    rows = [
        (stage, *(f"{times[stage]:.0f}" for times in profiles.values()))
        for stage in (*STAGES, "other")
    ]
    print(f"### CPU ms by stage\n\n{table(rows, ('stage', *profiles))}")


if __name__ == "__main__":
    main()
