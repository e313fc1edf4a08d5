"""Per-frame facts of an object, classic or enhanced multi-frame alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from corelab.dicom.bvalue import NO_DIFFUSION, Diffusion, read_diffusion
from corelab.dicom.element import Elements
from corelab.dicom.rescale import Rescale, read_rescale
from corelab.dicom.sopclass import MR_CLASSES

MAGNITUDE = "M"
_GE_COMPONENTS = (MAGNITUDE, "P", "R", "I")
_PLACES: tuple[tuple[float, ...], ...] = ((0x20, 0x9057), (0x20, 0x32), (0x20, 0x9113))
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
class Turn:
    """What tells repetitions at one position apart; empty or ``None`` where not told.

    ``dimensions`` are the frame's dimension index values but for those of its place in the
    stack (PS3.3, C.7.6.17); ``label`` is Philips' word for labelled blood or control.
    """

    temporal_index: int | None
    dimensions: tuple[float, ...]
    trigger_time_ms: float | None
    acquired_at: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """One slice of an object. ``None`` where the header is silent, NaN where unreadable."""

    index: int
    plane: Plane
    rescale: Rescale
    image_type: tuple[str, ...]
    component: str
    diffusion: Diffusion
    echo_time_ms: float | None
    inversion_time_ms: float | None
    stack: str
    turn: Turn

    @property
    def slope(self) -> float | None:
        """Rescale slope, as written."""
        return self.rescale.slope

    @property
    def intercept(self) -> float | None:
        """Rescale intercept, as written."""
        return self.rescale.intercept


class FrameGroups:
    """The functional group macros of one frame: its own first, then those all share."""

    def __init__(self, elements: Elements, shared: Elements | None, own: Elements | None) -> None:
        self._layers = tuple(layer for layer in (own, shared) if layer is not None)
        self._elements = elements

    def philips(self) -> Elements | None:
        """Item of Philips' private sequence (2005,140F), which repeats a classic header."""
        for layer in self._layers:
            item = layer.item(layer.private_tag(0x2005, "Philips MR Imaging DD 005", 0x0F))
            if item is not None:
                return item
        return None

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
        yield _read_frame(0, elements, FrameGroups(elements, None, None), ())
        return
    dimensions = _dimensions_beside_place(elements)
    for index, item in enumerate(own):
        yield _read_frame(index, elements, FrameGroups(elements, shared, item), dimensions)


def _read_frame(
    index: int, elements: Elements, groups: FrameGroups, dimensions: tuple[int, ...]
) -> FrameHeader:
    image_type = _image_type(elements, groups)
    content = groups.macro("FrameContentSequence")
    echo = groups.holder("MREchoSequence")
    keyword = "EchoTime" if echo is elements else "EffectiveEchoTime"
    inversion = groups.holder("MRTimingAndRelatedParametersSequence")
    times = inversion.numbers("InversionTimes") or inversion.numbers("InversionTime")
    return FrameHeader(
        index=index,
        plane=_plane(groups),
        rescale=read_rescale(
            groups.holder("PixelValueTransformationSequence"),
            groups.holder("RealWorldValueMappingSequence"),
            groups.philips() or elements,
        ),
        image_type=image_type,
        component=_component(elements, groups, image_type),
        diffusion=_diffusion(elements, groups, image_type),
        echo_time_ms=echo.number(keyword),
        inversion_time_ms=times[0] if times else None,
        stack="" if content is None else content.text("StackID"),
        turn=_turn(elements, groups, content, dimensions),
    )


def _turn(
    elements: Elements, groups: FrameGroups, content: Elements | None, dimensions: tuple[int, ...]
) -> Turn:
    private = groups.philips() or elements
    label = private.text(private.private_tag(0x2005, "Philips MR Imaging DD 005", 0x29))
    if content is None:
        return Turn(
            temporal_index=elements.whole("TemporalPositionIdentifier"),
            dimensions=(),
            trigger_time_ms=elements.number("TriggerTime"),
            acquired_at=elements.text("AcquisitionDate") + elements.text("AcquisitionTime"),
            label=label,
        )
    values = content.numbers("DimensionIndexValues")
    kept = tuple(values[place] for place in dimensions if place < len(values))
    trigger = groups.macro("CardiacSynchronizationSequence")
    return Turn(
        temporal_index=content.whole("TemporalPositionIndex"),
        dimensions=kept,
        trigger_time_ms=None
        if trigger is None
        else trigger.number("NominalCardiacTriggerDelayTime"),
        acquired_at=content.text("FrameAcquisitionDateTime"),
        label=label,
    )


def _dimensions_beside_place(elements: Elements) -> tuple[int, ...]:
    """Which dimension indices say something else than where in its stack a frame lies."""
    items = elements.items("DimensionIndexSequence")
    pointers = [item.numbers("DimensionIndexPointer") for item in items]
    return tuple(place for place, pointer in enumerate(pointers) if pointer not in _PLACES)


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
    group = groups.macro("MRDiffusionSequence")
    return read_diffusion(elements, group, image_type, groups.philips())


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
    private = elements.whole(elements.private_tag(0x0043, "GEMS_PARM_01", 0x2F))
    if private is not None and 0 <= private < len(_GE_COMPONENTS):
        return _GE_COMPONENTS[private]
    for candidate in image_type[2:]:
        if candidate in {"PHASE MAP", "PHASE"}:
            return "P"
        if candidate in _COMPONENT_OF_WORD:
            return _COMPONENT_OF_WORD[candidate]
    return MAGNITUDE
