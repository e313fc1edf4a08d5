"""Deliveries of synthetic heads with an infarct, as ``corelab sample`` makes them, kept for reuse.

Pixels are unpacked: how fast a decoder is, is no question of these benchmarks.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom

from corelab.phantom.anatomy import Head, draw_head
from corelab.phantom.ct import CtScan
from corelab.phantom.exam import FU24H, Exam, ct_picture, diffusion_pictures
from corelab.phantom.identity import SITES, draw_person
from corelab.phantom.lesion import Side, Wedge, with_blood, with_wedge
from corelab.phantom.mr import MrScan
from corelab.phantom.planning import CT_FIELD_MM, ct_grid
from corelab.phantom.sampling import AcquisitionGrid, axial_grid
from corelab.vocab import Modality
from pipelines.sample_files import Owner, write_exam

KEPT = Path(tempfile.gettempdir(), "corelab-benchmark-heads")
SEED = 7
INFARCT_ML, BLOOD_ML, DWI_INFARCT_ML = 60.0, 8.0, 30.0
MR_FIELD_MM = 230.0
COVERED_MM = 160.0


def thick_ct(seed: int = SEED) -> Path:
    """NCCT of 512 x 512 x 32 voxels with a bleeding infarct; another head by another seed."""
    return _kept("thick", seed, lambda rng: _ct(rng, n_slices=32))


def thin_ct() -> Path:
    """NCCT of 512 x 512 x 300 voxels with a bleeding infarct."""
    return _kept("thin", SEED, lambda rng: _ct(rng, n_slices=300))


def diffusion(seed: int = SEED) -> Path:
    """DWI of 256 x 256 x 24 voxels: b0, b1000 and ADC map; another head by another seed."""
    return _kept("diffusion", seed, _dwi)


def _kept(name: str, seed: int, make: Callable[[np.random.Generator], Exam]) -> Path:
    """Folder of a head; made where there is none yet, there whole or not at all."""
    folder = KEPT / (name if seed == SEED else f"{name}-{seed}")
    if not folder.is_dir():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        rng = np.random.default_rng(seed)
        site = SITES[0]
        owner = Owner(
            person=draw_person(rng, site),
            site=site,
            start=datetime(2024, 1, 8),  # noqa: DTZ001 - DICOM times are the site's own
            style=0,
        )
        write_exam(unfinished, owner, make(rng), number=0, rng=rng)
        _unpack(unfinished)
        unfinished.rename(folder)
    return folder


def _unpack(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            slice_ = pydicom.dcmread(path)
            if slice_.file_meta.TransferSyntaxUID.is_compressed:
                slice_.decompress(generate_instance_uid=False)
                slice_.save_as(path)


def _ct(rng: np.random.Generator, *, n_slices: int) -> Exam:
    wedge = Wedge(volume_ml=INFARCT_ML, side=Side.LEFT, rim_mm=3.0, shape_seed=SEED)
    head = with_blood(with_wedge(draw_head(rng), wedge), BLOOD_ML, rng)
    grid = _slices(head, rng, matrix=512, n_slices=n_slices, field_mm=CT_FIELD_MM)
    return Exam(
        visit=FU24H,
        hours=24.0,
        modality=Modality.NCCT,
        head=head,
        grid=grid,
        pictures=(ct_picture(head, grid, CtScan(), rng),),
    )


def _dwi(rng: np.random.Generator) -> Exam:
    wedge = Wedge(volume_ml=DWI_INFARCT_ML, side=Side.RIGHT, rim_mm=3.0, shape_seed=SEED)
    head = with_wedge(draw_head(rng), wedge)
    grid = _slices(head, rng, matrix=256, n_slices=24, field_mm=MR_FIELD_MM)
    return Exam(
        visit=FU24H,
        hours=24.0,
        modality=Modality.DWI,
        head=head,
        grid=grid,
        pictures=diffusion_pictures(head, grid, MrScan(), rng),
    )


def _slices(
    head: Head, rng: np.random.Generator, *, matrix: int, n_slices: int, field_mm: float
) -> AcquisitionGrid:
    """Slices that abut, from the lowest that a scanner would put into this head."""
    planned = ct_grid(head, rng)
    step_mm = COVERED_MM / n_slices
    lowest_mm = float(planned.affine[2, 3]) - float(planned.thickness_mm[0]) / 2
    grid = axial_grid(
        matrix=matrix,
        pixel_mm=field_mm / matrix,
        positions_mm=lowest_mm + step_mm * (np.arange(n_slices) + 0.5),
        thickness_mm=np.full(n_slices, step_mm),
    )
    return AcquisitionGrid(
        shape=grid.shape, affine=grid.affine, thickness_mm=grid.thickness_mm, pose=planned.pose
    )
