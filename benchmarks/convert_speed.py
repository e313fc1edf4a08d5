"""One CT series from DICOM to ``.nii.gz``: corelab beside dcm2niix, dicom2nifti and SimpleITK.

``python -m benchmarks.convert_speed`` prints medians of CPU time and ratios; the peers come
with ``pip install 'corelab[bench]'``, pigz (for ``dcm2niix -z y``) from the system.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

from benchmarks.contest import Score, Work, contest, peak_mb, table
from benchmarks.scans import SIDE, THICK_SLICES, THIN_SLICES, write_head

OURS = "corelab"
VOXEL_BYTES = 2


def convert_ours(folder: str) -> None:
    """Index, decode, release and save, as ``corelab convert`` does in a worker."""
    from corelab.blinding.release import release  # noqa: PLC0415 - a peer's process needs none
    from corelab.dicom.index import index  # noqa: PLC0415
    from corelab.dicom.pixels import load  # noqa: PLC0415
    from corelab.store.image import save_image  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as out:
        (series,) = index(Path(folder)).series
        save_image(Path(out, "image.nii.gz"), release(load(series), head=None))


def convert_dcm2niix(options: tuple[str, ...], folder: str) -> None:
    """Run the process that a user would run."""
    program = Path(sys.executable).with_name("dcm2niix")
    with tempfile.TemporaryDirectory() as out:
        command = [program, *options, "-o", out, folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words
        _expect_one(out)


def convert_dicom2nifti(folder: str) -> None:
    """Call its one function for a series."""
    import dicom2nifti  # noqa: PLC0415 - in its own process only

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as out:
        dicom2nifti.dicom_series_to_nifti(folder, str(Path(out, "image.nii.gz")))
        _expect_one(out)


def convert_simpleitk(folder: str) -> None:
    """Read the series by GDCM's order of files and write it."""
    import SimpleITK as sitk  # noqa: N813, PLC0415 - customary; in its own process only

    sitk.ProcessObject.GlobalWarningDisplayOff()
    with tempfile.TemporaryDirectory() as out:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
        sitk.WriteImage(reader.Execute(), str(Path(out, "image.nii.gz")))


WORKS: dict[str, Work] = {
    OURS: convert_ours,
    "dcm2niix -z y": partial(convert_dcm2niix, ("-z", "y")),
    "dcm2niix -1 -z i": partial(convert_dcm2niix, ("-1", "-z", "i")),
    "dicom2nifti": convert_dicom2nifti,
    "SimpleITK": convert_simpleitk,
}


def _expect_one(folder: str) -> None:
    found = [name for name in os.listdir(folder) if name.endswith(".nii.gz")]  # noqa: PTH208
    if len(found) != 1:
        raise SystemExit(f"a peer wrote {len(found)} images instead of 1")


def _report(title: str, scores: dict[str, Score]) -> str:
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
    titles = ("tool", "CPU ms, median", "range", "corelab / tool")
    return f"{title}\n\n{table(rows, titles)}\n"


def _memory(n_slices: int, folder: str) -> str:
    volume_mb = n_slices * SIDE * SIDE * VOXEL_BYTES / 2**20
    peak = peak_mb(convert_ours, folder)
    ratio = peak / volume_mb
    return f"corelab's memory: {peak:.0f} MB, {ratio:.2f} times the volume of {volume_mb:.0f} MB\n"


def main() -> None:
    """Measure and print both series."""
    if shutil.which("pigz") is None:
        print("pigz is not installed: dcm2niix -z y compresses on its own then\n")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as work:
        for name, n_slices in (("thick", THICK_SLICES), ("thin", THIN_SLICES)):
            folder = Path(work, name)
            write_head(folder, n_slices)
            scores = contest(WORKS, str(folder), rounds)
            title = f"### {name} NCCT, {SIDE} x {SIDE} x {n_slices}, {rounds} rounds"
            print(_report(title, scores))
            print(_memory(n_slices, str(folder)))


if __name__ == "__main__":
    main()
