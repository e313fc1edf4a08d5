"""A diffusion head whose brain is found otherwise once little is left around it.

Its scalp is as bright as a stripped brain's rim, and around it all is 0: as soon as the head
without its face is no larger than a brain could be, it is taken for a brain without a skull.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from corelab.phantom.anatomy import Head as PhantomHead
from corelab.phantom.exam import FU24H, Exam, Role, picture_of
from corelab.phantom.identity import SITES, draw_person
from corelab.phantom.sampling import AcquisitionGrid
from corelab.phantom.warp import draw_build
from corelab.vocab import Modality
from pipelines.sample_files import Owner, write_exam
from tests.kernels.dwi_phantom import SHAPE, SPACING_MM, Blob, make_head, share

SCALP, SKULL = 40.0, 5.0
B_VALUE_FACTOR = 0.4
GRAIN = 0.1


def write_dim_head(
    incoming: Path, half_mm: tuple[float, float, float], *, seed: int = 5
) -> tuple[str, str]:
    """Write b0, trace and ADC as DICOM; ``half_mm`` are the half axes of the head.

    Its patient's identifier and its study's come back; the seed makes both.
    """
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = -(np.array(SHAPE) - 1) / 2 * SPACING_MM
    grid = AcquisitionGrid(
        shape=SHAPE, affine=affine, thickness_mm=np.full(SHAPE[2], SPACING_MM[2]), pose=np.eye(4)
    )
    rng = np.random.default_rng(seed)
    nothing = PhantomHead(
        fractions={},
        atlas_mm=np.zeros((3, 1, 1, 1), dtype=np.float32),
        depth_mm=np.zeros((1, 1, 1), dtype=np.float32),
        build=draw_build(rng),
    )
    exam = Exam(
        visit=FU24H,
        hours=24.0,
        modality=Modality.DWI,
        head=nothing,
        grid=grid,
        pictures=tuple(
            picture_of(role, grid.volume(np.rint(values).astype(np.int16)), grid)
            for role, values in _values(half_mm).items()
        ),
    )
    owner = Owner(
        person=draw_person(rng, SITES[0]),
        site=SITES[0],
        start=datetime(2024, 1, 8),  # noqa: DTZ001 - DICOM times are the site's own
        style=0,
    )
    study_uid = write_exam(incoming, owner, exam, number=0, rng=rng)
    return owner.person.patient_id, study_uid


def _values(half_mm: tuple[float, float, float]) -> dict[Role, np.ndarray]:
    made = make_head((Blob((50.0, 20.0, 5.0), (16.0, 16.0, 14.0)),))
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(SHAPE, SPACING_MM, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    away = (x / 66) ** 2 + (y / 84) ** 2 + (z / 57) ** 2
    face = (np.abs(x) < 70) & (y > 40) & (z < -15) & (away > 1.5)
    head = (share(Blob((0, 0, 0), half_mm)) > 0.5) | face
    skull = head & ~made.brain & (share(Blob((0, 0, 0), (74, 92, 65))) > 0.5)
    soft = head & ~made.brain & ~skull
    signals = {Role.B0: (10, SKULL, SCALP), Role.TRACE: (10, 3.0, B_VALUE_FACTOR * SCALP)}
    found = {Role.ADC: np.where(head, made.adc * 1e6, 0.0)}
    found[Role.ADC][skull], found[Role.ADC][soft] = 200, 1000
    for role, source in ((Role.B0, made.b0), (Role.TRACE, made.dwi)):
        factor, in_skull, in_soft = signals[role]
        values = np.where(head, source, 0)
        values[skull], values[soft] = in_skull, in_soft
        found[role] = factor * values
    # Constant values are no tissue.
    grain = np.random.default_rng(6).normal(1.0, GRAIN, SHAPE)
    for values in found.values():
        values[skull | soft] *= grain[skull | soft]
    return {role: found[role] for role in (Role.B0, Role.TRACE, Role.ADC)}
