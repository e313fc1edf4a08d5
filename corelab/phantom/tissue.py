"""Tissues of the synthetic head and their physical constants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Tissue(Enum):
    """One kind of matter; a head is a fraction of each at every point.

    ``INFARCT`` is all of an infarct, or its grey matter where ``INFARCTED_WHITE`` is kept apart;
    ``BLOOD`` lies inside an infarct and ``HAEMATOMA`` outside of any.
    """

    AIR = auto()
    MUSCLE = auto()
    FAT = auto()
    BONE = auto()
    DIPLOE = auto()
    CSF = auto()
    GREY = auto()
    WHITE = auto()
    DURA = auto()
    EYE = auto()
    LEUKOARAIOSIS = auto()
    INFARCT = auto()
    BLOOD = auto()
    INFARCTED_WHITE = auto()
    HAEMATOMA = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class MagneticConstants:
    """What an MR sequence sees of a tissue at 3 T.

    Parameters
    ----------
    b0, flair
        Signal in a T2-weighted echo-planar and in a FLAIR image, relative to grey matter.
    adc_mm2_s
        Apparent diffusion coefficient.
    """

    b0: float
    flair: float
    adc_mm2_s: float


# Grey, white and CSF follow neurosurgicalatlas.com's neuroradiology tables; the others are
# usual textbook values.
HOUNSFIELD: dict[Tissue, float] = {
    Tissue.AIR: -1000.0,
    Tissue.MUSCLE: 48.0,
    Tissue.FAT: -85.0,
    Tissue.BONE: 1350.0,
    Tissue.DIPLOE: 520.0,
    Tissue.CSF: 8.0,
    Tissue.GREY: 37.0,
    Tissue.WHITE: 29.0,
    Tissue.DURA: 54.0,
    Tissue.EYE: 12.0,
    Tissue.LEUKOARAIOSIS: 20.0,
    Tissue.INFARCT: 21.0,
    Tissue.BLOOD: 62.0,
    Tissue.INFARCTED_WHITE: 15.0,
    Tissue.HAEMATOMA: 62.0,
}

# The diffusion coefficients of an infarct within the first days: 627 +/- 77e-6 mm2/s in the
# core against 843 +/- 60e-6 on the other side (PubMed 9731594).
MAGNETIC: dict[Tissue, MagneticConstants] = {
    Tissue.AIR: MagneticConstants(b0=0.0, flair=0.0, adc_mm2_s=0.0),
    Tissue.MUSCLE: MagneticConstants(b0=0.25, flair=0.55, adc_mm2_s=1.3e-3),
    Tissue.FAT: MagneticConstants(b0=0.12, flair=1.15, adc_mm2_s=0.2e-3),
    Tissue.BONE: MagneticConstants(b0=0.02, flair=0.03, adc_mm2_s=0.5e-3),
    Tissue.DIPLOE: MagneticConstants(b0=0.12, flair=0.45, adc_mm2_s=0.3e-3),
    Tissue.CSF: MagneticConstants(b0=3.0, flair=0.12, adc_mm2_s=3.0e-3),
    Tissue.GREY: MagneticConstants(b0=1.0, flair=1.0, adc_mm2_s=0.83e-3),
    Tissue.WHITE: MagneticConstants(b0=0.78, flair=0.76, adc_mm2_s=0.75e-3),
    Tissue.DURA: MagneticConstants(b0=0.25, flair=0.4, adc_mm2_s=1.0e-3),
    Tissue.EYE: MagneticConstants(b0=3.0, flair=0.15, adc_mm2_s=2.8e-3),
    Tissue.LEUKOARAIOSIS: MagneticConstants(b0=1.3, flair=1.55, adc_mm2_s=1.15e-3),
    Tissue.INFARCT: MagneticConstants(b0=1.35, flair=1.45, adc_mm2_s=0.52e-3),
    Tissue.BLOOD: MagneticConstants(b0=0.2, flair=0.6, adc_mm2_s=0.6e-3),
    Tissue.INFARCTED_WHITE: MagneticConstants(b0=1.15, flair=1.35, adc_mm2_s=0.49e-3),
    Tissue.HAEMATOMA: MagneticConstants(b0=0.2, flair=0.6, adc_mm2_s=0.6e-3),
}
