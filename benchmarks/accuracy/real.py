"""Real scans: volunteers without an infarct, and patients with an expert's mask.

A folder of real scans holds ``nolesion/*`` (``dwi_trace_geomean``, ``b0`` and
``adc_computed_mm2s.nii.gz``) and ``lesion/*`` (``dwi``, ``adc`` and ``mask.nii.gz``), each with a
``README.txt`` that states the b-value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.accuracy.head import TrueHead
from benchmarks.accuracy.scoring import CEILING, Score, scores_of
from benchmarks.contest import table
from corelab.store.nifti import load_volume
from corelab.vocab import Acquisition, Contrast, Modality
from corelab.volume import Volume

_NAMES = {
    Contrast.DWI: ("dwi.nii.gz", "dwi_trace_geomean.nii.gz"),
    Contrast.ADC: ("adc.nii.gz", "adc_computed_mm2s.nii.gz"),
    Contrast.B0: ("b0.nii.gz",),
}
_PERCENT = 100


def load_real(folder: Path) -> Iterator[TrueHead]:
    """Every set below a folder of real scans, those without infarct first."""
    for group in ("nolesion", "lesion"):
        for place in sorted((folder / group).glob("*/")):
            yield _head(place)


def _head(place: Path) -> TrueHead:
    images = {}
    for contrast, names in _NAMES.items():
        for path in (place / name for name in names):
            if path.exists():
                volume = load_volume(path)
                images[contrast] = Volume(
                    data=volume.data,
                    affine=volume.affine,
                    acquisition=Acquisition(contrast=contrast),
                )
    image = images[Contrast.DWI]
    mask = np.zeros(image.shape, dtype=bool)
    if (place / "mask.nii.gz").exists():
        mask = np.asarray(load_volume(place / "mask.nii.gz").data) > 0
    stated = re.search(r"b\s*=\s*(\d+)", (place / "README.txt").read_text("utf-8"))
    return TrueHead(
        name=place.name,
        modality=Modality.DWI,
        images=images,
        percent=_PERCENT * mask.astype(np.uint8),
        infarct_ml=float(mask.sum(axis=(0, 1)) @ image.voxel_volumes_mm3 / 1000),
        b_value_s_mm2=float(stated[1]) if stated else 1000.0,
        hours=None,
        tags={},
    )


def real_table(folder: Path) -> str:
    """Every method on every real scan."""
    rows = [row for head in load_real(folder) for row in _rows(head)]
    titles = ("scan", "b-value", "true mL", "method", "found mL", "Dice", "false components")
    return table(rows, titles)


def _rows(head: TrueHead) -> Iterator[tuple[str, ...]]:
    for score in scores_of(head):
        if score.method != CEILING:
            yield _row(head, score)


def _row(head: TrueHead, score: Score) -> tuple[str, ...]:
    is_healthy = not head.truth.any()
    return (
        head.name,
        f"{head.b_value_s_mm2:.0f}",
        f"{head.infarct_ml:.2f}",
        score.method,
        f"{score.found_ml:.2f}",
        "" if is_healthy else f"{score.dice:.2f}",
        f"{score.n_false}",
    )
