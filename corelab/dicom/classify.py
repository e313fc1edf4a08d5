"""What an image is, from the words its header uses."""

from __future__ import annotations

import re
from functools import lru_cache

from corelab.dicom.frame import MAGNITUDE, FrameHeader
from corelab.dicom.gradient import Directionality
from corelab.dicom.header import FileHeader, Hints
from corelab.dicom.kernel import is_sharp_kernel, names_bone
from corelab.dicom.sopclass import CT_CLASSES, IMAGE_CLASSES
from corelab.errors import ReasonCode
from corelab.series import Refusal, SeriesKind

HIGHEST_B0_S_MM2 = 10.0
_COSINES = 6
_REMEMBERED = 1024
_SCOUT_WORDS = frozenset({"LOCALIZER", "SCOUT", "SURVIEW", "TOPOGRAM", "SCANOGRAM", "REF_SURVIEW"})
_PROJECTION = re.compile(
    r"\b(MIP|MIN ?IP|MPR_?MIP|PROJECTION|PROJECTION IMAGE|VRT|SSD|FUSION|CSA MIP|SUBTRACTION)\b"
)
_PERFUSION_MAP = re.compile(r"\b(CBF|CBV|MTT|TTP|TTD|TMAX|PERFUSION)\b")
_SPECTRAL_WORD = re.compile(r"\b(VMI|MONO_?E|MONOENERGETIC|VNC|IODINE|MAT_\w+|Z_?EFF\w*|RHO_?Z)\b")
_SPECTRAL_TEXT = re.compile(
    r"\bvnc\b|virtual.?(non|mono|un)|mono(e|energetic|chromatic)?\b.{0,4}\d|\d ?kev|\biodine"
    r"|z.?eff|electron dens",
    re.IGNORECASE,
)
_REFORMATTED = re.compile(r"\b(MPR|MPVR|REFORMATTED|REFORMAT)\b")
_TRANSVERSE_COSINE = 0.7
_TRACE_WORDS = frozenset({"TRACE", "TRACEW", "ISO", "ISOTROPIC"})
_MAP_WORDS = frozenset({"FA", "COLFA", "RA", "EADC", "EXP", "TENSOR", "TENSOR_B0", "CALC_BVALUE"})
_MAP_TEXT = re.compile(r"\be-?adc|exponential|\bexp\b|fractional|\bfa\b|tensor", re.IGNORECASE)
_ADC_TEXT = re.compile(r"\bd?adc|apparent diffusion", re.IGNORECASE)
_FLAIR_TEXT = re.compile(r"flair|dark.?fluid|tirm", re.IGNORECASE)
_FLAIR_INVERSION_MS = (1500.0, 3500.0)
_FLAIR_SHORTEST_ECHO_MS = 60.0
_NO_AGENT = re.compile(
    r"((no|none|non|nil|without|w/?o|sans|ohne|senza|sin|kein|keine?s?|aucun|ninguno)"
    r"([ -]?(iv|i\.v\.))?([ -]?(contrast|contraste|contrasto|agent|given|km|kontrastmittel))?"
    r"|n|n/?a|n\.a\.|nc|ncct|native?|plain|false|0( ?ml)?|-+|\.|oral( contrast)?)?",
    re.IGNORECASE,
)
_NATIVE_TEXT = re.compile(
    r"\bnon|without|w/o|\bw\.?o\b|native|nativ\b|\bno\b|\bsans|\bohne|\bsenza|\bsin\b|\bplain"
    r"|unenhanced|\bncct|\bnect|\bc-(?![a-z])",
    re.IGNORECASE,
)
_CONTRAST_TEXT = re.compile(
    r"\bcta\b|angio|\bctp\b|\bperf|contrast|\bc\+|\bce\b|\bkm\b|venous|arterial", re.IGNORECASE
)


def classify(header: FileHeader, frame: FrameHeader, *, in_diffusion: bool) -> SeriesKind:
    """Kind of one frame.

    Parameters
    ----------
    header, frame
        The object and its frame.
    in_diffusion
        Whether any frame of the series proves it to be diffusion imaging.
    """
    if header.sop_class_uid not in IMAGE_CLASSES:
        return SeriesKind.NOT_AN_IMAGE
    if not _SCOUT_WORDS.isdisjoint(frame.image_type):
        return SeriesKind.SCOUT
    if header.sop_class_uid in CT_CLASSES:
        return _classify_ct(header, frame)
    return _classify_mr(header.hints, frame, in_diffusion=in_diffusion)


def refuse_kind(kind: SeriesKind) -> Refusal | None:
    """Why a kind can never be read as a volume, ``None`` where it can."""
    messages = {
        SeriesKind.SCOUT: "a scout image is no volume",
        SeriesKind.DERIVED: "a derived image is not measured",
        SeriesKind.NOT_AN_IMAGE: "the object is no CT or MR image",
    }
    if kind not in messages:
        return None
    return Refusal(reason=ReasonCode.UNSUPPORTED_CLASS, message=messages[kind])


def _classify_ct(header: FileHeader, frame: FrameHeader) -> SeriesKind:
    """Kind of a CT frame.

    Its first two words tell whether pixels come from other images (PS3.3, C.7.6.1.1.2). A
    transverse reformat of a thin scan is the same head in thicker slices, and many sites
    send nothing else; maps, projections and spectral images hold other values than HU at
    one tube voltage.
    """
    hints = header.hints
    words = frame.image_type[2:]
    is_map = any(_PERFUSION_MAP.search(w) or _SPECTRAL_WORD.search(w) for w in words)
    if is_map or _is_projection(frame) or _SPECTRAL_TEXT.search(header.owner.description):
        return SeriesKind.DERIVED
    is_derived = frame.image_type[:2] == ("DERIVED", "SECONDARY")
    if is_derived and not _is_transverse_reformat(frame):
        return SeriesKind.DERIVED
    if _is_sharp(header):
        return SeriesKind.CT_BONE_KERNEL
    if _has_contrast(hints, header.owner.description):
        return SeriesKind.CT_CONTRAST
    return SeriesKind.CT_REFORMATTED if is_derived else SeriesKind.CT


def _is_transverse_reformat(frame: FrameHeader) -> bool:
    cosines = frame.plane.orientation
    if len(cosines) != _COSINES or not any(_REFORMATTED.search(w) for w in frame.image_type[2:]):
        return False
    upward = cosines[0] * cosines[4] - cosines[1] * cosines[3]
    return abs(upward) >= _TRANSVERSE_COSINE


def _is_sharp(header: FileHeader) -> bool:
    hints = header.hints
    if hints.kernel.strip():
        return is_sharp_kernel(hints.kernel, hints.manufacturer)
    return names_bone(header.owner.description)


@lru_cache(maxsize=_REMEMBERED)
def _has_contrast(hints: Hints, description: str) -> bool:
    """Whether an agent is named, or the words speak of a contrast study and do not deny it.

    A series' own description outweighs the protocol's name: stroke protocols are called
    after their angiography, and begin with a native scan.
    """
    agent = hints.contrast_agent.strip()
    if not _NO_AGENT.fullmatch(agent):
        return True
    if _NATIVE_TEXT.search(description):
        return False
    if _CONTRAST_TEXT.search(description):
        return True
    named = [text for text in hints.texts if _CONTRAST_TEXT.search(text)]
    return not agent and any(not _NATIVE_TEXT.search(text) for text in named)


def _classify_mr(hints: Hints, frame: FrameHeader, *, in_diffusion: bool) -> SeriesKind:
    if _is_projection(frame):
        return SeriesKind.DERIVED
    if in_diffusion:
        return _classify_diffusion(hints, frame)
    if frame.component != MAGNITUDE:
        return SeriesKind.OTHER_MR
    if frame.image_type[:2] == ("DERIVED", "SECONDARY"):
        return SeriesKind.DERIVED
    return SeriesKind.FLAIR if _is_flair(hints, frame) else SeriesKind.OTHER_MR


def _classify_diffusion(hints: Hints, frame: FrameHeader) -> SeriesKind:
    words = frozenset(frame.image_type)
    b_value = frame.diffusion.b_value_s_mm2
    texts = hints.texts if "DERIVED" in words else ()
    if not _MAP_WORDS.isdisjoint(words) or any(_MAP_TEXT.search(text) for text in texts):
        return SeriesKind.DERIVED
    is_named_adc = b_value is None and any(_ADC_TEXT.search(text) for text in texts)
    if is_named_adc or any(word == "ADC" or word.startswith("ADC_") for word in words):
        return SeriesKind.ADC
    if frame.component != MAGNITUDE:
        return SeriesKind.OTHER_MR
    if b_value is not None and b_value <= HIGHEST_B0_S_MM2:
        return SeriesKind.B0
    is_one = frame.diffusion.directionality is Directionality.DIRECTIONAL
    is_trace = not is_one or not _TRACE_WORDS.isdisjoint(words)
    return SeriesKind.TRACE if is_trace else SeriesKind.DIRECTION


def _is_projection(frame: FrameHeader) -> bool:
    return any(_PROJECTION.search(word) for word in frame.image_type[2:])


def _is_flair(hints: Hints, frame: FrameHeader) -> bool:
    if any(_FLAIR_TEXT.search(text) for text in hints.texts):
        return True
    low, high = _FLAIR_INVERSION_MS
    inversion = frame.inversion_time_ms or 0.0
    echo = frame.echo_time_ms or 0.0
    return low <= inversion <= high and echo >= _FLAIR_SHORTEST_ECHO_MS
