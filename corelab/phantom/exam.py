"""One study of a synthetic subject: images, exact volumes, and how files are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from corelab.phantom.anatomy import Head
from corelab.phantom.ct import CtScan, scan_ct
from corelab.phantom.lesion import Truth, truth_fraction, truth_of
from corelab.phantom.mr import MrScan, scan_diffusion
from corelab.phantom.sampling import AcquisitionGrid, sample
from corelab.vocab import Modality, VisitLabel
from corelab.volume import Volume

BASELINE = VisitLabel("baseline")
FU24H = VisitLabel("fu24h")
FU_LATE = VisitLabel("fu_late")


class Role(Enum):
    """What one image of an exam is."""

    CT = auto()
    BONE = auto()
    SCOUT = auto()
    B0 = auto()
    TRACE = auto()
    ADC = auto()
    FLAIR = auto()


class FileForm(Enum):
    """How the exam's files are made."""

    SINGLE_FRAME = auto()
    MULTI_FRAME = auto()
    WITH_DOSE_REPORT = auto()
    ONE_FILE_CUT = auto()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One image of an exam."""

    role: Role
    image: Volume
    thickness_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exam:
    """One study of one subject.

    Parameters
    ----------
    visit, hours
        Time point, and hours since the subject's hour 0.
    modality
        What an infarct is measured on.
    head, grid
        What was scanned, and where the measured image's voxels lie.
    pictures
        The images.
    form
        How files are made of them.
    """

    visit: VisitLabel
    hours: float
    modality: Modality
    head: Head
    grid: AcquisitionGrid
    pictures: tuple[Picture, ...]
    form: FileForm = FileForm.SINGLE_FRAME

    @property
    def truth(self) -> Truth:
        """Exact volumes."""
        return truth_of(self.head)

    def infarct_fraction(self) -> Volume:
        """Infarcted share of each voxel of the measured image, float32, blood included."""
        return self.grid.volume(sample(truth_fraction(self.head), self.grid))


def picture_of(role: Role, image: Volume, grid: AcquisitionGrid) -> Picture:
    """Image with its grid's slice thicknesses."""
    return Picture(role=role, image=image, thickness_mm=tuple(grid.thickness_mm.tolist()))


def ct_picture(
    head: Head, grid: AcquisitionGrid, scan: CtScan, rng: np.random.Generator
) -> Picture:
    """Soft-tissue CT of a head."""
    return picture_of(Role.CT, scan_ct(head, grid, scan, rng), grid)


def diffusion_pictures(
    head: Head, grid: AcquisitionGrid, scan: MrScan, rng: np.random.Generator
) -> tuple[Picture, ...]:
    """Diffusion images of a head: b0, trace and ADC."""
    images = scan_diffusion(head, grid, scan, rng)
    named = ((Role.B0, images.b0), (Role.TRACE, images.trace), (Role.ADC, images.adc))
    return tuple(picture_of(role, image, grid) for role, image in named)
