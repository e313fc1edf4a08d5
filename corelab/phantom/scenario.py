"""What is wrong with each subject of a sample, and how each was scanned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from corelab.phantom.anatomy import draw_head
from corelab.phantom.chronic import with_lacune, with_leukoaraiosis
from corelab.phantom.ct import CtScan, scan_ct, scan_scout
from corelab.phantom.exam import (
    BASELINE,
    FU24H,
    FU_LATE,
    Exam,
    FileForm,
    Picture,
    Role,
    ct_picture,
    diffusion_pictures,
    picture_of,
)
from corelab.phantom.lesion import Emboli, Side, Wedge, with_blood, with_emboli, with_wedge
from corelab.phantom.mr import MrScan, scan_flair
from corelab.phantom.planning import base_ct_grid, ct_grid, mr_grid, regridded, two_step_ct_grid
from corelab.phantom.swelling import with_mass_effect
from corelab.vocab import Modality


def draw_exams(index: int, rng: np.random.Generator) -> Iterator[Exam]:
    """Exams of a subject, made one after the other.

    Parameters
    ----------
    index
        Number of the subject; the eight scenarios take turns.
    rng
        Source of all that differs between two subjects of one scenario.
    """
    yield from _SCENARIOS[index % len(_SCENARIOS)](rng)


def _tilted_ct(rng: np.random.Generator) -> Iterator[Exam]:
    head = with_wedge(draw_head(rng), _wedge(rng, rng.uniform(40, 90)))
    grid = ct_grid(head, rng, tilt_deg=rng.uniform(16, 20))
    yield Exam(
        visit=FU24H,
        hours=_next_day(rng),
        modality=Modality.NCCT,
        head=head,
        grid=grid,
        pictures=(ct_picture(head, grid, _ct_scan(rng), rng),),
    )


def _uneven_ct(rng: np.random.Generator) -> Iterator[Exam]:
    head = with_wedge(draw_head(rng), _wedge(rng, rng.uniform(20, 40)))
    grid = two_step_ct_grid(head, rng)
    yield Exam(
        visit=FU24H,
        hours=_next_day(rng),
        modality=Modality.NCCT,
        head=head,
        grid=grid,
        pictures=(ct_picture(head, grid, _ct_scan(rng), rng),),
    )


def _ct_without_infarct(rng: np.random.Generator) -> Iterator[Exam]:
    head = with_leukoaraiosis(draw_head(rng), rng.uniform(4, 8), rng)
    grid = ct_grid(head, rng)
    base_grid = base_ct_grid(grid, rng)
    base = scan_ct(head, base_grid, CtScan(noise_hu=14.0, noise_grain_mm=0.3), rng)
    pictures = (
        Picture(role=Role.SCOUT, image=scan_scout(head), thickness_mm=(1.0,)),
        ct_picture(head, grid, _ct_scan(rng), rng),
        picture_of(Role.BONE, base, base_grid),
    )
    yield Exam(
        visit=FU24H,
        hours=_next_day(rng),
        modality=Modality.NCCT,
        head=head,
        grid=grid,
        pictures=pictures,
        form=FileForm.WITH_DOSE_REPORT,
    )


def _growing_dwi(rng: np.random.Generator) -> Iterator[Exam]:
    healthy = with_leukoaraiosis(draw_head(rng), rng.uniform(2, 4), rng)
    small = replace(_wedge(rng, rng.uniform(10, 14)), effacement=0.2)
    large = replace(small, volume_ml=small.volume_ml * rng.uniform(1.35, 1.65))
    later = _mr_scan(rng)
    early = replace(later, infarct_b0=1.05, infarct_flair=1.08)
    plan = ((BASELINE, 0.0, small, early), (FU24H, _next_day(rng), large, later))
    for visit, hours, wedge, scan in plan:
        head = with_wedge(healthy, wedge)
        grid = mr_grid(head, rng)
        diffusion = diffusion_pictures(head, grid, scan, rng)
        flair_grid = regridded(grid, matrix=176)
        blanked = replace(scan, background_noise=0.0)
        flair = picture_of(Role.FLAIR, scan_flair(head, flair_grid, blanked, rng), flair_grid)
        yield Exam(
            visit=visit,
            hours=hours,
            modality=Modality.DWI,
            head=head,
            grid=grid,
            pictures=(*diffusion, flair),
        )


def _multiframe_dwi(rng: np.random.Generator) -> Iterator[Exam]:
    head = with_wedge(draw_head(rng), replace(_wedge(rng, rng.uniform(5, 15)), effacement=0.2))
    grid = mr_grid(head, rng)
    yield Exam(
        visit=FU24H,
        hours=_next_day(rng),
        modality=Modality.DWI,
        head=head,
        grid=grid,
        pictures=diffusion_pictures(head, grid, _mr_scan(rng), rng),
        form=FileForm.MULTI_FRAME,
    )


def _bled_ct(rng: np.random.Generator) -> Iterator[Exam]:
    healthy = with_lacune(draw_head(rng), rng.uniform(3.5, 5), rng)
    # Swelling makes a third more of it.
    wedge = replace(_wedge(rng, rng.uniform(85, 95)), effacement=0.9)
    swollen = with_mass_effect(with_wedge(healthy, wedge), rng.uniform(5, 6.5))
    head = with_blood(swollen, rng.uniform(12, 24), rng)
    late_scan = CtScan(infarct_hu=rng.uniform(15, 18))
    plan = (
        (FU24H, _next_day(rng), 5.0, _ct_scan(rng), FileForm.SINGLE_FRAME),
        (FU_LATE, 144 + rng.uniform(-8, 8), 7.0, late_scan, FileForm.ONE_FILE_CUT),
    )
    for visit, hours, step_mm, scan, form in plan:
        grid = ct_grid(head, rng, step_mm=step_mm)
        yield Exam(
            visit=visit,
            hours=hours,
            modality=Modality.NCCT,
            head=head,
            grid=grid,
            pictures=(ct_picture(head, grid, scan, rng),),
            form=form,
        )


def _embolic_dwi(rng: np.random.Generator) -> Iterator[Exam]:
    emboli = Emboli(
        volume_ml=rng.uniform(2, 4),
        side=_side(rng),
        count=int(rng.integers(5, 9)),
        rim_mm=2.0,
        shape_seed=int(rng.integers(2**31)),
    )
    head = with_emboli(draw_head(rng), emboli)
    grid = mr_grid(head, rng)
    yield Exam(
        visit=FU24H,
        hours=_next_day(rng),
        modality=Modality.DWI,
        head=head,
        grid=grid,
        pictures=diffusion_pictures(head, grid, _mr_scan(rng), rng),
    )


def _dwi_without_infarct(rng: np.random.Generator) -> Iterator[Exam]:
    head = with_leukoaraiosis(draw_head(rng), rng.uniform(2, 6), rng)
    grid = mr_grid(head, rng)
    yield Exam(
        visit=FU24H,
        hours=_next_day(rng),
        modality=Modality.DWI,
        head=head,
        grid=grid,
        pictures=diffusion_pictures(head, grid, _mr_scan(rng), rng),
    )


_SCENARIOS: tuple[Callable[[np.random.Generator], Iterator[Exam]], ...] = (
    _tilted_ct,
    _uneven_ct,
    _ct_without_infarct,
    _growing_dwi,
    _multiframe_dwi,
    _bled_ct,
    _embolic_dwi,
    _dwi_without_infarct,
)


def _next_day(rng: np.random.Generator) -> float:
    return rng.uniform(20, 28)


def _side(rng: np.random.Generator) -> Side:
    return Side.LEFT if rng.random() < 0.5 else Side.RIGHT  # noqa: PLR2004 - a coin


def _wedge(rng: np.random.Generator, volume_ml: float) -> Wedge:
    return Wedge(
        volume_ml=volume_ml,
        side=_side(rng),
        rim_mm=rng.uniform(2, 4),
        shape_seed=int(rng.integers(2**31)),
    )


def _ct_scan(rng: np.random.Generator) -> CtScan:
    return CtScan(infarct_hu=rng.uniform(19, 24), noise_hu=rng.uniform(3.1, 4.2))


def _mr_scan(rng: np.random.Generator) -> MrScan:
    return MrScan(
        infarct_adc_mm2_s=rng.uniform(0.46e-3, 0.6e-3),
        infarct_b0=rng.uniform(1.25, 1.45),
        background_noise=float(rng.choice([0.0, 0.6])),
    )
