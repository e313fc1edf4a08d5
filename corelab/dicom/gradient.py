"""Along what a frame is diffusion weighted: nothing, one direction or all of them alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum

from corelab.dicom.csa import csa_numbers, csa_words
from corelab.dicom.element import Elements

COMMENT = re.compile(r"b=(\d+(?:\.\d+)?)\(([-\d.]+),([-\d.]+),([-\d.]+)\)")
SEQUENCE_NAME = re.compile(r"ep_?b(\d+)(t?)(#\d+)?|_b(\d+)(t?)(#\d+)$")
_ISOTROPIC_LETTER = "I"
_IN_SPACE = 3
_GE_T2, _GE_TENSOR = 14, 16


class Directionality(StrEnum):
    """Along what a frame is weighted; words of (0018,9075)."""

    NONE = "NONE"
    ISOTROPIC = "ISOTROPIC"
    DIRECTIONAL = "DIRECTIONAL"
    UNKNOWN = "UNKNOWN"


Vector = tuple[float, ...]


def read_gradient(source: Elements, whole: Elements) -> Vector:
    """Gradient direction of unit length, all 0 where the header says 0, empty where silent.

    Its axes are those of the vendor: good for telling directions apart and for how evenly
    they are spread, not for where they point in the patient.

    Parameters
    ----------
    source
        The frame's MRDiffusionSequence item, or the data set of a classic object.
    whole
        Where private elements stand.
    """
    found = next((vector for reader in _READERS if (vector := reader(source, whole))), ())
    length = math.hypot(*found) if len(found) == _IN_SPACE else math.nan
    if not math.isfinite(length):
        return ()
    return tuple(part / length for part in found) if length else found


def read_directionality(source: Elements, whole: Elements, gradient: Vector) -> Directionality:
    """Directionality of a weighted frame.

    A vector of zeros with b above 0 is how a trace is written; no vector at all is unknown.
    """
    word = source.text("DiffusionDirectionality").upper()
    word = word or whole.text(whole.private_tag(0x0019, "SIEMENS MR HEADER", 0x0D)).upper()
    word = word or next(iter(csa_words(whole, "DiffusionDirectionality")), "").upper()
    if word in {"NONE", "ISOTROPIC"}:
        return Directionality(word)
    if word:
        return Directionality.DIRECTIONAL
    letter = whole.text(whole.private_tag(0x2001, "Philips Imaging DD 001", 0x04)).upper()
    if letter:
        return _isotropic_if(letter.startswith(_ISOTROPIC_LETTER))
    name = sequence_name(whole)
    if name is not None and (name[2] or name[5]):
        return Directionality.ISOTROPIC
    if name is not None and (name[3] or name[6]):
        return Directionality.DIRECTIONAL
    return _isotropic_if(not any(gradient)) if gradient else Directionality.UNKNOWN


def is_unweighted_tensor_frame(whole: Elements, gradient: Vector) -> bool:
    """Whether GE wrote the b-value of its tensor scan into an image without gradient.

    The image-level flag (0043,1030) is 14 for a T2 image and 16 for one of the gradient
    table, whose entries of zero are b = 0 whatever (0043,1039) says (dcm2niix, issues 690
    and 777). Combined images of clinical scans carry other flags.
    """
    flag = whole.whole(whole.private_tag(0x0043, "GEMS_PARM_01", 0x30), "SS")
    if flag == _GE_T2:
        return not any(gradient)
    return flag == _GE_TENSOR and bool(gradient) and not any(gradient)


def sequence_name(elements: Elements) -> re.Match[str] | None:
    """``*ep_b1000t`` is Siemens' trace, ``ep_b1000#3`` its third direction; UIH writes alike."""
    private = elements.text(elements.private_tag(0x0065, "Image Private Header", 0x2D))
    names = (elements.text("SequenceName"), elements.text("PulseSequenceName"), private)
    return next((found for name in names if (found := SEQUENCE_NAME.search(name))), None)


def _isotropic_if(condition: object) -> Directionality:
    return Directionality.ISOTROPIC if condition else Directionality.DIRECTIONAL


def _standard(source: Elements, _whole: Elements) -> Vector:
    nested = source.item("DiffusionGradientDirectionSequence")
    holder = source if nested is None else nested
    return holder.numbers("DiffusionGradientOrientation")


def _siemens(_source: Elements, whole: Elements) -> Vector:
    tag = whole.private_tag(0x0019, "SIEMENS MR HEADER", 0x0E)
    return whole.numbers(tag, "FD") or csa_numbers(whole, "DiffusionGradientDirection")


def _ge(_source: Elements, whole: Elements) -> Vector:
    tag = whole.private_tag(0x0019, "GEMS_ACQU_01", 0xBB)
    return _three(whole, tag, "DS")


def _philips(_source: Elements, whole: Elements) -> Vector:
    tag = whole.private_tag(0x2005, "Philips MR Imaging DD 001", 0xB0)
    return _three(whole, tag, "FL")


def _uih(_source: Elements, whole: Elements) -> Vector:
    return whole.numbers(whole.private_tag(0x0065, "Image Private Header", 0x37), "FD")


def _canon(_source: Elements, whole: Elements) -> Vector:
    comment = COMMENT.match(whole.text("ImageComments"))
    return () if comment is None else tuple(float(part) for part in comment.groups()[1:])


def _three(whole: Elements, first: int, vr: str) -> Vector:
    """Vector whose parts stand in elements of their own, ``vr`` where the file does not tell."""
    found = [whole.number(first + axis, vr) for axis in range(_IN_SPACE)]
    parts = tuple(part for part in found if part is not None)
    return parts if len(parts) == _IN_SPACE else ()


_READERS: tuple[Callable[[Elements, Elements], Vector], ...] = (
    _standard,
    _siemens,
    _ge,
    _philips,
    _uih,
    _canon,
)
