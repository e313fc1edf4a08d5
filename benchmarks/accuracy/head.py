"""One head on disk: its images and what is true of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.store.nifti import load_volume
from corelab.vocab import Acquisition, Contrast, Modality
from corelab.volume import Volume

_HALF_PERCENT = 50
_TOUCHED_PERCENT = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueHead:
    """Images of a head and the infarct that is in it.

    Parameters
    ----------
    name, modality
        Which head.
    images
        By contrast, all on one grid.
    percent
        Infarcted share of each voxel, uint8.
    infarct_ml
        Exact volume.
    b_value_s_mm2, hours
        Diffusion weighting, and the time since onset.
    tags
        What the head was made of.
    """

    name: str
    modality: Modality
    images: Mapping[Contrast, Volume]
    percent: NDArray[np.uint8]
    infarct_ml: float
    b_value_s_mm2: float
    hours: float | None
    tags: Mapping[str, object]

    @property
    def image(self) -> Volume:
        """The image that is measured on."""
        return self.images[self.modality.contrast]

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Voxels of which at least half is infarct."""
        return self.percent >= _HALF_PERCENT

    @property
    def touched(self) -> NDArray[np.bool_]:
        """Voxels that hold any infarct worth the name: a tenth."""
        return self.percent >= _TOUCHED_PERCENT


def load_head(folder: Path) -> TrueHead:
    """Read a head as ``benchmarks.accuracy.heads`` writes it."""
    record = json.loads((folder / "case.json").read_text("utf-8"))
    modality = Modality(record["modality"])
    images = {
        contrast: _image(path, contrast)
        for contrast in Contrast
        if (path := folder / f"{contrast.value}.nii.gz").exists()
    }
    hours = record.get("hours")
    return TrueHead(
        name=folder.name,
        modality=modality,
        images=images,
        percent=np.asarray(load_volume(folder / "truth.nii.gz").data).astype(np.uint8),
        infarct_ml=float(record["infarct_ml"]),
        b_value_s_mm2=float(record.get("b_value", 1000)),
        hours=None if hours is None else float(hours),
        tags=record.get("tags", {}),
    )


def _image(path: Path, contrast: Contrast) -> Volume:
    volume = load_volume(path)
    return Volume(
        data=volume.data, affine=volume.affine, acquisition=Acquisition(contrast=contrast)
    )
