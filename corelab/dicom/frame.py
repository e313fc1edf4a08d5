"""Per-frame facts of an object, classic or enhanced multi-frame alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from corelab.dicom.bvalue import NO_DIFFUSION, Diffusion, read_diffusion
from corelab.dicom.element import Elements
from corelab.dicom.sopclass import MR_CLASSES

MAGNITUDE = "M"
_COMPONENT_OF_WORD = {
    "MAGNITUDE": MAGNITUDE,
    "PHASE": "P",
    "REAL": "R",
    "IMAGINARY": "I",
    "M": MAGNITUDE,
    "P": "P",
    "R": "R",
    "I": "I",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where a frame lies, as written: LPS mm, NaN for what is no number, empty if absent.

    ``spacing_mm`` is between rows, then between columns (PS3.3, 10.7.1.3).
    """

    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    thickness_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """One slice of an object. ``None`` where the header is silent, NaN where unreadable."""

    index: int
    plane: Plane
    slope: float | None
    intercept: float | None
    image_type: tuple[str, ...]
    component: str
    diffusion: Diffusion
    echo_time_ms: float | None
    inversion_time_ms: float | None
    temporal_index: int | None


class FrameGroups:
    """The functional group macros of one frame: its own first, then those all share."""

    def __init__(self, elements: Elements, shared: Elements | None, own: Elements | None) -> None:
        self._layers = tuple(layer for layer in (own, shared) if layer is not None)
        self._elements = elements

    def macro(self, keyword: str) -> Elements | None:
        """First item of a macro's sequence, ``None`` where the object has none."""
        for layer in self._layers:
            item = layer.item(keyword)
            if item is not None:
                return item
        return None

    def holder(self, keyword: str) -> Elements:
        """Where a macro's elements stand: its item, or the data set of a classic object."""
        found = self.macro(keyword)
        return self._elements if found is None else found


def read_frames(elements: Elements) -> Iterator[FrameHeader]:
    """Each frame of an object in stored order.

    Parameters
    ----------
    elements
        The whole data set.
    """
    shared = elements.item("SharedFunctionalGroupsSequence")
    own = elements.items("PerFrameFunctionalGroupsSequence")
    if shared is None and not own:
        yield _read_frame(0, elements, FrameGroups(elements, None, None))
        return
    for index, item in enumerate(own):
        yield _read_frame(index, elements, FrameGroups(elements, shared, item))


def _read_frame(index: int, elements: Elements, groups: FrameGroups) -> FrameHeader:
    image_type = _image_type(elements, groups)
    scaling = groups.holder("PixelValueTransformationSequence")
    content = groups.macro("FrameContentSequence")
    temporal = content or elements
    echo = groups.holder("MREchoSequence")
    keyword = "EchoTime" if echo is elements else "EffectiveEchoTime"
    inversion = groups.holder("MRTimingAndRelatedParametersSequence")
    times = inversion.numbers("InversionTimes") or inversion.numbers("InversionTime")
    return FrameHeader(
        index=index,
        plane=_plane(groups),
        slope=scaling.number("RescaleSlope"),
        intercept=scaling.number("RescaleIntercept"),
        image_type=image_type,
        component=_component(elements, groups, image_type),
        diffusion=_diffusion(elements, groups, image_type),
        echo_time_ms=echo.number(keyword),
        inversion_time_ms=times[0] if times else None,
        temporal_index=temporal.whole(
            "TemporalPositionIdentifier" if content is None else "TemporalPositionIndex"
        ),
    )


def _plane(groups: FrameGroups) -> Plane:
    measures = groups.holder("PixelMeasuresSequence")
    position = groups.holder("PlanePositionSequence")
    orientation = groups.holder("PlaneOrientationSequence")
    return Plane(
        position_mm=position.numbers("ImagePositionPatient"),
        orientation=orientation.numbers("ImageOrientationPatient"),
        spacing_mm=measures.numbers("PixelSpacing"),
        thickness_mm=measures.number("SliceThickness"),
    )


def _diffusion(elements: Elements, groups: FrameGroups, image_type: tuple[str, ...]) -> Diffusion:
    if elements.text("SOPClassUID") not in MR_CLASSES:
        return NO_DIFFUSION
    return read_diffusion(elements, groups.macro("MRDiffusionSequence"), image_type)


def _image_type(elements: Elements, groups: FrameGroups) -> tuple[str, ...]:
    for keyword in ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence"):
        item = groups.macro(keyword)
        if item is not None and item.has("FrameType"):
            return tuple(word.upper() for word in item.words("FrameType"))
    return tuple(word.upper() for word in elements.words("ImageType"))


def _component(elements: Elements, groups: FrameGroups, image_type: tuple[str, ...]) -> str:
    """Magnitude, phase, real or imaginary; the third word of a classic image type may say."""
    holder = groups.holder("MRImageFrameTypeSequence")
    word = holder.text("ComplexImageComponent") or elements.text("ComplexImageComponent")
    if word.upper() in _COMPONENT_OF_WORD:
        return _COMPONENT_OF_WORD[word.upper()]
    for candidate in image_type[2:]:
        if candidate in {"PHASE MAP", "PHASE"}:
            return "P"
        if candidate in _COMPONENT_OF_WORD:
            return _COMPONENT_OF_WORD[candidate]
    return MAGNITUDE
