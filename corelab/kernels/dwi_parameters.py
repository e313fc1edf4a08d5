"""The choices that segmenting an infarct on diffusion-weighted MRI rests on."""

from __future__ import annotations

from typing import NamedTuple


class BrightSeed(NamedTuple):
    """Infarct for its brightness, where ADC is not low or not known.

    Attributes
    ----------
    excess
        Least height above the other side's brightest where ADC is normal, in spreads.
    wide
        Least height of the mean within 4 mm above healthy tissue and above the other side's
        mean: large infarcts.
    adc, wide_adc
        Highest ADC: of the voxel over the patient's parenchyma, and of the mean within 4 mm
        over the other side's.
    """

    excess: float
    wide: float
    adc: float
    wide_adc: float


class NearAir(NamedTuple):
    """What a seed asks for where susceptibility piles signal up.

    Attributes
    ----------
    z, excess
        Least brightness, and least height above the other side's brightest, in spreads.
    adc
        Highest ADC, over the patient's parenchyma and over the other side's alike.
    seed_share
        Least share of seeds in a component that lies there for more than a fifth.
    """

    z: float
    excess: float
    adc: float
    seed_share: float


class DwiParameters(NamedTuple):
    """Choices of the method; the defaults are meant for 12 h to 7 days and b = 1000 s/mm2.

    Brightness is in spreads of the patient's healthy parenchyma, shading taken out. Values
    without a source were set on infarcts put into volunteers' scans of five scanners.

    Attributes
    ----------
    z_seed
        Least brightness of a seed, whatever its ADC.
    excess_seed, adc_seed
        How far a seed whose ADC is this share of the patient's parenchyma or less stands above
        the brightest tissue around its mirrored place: the asymmetry that cortex, tracts and
        most artefacts lack. From there the height asked for rises evenly to ``excess`` of a
        bright seed at an ADC of 1. Core over contralateral is 0.74 within 10 h (PubMed
        9731594) and 0.77 up to day 1 (PMC6399390); partial volume in emboli brings it to 0.85.
    near_air
        What is asked of seeds at the skull base.
    wide_seed, wide_adc_seed
        Least height and highest ADC of means within 4 mm, which find a large infarct that is
        pale against single voxels' noise.
    early, late
        Seeds whose ADC is back to normal: rare up to ``restricted_h`` after onset, usual
        later in reperfused tissue (Lansberg 2001, AJNR 22:637).
    with_flair, flair_ratio
        Later seeds where there is a FLAIR, which is at least ``flair_ratio`` of the other
        side there; elsewhere a FLAIR leaves ``early``. Infarcts are bright on FLAIR from
        hours 3-6 on (Thomalla 2011, doi 10.1016/S1474-4422(11)70192-2).
    without_adc
        Seeds when there is no ADC at all.
    restricted_h
        Hours from onset up to which ``early`` holds, ``late`` after.
    hours_from_onset
        ``None`` where unknown: ``early``.
    z_floor, z_floor_step
        Least brightness in the mask away from large infarcts; change for ``low``, ``high``.
    reach_mm
        How far from a seed the mask goes there.
    border_height, border_step
        Least share of infarct in a voxel of the mask: where its brightness, liquor in it made
        up for, lies between the tissue beside the lesion (0) and the core (1); change for
        ``low`` and ``high``. Under blur the half height is where counting voxels is unbiased;
        a core told from the brightest seeds lies a little above the lesion's mean.
    adc_border, adc_border_step, wide_adc_border, restricted_height
        Highest ADC of a voxel that is in the mask for its ADC, where the trace stays dark
        (basal ganglia), its change, the highest of its surroundings within 4 mm, and the least
        height that is asked for all the same where healthy tissue is not dark: the ADC is
        smoothed, and reaches too far.
    min_seed_share
        Least share of seeds in a component: infarcts are seeds for the most part.
    min_support_share, excess_support, adc_support
        Or, if it holds a seed at all, least share of voxels with both signs weakly.
    min_weight
        Least sum of what a component's three best seeds exceed the height asked for by;
        broad bright places are spared that. Noise and uneven white matter do not reach it.
    company_ml, company_share
        Once so much infarct is found, further components smaller than that need only this
        share of the heights and of the weight asked for: emboli come in showers.
    min_voxels, min_component_ml
        Emboli of three voxels count, specks do not.
    b_value_range_s_mm2
        Beyond it ``b_value_outside_range``: brain ADC and contrast change with b.
    """

    z_seed: float = 1.5
    excess_seed: float = 1.5
    adc_seed: float = 0.85
    near_air: NearAir = NearAir(z=4.0, excess=3.0, adc=0.88, seed_share=0.3)
    wide_seed: float = 1.6
    wide_adc_seed: float = 0.87
    early: BrightSeed = BrightSeed(excess=6.0, wide=3.2, adc=1.05, wide_adc=1.1)
    late: BrightSeed = BrightSeed(excess=4.0, wide=2.3, adc=1.4, wide_adc=1.4)
    with_flair: BrightSeed = BrightSeed(excess=2.5, wide=1.8, adc=1.4, wide_adc=1.4)
    without_adc: BrightSeed = BrightSeed(excess=3.5, wide=3.2, adc=1.0, wide_adc=1.0)
    flair_ratio: float = 1.15
    restricted_h: float = 72.0
    hours_from_onset: float | None = None
    z_floor: float = 1.75
    z_floor_step: float = 0.25
    reach_mm: float = 5.0
    border_height: float = 0.47
    border_step: float = 0.1
    adc_border: float = 0.75
    adc_border_step: float = 0.05
    wide_adc_border: float = 0.87
    restricted_height: float = 0.4
    min_seed_share: float = 0.3
    min_support_share: float = 0.45
    excess_support: float = 1.0
    adc_support: float = 0.9
    min_weight: float = 4.0
    company_ml: float = 0.3
    company_share: float = 0.75
    min_voxels: int = 3
    min_component_ml: float = 0.02
    b_value_range_s_mm2: tuple[float, float] = (800.0, 1500.0)

    @property
    def is_late(self) -> bool:
        """Whether ADC may be back to normal at this time from onset."""
        return self.hours_from_onset is not None and self.hours_from_onset > self.restricted_h

    @property
    def in_company(self) -> DwiParameters:
        """What is asked of further places, once there is an infarct."""
        share = self.company_share
        return self._replace(
            early=self.early._replace(excess=share * self.early.excess),
            late=self.late._replace(excess=share * self.late.excess),
            with_flair=self.with_flair._replace(excess=share * self.with_flair.excess),
            min_weight=share * self.min_weight,
        )

    @property
    def bright(self) -> BrightSeed:
        """What brightness alone must reach at this time from onset, without a FLAIR."""
        return self.late if self.is_late else self.early


DEFAULTS = DwiParameters()
