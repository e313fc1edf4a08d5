"""Diffusion weighting of a frame, from the standard's elements or a vendor's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from corelab.dicom.element import Elements

_GE_OFFSET = 1_000_000_000
_SEQUENCE_B = re.compile(r"ep_?b(\d+)(t?)(#\d+)?|_b(\d+)(t?)(#\d+)$")
_COMMENT_B = re.compile(r"b=(\d+(?:\.\d+)?)\(([-\d.]+),([-\d.]+),([-\d.]+)\)")
_DIFFUSION_WORDS = frozenset({"DIFFUSION", "ADC", "TRACE", "TRACEW", "FA", "DWI", "DTI"})
_DIFFUSION_TEXT = re.compile(r"dwi|diff|dti\b|\badc|trace", re.IGNORECASE)
_ISOTROPIC_LETTER = "I"


class Directionality(StrEnum):
    """Along what a frame is weighted; words of (0018,9075)."""

    NONE = "NONE"
    ISOTROPIC = "ISOTROPIC"
    DIRECTIONAL = "DIRECTIONAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diffusion:
    """Weighting of one frame.

    ``is_declared`` says that the header calls the frame diffusion imaging, whether or not a
    b-value is given; vendors write b = 0 into images that have nothing to do with it.
    """

    b_value_s_mm2: float | None
    directionality: Directionality
    is_declared: bool

    @property
    def is_evidence(self) -> bool:
        """Whether this frame proves that its series is diffusion imaging."""
        return self.is_declared or (self.b_value_s_mm2 or 0) > 0


NO_DIFFUSION = Diffusion(
    b_value_s_mm2=None, directionality=Directionality.UNKNOWN, is_declared=False
)


def read_diffusion(
    elements: Elements, group: Elements | None, image_type: tuple[str, ...]
) -> Diffusion:
    """Diffusion weighting of one frame.

    Parameters
    ----------
    elements
        The data set.
    group
        The frame's item of MRDiffusionSequence (0018,9117), where there is one.
    image_type
        Words of the frame's image type.
    """
    source = elements if group is None else group
    sequence = _sequence_name(elements)
    b_value = _first(_B_READERS, source, elements)
    direction = _directionality(source, elements, b_value)
    named = sequence is not None
    declared = named or not _DIFFUSION_WORDS.isdisjoint(image_type)
    return Diffusion(
        b_value_s_mm2=b_value,
        directionality=direction,
        is_declared=declared or _says_echo_planar_diffusion(elements),
    )


def _first(
    readers: tuple[Callable[[Elements], float | None], ...], source: Elements, whole: Elements
) -> float | None:
    value = source.number("DiffusionBValue")
    if _is_b(value):
        return value
    return next((value for reader in readers if _is_b(value := reader(whole))), None)


def _is_b(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0


def _siemens(elements: Elements) -> float | None:
    return elements.number(elements.private_tag(0x0019, "SIEMENS MR HEADER", 0x0C))


def _ge(elements: Elements) -> float | None:
    """First value of (0043,1039); newer software adds 1e9 to it."""
    value = elements.number(elements.private_tag(0x0043, "GEMS_PARM_01", 0x39))
    return value % _GE_OFFSET if value is not None and math.isfinite(value) else None


def _philips(elements: Elements) -> float | None:
    return elements.number(elements.private_tag(0x2001, "Philips Imaging DD 001", 0x03), "FL")


def _uih(elements: Elements) -> float | None:
    return elements.number(elements.private_tag(0x0065, "Image Private Header", 0x09), "FD")


def _named(elements: Elements) -> float | None:
    sequence = _sequence_name(elements)
    return None if sequence is None else float(sequence[1] or sequence[4])


def _commented(elements: Elements) -> float | None:
    comment = _COMMENT_B.match(elements.text("ImageComments"))
    return None if comment is None else float(comment[1])


_B_READERS = (_siemens, _ge, _philips, _uih, _named, _commented)


def _sequence_name(elements: Elements) -> re.Match[str] | None:
    """``*ep_b1000t`` is Siemens' trace, ``ep_b1000#3`` its third direction; UIH writes alike."""
    private = elements.text(elements.private_tag(0x0065, "Image Private Header", 0x2D))
    names = (elements.text("SequenceName"), elements.text("PulseSequenceName"), private)
    return next((found for name in names if (found := _SEQUENCE_B.search(name))), None)


def _directionality(source: Elements, whole: Elements, b_value: float | None) -> Directionality:
    if b_value == 0:
        return Directionality.NONE
    word = source.text("DiffusionDirectionality").upper()
    word = word or whole.text(whole.private_tag(0x0019, "SIEMENS MR HEADER", 0x0D)).upper()
    if word in {"NONE", "ISOTROPIC"}:
        return Directionality(word)
    if word:
        return Directionality.DIRECTIONAL
    letter = whole.text(whole.private_tag(0x2001, "Philips Imaging DD 001", 0x04)).upper()
    if letter:
        is_isotropic = letter.startswith(_ISOTROPIC_LETTER)
        return Directionality.ISOTROPIC if is_isotropic else Directionality.DIRECTIONAL
    return _from_vector(source, whole)


def _from_vector(source: Elements, whole: Elements) -> Directionality:
    """No vector at all is unknown; a vector of zeros with b > 0 is how a trace is written."""
    sequence = _sequence_name(whole)
    if sequence is not None and (sequence[2] or sequence[5]):
        return Directionality.ISOTROPIC
    if sequence is not None and (sequence[3] or sequence[6]):
        return Directionality.DIRECTIONAL
    vector = _vector(source, whole)
    if not vector:
        return Directionality.UNKNOWN
    return Directionality.DIRECTIONAL if any(vector) else Directionality.ISOTROPIC


def _vector(source: Elements, whole: Elements) -> tuple[float, ...]:
    vector = source.numbers("DiffusionGradientOrientation")
    vector = vector or whole.numbers(whole.private_tag(0x0019, "SIEMENS MR HEADER", 0x0E), "FD")
    if vector:
        return vector
    tags = [whole.private_tag(0x0019, "GEMS_ACQU_01", element) for element in (0xBB, 0xBC, 0xBD)]
    found = [whole.number(tag) for tag in tags]
    if all(part is not None for part in found):
        return tuple(part for part in found if part is not None)
    comment = _COMMENT_B.match(whole.text("ImageComments"))
    return () if comment is None else tuple(float(part) for part in comment.groups()[1:])


def _says_echo_planar_diffusion(elements: Elements) -> bool:
    sequences = elements.words("ScanningSequence") + elements.words("EchoPlanarPulseSequence")
    if not {"EP", "YES"} & set(sequences):
        return False
    texts = (elements.text("SeriesDescription"), elements.text("ProtocolName"))
    return any(_DIFFUSION_TEXT.search(text) for text in texts)
