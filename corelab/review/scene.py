"""What a reader sees of a case: its images on the grid of the measured one, with windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from corelab.diffusivity import diffusivity
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.screen_grid import ScreenGrid, screen_grid_of, screen_volume
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask, pack_volume
from corelab.vocab import Case, Contrast, Modality
from corelab.volume import Volume

CT_STROKE_HU = (20.0, 60.0)
ADC_WINDOW = (0.0, 2000.0)
"""In 1e-6 mm²/s, in which ADC maps are shown."""

_ADC_SHOWN_PER_MM2_S = 1e6
_WHITE_PERCENTILE = 99.7
_GRID_TOLERANCE_MM = 0.5


class PanelName(StrEnum):
    """The images that are shown side by side; also their part of a URL."""

    CT = "ct"
    DWI = "dwi"
    ADC = "adc"
    B0 = "b0"
    FLAIR = "flair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One image: its first window, the unit of its values, and how to get them.

    ``values`` returns an (I, J, K) array on the grid of the measured image.
    """

    name: PanelName
    low: float
    high: float
    unit: str
    values: Callable[[], NDArray[np.generic]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A case's measured image, its brain mask, and all that is shown of it."""

    image: Volume
    grid: ScreenGrid
    brain: Volume
    panels: tuple[Panel, ...]

    def panel(self, name: str) -> Panel | None:
        """Return the panel of this name, ``None`` where the case has none."""
        return next((panel for panel in self.panels if panel.name == name), None)

    def packed(self, values: NDArray[np.generic]) -> bytes:
        """Return values on the image's grid as the gzip of a NIfTI file on the screen's grid."""
        return pack_volume(screen_volume(values, self.grid))


def load_scene(case: Case, modality: Modality, layout: Layout) -> Scene:
    """Load what is shown of a case.

    Raises
    ------
    StoreError
        When a file of the case is absent or broken.
    UnfitDataError
        When an image is.
    """
    image = load_image(layout.image(case, modality.contrast))
    brain = image.with_data(load_mask(layout.brain_mask(case), image))
    panels = (
        _ct_panels(image) if modality is Modality.NCCT else _mr_panels(case, layout, image, brain)
    )
    return Scene(image=image, grid=screen_grid_of(image), brain=brain, panels=panels)


def _ct_panels(image: Volume) -> tuple[Panel, ...]:
    low, high = CT_STROKE_HU
    return (
        Panel(name=PanelName.CT, low=low, high=high, unit="HU", values=lambda: _shown(image.data)),
    )


def _mr_panels(case: Case, layout: Layout, dwi: Volume, brain: Volume) -> tuple[Panel, ...]:
    beside = {
        contrast: load_image(layout.image(case, contrast))
        for contrast in (Contrast.ADC, Contrast.B0)
        if layout.image(case, contrast).exists()
    }
    adc, b0 = (_on_grid(beside.get(contrast), dwi) for contrast in (Contrast.ADC, Contrast.B0))
    panels = [_by_brightness(PanelName.DWI, dwi, brain)]
    map_ = diffusivity(
        dwi,
        adc,
        b0,
        b_value_s_mm2=dwi.acquisition.b_value_s_mm2 if dwi.acquisition else None,
        scale_to_mm2_s=adc.acquisition.adc_scale_to_mm2_s if adc and adc.acquisition else None,
    )
    if map_ is not None:
        panels.append(_adc_panel(map_))
    elif adc is not None:
        panels.append(_by_brightness(PanelName.ADC, adc, brain))
    if b0 is not None:
        panels.append(_by_brightness(PanelName.B0, b0, brain))
    if layout.image(case, Contrast.FLAIR).exists():
        panels.append(_flair_panel(case, layout, dwi))
    return tuple(panels)


def _on_grid(volume: Volume | None, dwi: Volume) -> Volume | None:
    is_there = volume is not None and volume.same_grid(dwi, tolerance_mm=_GRID_TOLERANCE_MM)
    return volume if is_there else None


def _by_brightness(name: PanelName, image: Volume, brain: Volume) -> Panel:
    """Panel from 0 to the brightest of the brain, as on the mosaic."""
    inside = np.asarray(image.data)[np.asarray(brain.data) != 0]
    high = float(np.percentile(inside, _WHITE_PERCENTILE)) if inside.size else 0.0
    return Panel(name=name, low=0.0, high=high or 1.0, unit="", values=lambda: _shown(image.data))


def _adc_panel(map_mm2_s: Volume) -> Panel:
    low, high = ADC_WINDOW

    def values() -> NDArray[np.generic]:
        return np.asarray(map_mm2_s.data, np.float32) * np.float32(_ADC_SHOWN_PER_MM2_S)

    return Panel(name=PanelName.ADC, low=low, high=high, unit="10⁻⁶ mm²/s", values=values)


def _flair_panel(case: Case, layout: Layout, dwi: Volume) -> Panel:
    """Panel for looking only: turned and interpolated, once it is asked for."""
    flair = load_image(layout.image(case, Contrast.FLAIR))

    @cache
    def values() -> NDArray[np.generic]:
        from corelab.store.registration import onto_grid  # noqa: PLC0415 - slow, few cases have one

        brought = onto_grid(flair, dwi)
        if brought is None:
            message = "The FLAIR of this case cannot be laid on its DWI."
            raise DeniedError(DenialCode.NOT_ALIGNED, message)
        return brought

    high = float(np.percentile(np.asarray(flair.data), _WHITE_PERCENTILE))
    return Panel(name=PanelName.FLAIR, low=0.0, high=high or 1.0, unit="", values=values)


def _shown(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Values as int16 where they fit, else as float32: every viewer reads these two."""
    if values.dtype.kind in "iu":
        ends = np.iinfo(np.int16)
        if values.min() >= ends.min and values.max() <= ends.max:
            return values.astype(np.int16, copy=False)
    return values.astype(np.float32, copy=False)
