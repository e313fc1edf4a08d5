"""Transfer syntaxes: how pixels are packed, and which decoder is trusted with each."""

from __future__ import annotations

from dataclasses import dataclass

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"

_JPEG_AND_MPEG = "1.2.840.10008.1.2.4."
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG})
LOSSY_PREFIXES = (
    "1.2.840.10008.1.2.4.5",  # JPEG baseline, extended and their retired kin; .57 is lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.93",  # JPEG 2000, part 2
    "1.2.840.10008.1.2.4.10",  # MPEG2, MPEG-4, HEVC
    "1.2.840.10008.1.2.4.203",  # High-throughput JPEG 2000
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A pydicom decoder plugin and the distribution that holds it."""

    name: str
    distribution: str


PLUGINS = {
    RLE: Plugin(name="pydicom", distribution="pydicom"),
    JPEG_LOSSLESS: Plugin(name="gdcm", distribution="python-gdcm"),
    JPEG_LOSSLESS_SV1: Plugin(name="gdcm", distribution="python-gdcm"),
    JPEG_LS_LOSSLESS: Plugin(name="pyjpegls", distribution="pyjpegls"),
    JPEG_2000_LOSSLESS: Plugin(name="pylibjpeg", distribution="pylibjpeg-openjpeg"),
}
"""One decoder per syntax, so that what happens to be installed cannot change a value."""


def is_explicit_little(transfer_syntax_uid: str) -> bool:
    """Whether the elements are written with their VR in little endian (PS3.5, A.2 and A.4)."""
    known = transfer_syntax_uid in {EXPLICIT_LITTLE, RLE}
    return known or transfer_syntax_uid.startswith(_JPEG_AND_MPEG)


def is_lossy(transfer_syntax_uid: str) -> bool:
    """Whether a syntax changes pixel values by design."""
    if transfer_syntax_uid in PLUGINS or transfer_syntax_uid in NATIVE:
        return False
    return transfer_syntax_uid.startswith(LOSSY_PREFIXES)


def is_readable(transfer_syntax_uid: str) -> bool:
    """Whether values of this syntax can be read without loss."""
    return transfer_syntax_uid in NATIVE or transfer_syntax_uid in PLUGINS
