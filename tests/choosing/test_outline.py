"""The head is found on the image of a grid that shows it best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from corelab.choosing.outline import outline_of, outlines_first, share_an_outline
from corelab.errors import ReasonCode
from corelab.series import PlannedImage, Refusal, Series, SeriesKind
from corelab.vocab import Contrast
from tests.factories import AFFINE, FRAME, GRID, make_series


def part(kind: SeriesKind, shift_mm: float = 0.0) -> Series:
    affine = ((*AFFINE[0][:3], shift_mm), *AFFINE[1:])
    return replace(
        make_series(kind=kind),
        grid=replace(GRID, affine=affine),
        frames=(replace(FRAME, path=Path(kind.name)),),
    )


B0, TRACE, ADC = (part(kind) for kind in (SeriesKind.B0, SeriesKind.TRACE, SeriesKind.ADC))
CT, FLAIR = part(SeriesKind.CT), part(SeriesKind.FLAIR)


def test_an_adc_map_follows_the_b0_else_the_trace_of_its_grid() -> None:
    assert outline_of(ADC, [TRACE, ADC, B0]) is B0
    assert outline_of(ADC, [ADC, TRACE]) is TRACE
    assert outline_of(TRACE, [ADC, TRACE]) is TRACE


def test_what_lies_elsewhere_or_is_refused_tells_nothing() -> None:
    refusal = Refusal(reason=ReasonCode.MISSING_SLICE, message="a gap")
    away, refused = part(SeriesKind.B0, shift_mm=3.0), replace(B0, refusal=refusal)
    assert outline_of(ADC, [away, refused, ADC]) is ADC


def test_ct_and_flair_show_their_own_head() -> None:
    for series in (CT, FLAIR):
        assert outline_of(series, [B0, TRACE, CT, FLAIR]) is series


def test_images_of_a_case_share_an_outline_on_one_grid() -> None:
    kinds = {Contrast.DWI: TRACE, Contrast.ADC: ADC, Contrast.B0: B0, Contrast.FLAIR: FLAIR}
    images = [PlannedImage(contrast=name, sources=(of,)) for name, of in kinds.items()]
    order = [image.contrast for image in outlines_first(images)]
    assert order.index(Contrast.B0) < order.index(Contrast.DWI) < order.index(Contrast.ADC)
    dwi, adc, b0, flair = images
    assert share_an_outline(adc, b0)
    assert share_an_outline(dwi, b0)
    assert not share_an_outline(flair, b0)
    shifted = PlannedImage(contrast=Contrast.ADC, sources=(part(SeriesKind.ADC, shift_mm=3.0),))
    assert not share_an_outline(shifted, b0)
