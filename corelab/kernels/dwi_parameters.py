"""The choices that segmenting an infarct on diffusion-weighted MRI rests on."""

from __future__ import annotations

from typing import NamedTuple


class BrightSeed(NamedTuple):
    """Infarct by brightness alone, where ADC is not low or not known.

    Applies away from air only, where susceptibility does not pile signal up.

    Attributes
    ----------
    z, excess
        Least brightness and least height above the other side's brightest, in spreads.
    wide
        The same for both means within 4 mm: large infarcts.
    adc, wide_adc
        Highest ADC over the other side's, of the voxel and within 4 mm.
    adc_grow
        Highest ADC over the other side's anywhere in the mask.
    """

    z: float
    excess: float
    wide: float
    adc: float
    wide_adc: float
    adc_grow: float
    cap: float


class DwiParameters(NamedTuple):
    """Choices of the method; the defaults are meant for 12 h to 7 days and b = 1000 s/mm2.

    Brightness is in spreads of the patient's healthy parenchyma, ADC over the other side's.

    Attributes
    ----------
    z_seed
        Least brightness of a seed. ADS gates infarct at 2 (Liu 2021, doi
        10.1038/s43856-021-00062-8); a seed is to be certain.
    excess_seed
        How far a seed stands above the brightest tissue around its mirrored place: the
        asymmetry that cortex, tracts and most artefacts at air lack. With a usual spread of
        0.13-0.16 it asks for about 1.3 times the other side.
    adc_seed
        Highest ADC of a seed. Core over contralateral is 0.74 within 10 h (PubMed 9731594)
        and 0.77 up to day 1 (PMC6399390); partial volume in emboli brings 0.77 to 0.88.
    wide_seed, wide_adc_seed
        The same three for means within 4 mm, which find a large infarct that is pale
        against single voxels' noise. Healthy brains stay below (four scanners tried).
    early, late
        Seeds whose ADC is back to normal: rare up to ``restricted_h`` after onset, usual
        later in reperfused tissue (Lansberg 2001, AJNR 22:637).
    without_adc
        Seeds when there is no ADC at all.
    restricted_h
        Hours from onset up to which ``early`` holds, ``late`` after.
    hours_from_onset
        ``None`` where unknown: ``early``.
    z_floor, z_floor_step
        Least brightness in the mask away from large infarcts; change for ``low``, ``high``.
    border_height, border_step
        Where the border lies between the other side (0) and the core (1); change for
        ``low`` and ``high``. Under blur the half height is where counting voxels is unbiased.
    adc_border, adc_border_step
        Highest ADC of a voxel that is in the mask for its ADC, inside a large infarct, where
        the trace stays dark (basal ganglia); half way to a core at 0.6. And its change.
    min_seed_share
        Least share of seeds in a component: infarcts are seeds for the most part.
    min_support_share, excess_support, adc_support
        Or, if it holds a seed at all, least share of voxels with both signs weakly.
    min_voxels, min_component_ml
        Emboli of three voxels count, specks do not.
    b_value_range_s_mm2
        Beyond it ``b_value_outside_range``: brain ADC and contrast change with b.
    """

    z_seed: float = 1.5
    excess_seed: float = 1.5
    adc_seed: float = 0.85
    adc_near_air: float = 0.88
    excess_near_air: float = 3.0
    z_near_air: float = 4.0
    wide_seed: float = 1.6
    wide_adc_seed: float = 0.87
    early: BrightSeed = BrightSeed(
        z=6.0, excess=6.0, wide=3.2, adc=1.07, wide_adc=1.1, adc_grow=1.25, cap=9.0
    )
    late: BrightSeed = BrightSeed(z=3.5, excess=4.0, wide=2.3, adc=1.4, wide_adc=1.4, adc_grow=1.5, cap=1.0)
    without_adc: BrightSeed = BrightSeed(
        z=5.0, excess=3.5, wide=3.2, adc=1.0, wide_adc=1.0, adc_grow=1.0, cap=9.0
    )
    restricted_h: float = 72.0
    hours_from_onset: float | None = None
    z_floor: float = 1.75
    z_floor_step: float = 0.25
    adc_share: float = 0.5
    border_height: float = 0.5
    small_height: float = 0.45
    reach_mm: float = 5.0
    border_step: float = 0.1
    adc_border: float = 0.78
    adc_border_step: float = 0.05
    min_seed_share: float = 0.3
    min_seed_share_near_air: float = 0.3
    min_support_share: float = 0.45
    min_merit: float = 2.5
    excess_support: float = 1.0
    adc_support: float = 0.9
    min_voxels: int = 3
    min_component_ml: float = 0.02
    b_value_range_s_mm2: tuple[float, float] = (800.0, 1200.0)

    @property
    def bright(self) -> BrightSeed:
        """What brightness alone must reach at this time from onset."""
        if self.hours_from_onset is None or self.hours_from_onset <= self.restricted_h:
            return self.early
        return self.late


DEFAULTS = DwiParameters()
