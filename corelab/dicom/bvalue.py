"""Diffusion weighting of a frame, from the standard's elements or a vendor's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from corelab.dicom.csa import csa_numbers
from corelab.dicom.element import Elements
from corelab.dicom.gradient import (
    COMMENT,
    Directionality,
    Vector,
    is_unweighted_tensor_frame,
    read_directionality,
    read_gradient,
    sequence_name,
)

_GE_OFFSET = 1_000_000_000
_DIFFUSION_WORDS = frozenset({"DIFFUSION", "ADC", "TRACE", "TRACEW", "FA", "DWI", "DTI"})
_DIFFUSION_TEXT = re.compile(r"dwi|diff|dti\b|\badc|trace", re.IGNORECASE)
_OLD_TOSHIBA = "TOSHIBA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diffusion:
    """Weighting of one frame.

    ``is_declared`` says that the header calls the frame diffusion imaging, whether or not a
    b-value is given; vendors write b = 0 into images that have nothing to do with it.
    ``is_silent_b0`` says that the frame has no b-value, and comes from a maker that leaves it
    out just where no gradient is on: b = 0 if, and only if, its series has weighted frames.
    """

    b_value_s_mm2: float | None
    directionality: Directionality
    gradient: Vector
    is_declared: bool
    is_silent_b0: bool

    @property
    def is_evidence(self) -> bool:
        """Whether this frame proves that its series is diffusion imaging."""
        return self.is_declared or (self.b_value_s_mm2 or 0) > 0

    def spoken(self) -> Diffusion:
        """Say b = 0 in full."""
        return replace(self, b_value_s_mm2=0.0, directionality=Directionality.NONE)


NO_DIFFUSION = Diffusion(
    b_value_s_mm2=None,
    directionality=Directionality.UNKNOWN,
    gradient=(),
    is_declared=False,
    is_silent_b0=False,
)


def read_diffusion(
    elements: Elements,
    group: Elements | None,
    image_type: tuple[str, ...],
    private: Elements | None = None,
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
    private
        The frame's item of Philips' private sequence (2005,140F), where there is one.
    """
    source = elements if group is None else group
    whole = elements if private is None else private
    gradient = read_gradient(source, whole)
    b_value = _b_value(source, whole)
    if b_value and is_unweighted_tensor_frame(whole, gradient):
        b_value = 0.0
    direction = Directionality.NONE
    if b_value != 0:
        direction = read_directionality(source, whole, gradient)
    named = sequence_name(elements) is not None or not _DIFFUSION_WORDS.isdisjoint(image_type)
    return Diffusion(
        b_value_s_mm2=b_value,
        directionality=direction,
        gradient=gradient if any(gradient) and b_value != 0 else (),
        is_declared=named or _says_echo_planar_diffusion(elements),
        is_silent_b0=b_value is None and not gradient and _is_old_toshiba(elements, image_type),
    )


def _b_value(source: Elements, whole: Elements) -> float | None:
    value = source.number("DiffusionBValue")
    if _is_b(value):
        return value
    return next((value for reader in _READERS if _is_b(value := reader(whole))), None)


def _is_b(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0


def _siemens(elements: Elements) -> float | None:
    return elements.number(elements.private_tag(0x0019, "SIEMENS MR HEADER", 0x0C))


def _siemens_csa(elements: Elements) -> float | None:
    """``B_value`` of the CSA image header, where older software writes no private element."""
    return next(iter(csa_numbers(elements, "B_value")), None)


def _ge(elements: Elements) -> float | None:
    """First value of (0043,1039); newer software adds 1e9 to it."""
    value = elements.number(elements.private_tag(0x0043, "GEMS_PARM_01", 0x39))
    return value % _GE_OFFSET if value is not None and math.isfinite(value) else None


def _philips(elements: Elements) -> float | None:
    return elements.number(elements.private_tag(0x2001, "Philips Imaging DD 001", 0x03), "FL")


def _uih(elements: Elements) -> float | None:
    """Value that was played out; the one asked for stands in the next element."""
    return elements.number(elements.private_tag(0x0065, "Image Private Header", 0x09), "FD")


def _named(elements: Elements) -> float | None:
    name = sequence_name(elements)
    return None if name is None else float(name[1] or name[4])


def _commented(elements: Elements) -> float | None:
    comment = COMMENT.match(elements.text("ImageComments"))
    return None if comment is None else float(comment[1])


_READERS: tuple[Callable[[Elements], float | None], ...] = (
    _siemens,
    _siemens_csa,
    _ge,
    _philips,
    _uih,
    _named,
    _commented,
)


def _is_old_toshiba(elements: Elements, image_type: tuple[str, ...]) -> bool:
    """Toshiba gives (0018,9087) only where a gradient is on (dcm2niix, Canon notes)."""
    maker = elements.text("Manufacturer").upper()
    return maker.startswith(_OLD_TOSHIBA) and "DERIVED" not in image_type


def _says_echo_planar_diffusion(elements: Elements) -> bool:
    sequences = elements.words("ScanningSequence") + elements.words("EchoPlanarPulseSequence")
    if not {"EP", "YES"} & set(sequences):
        return False
    texts = (elements.text("SeriesDescription"), elements.text("ProtocolName"))
    return any(_DIFFUSION_TEXT.search(text) for text in texts)
