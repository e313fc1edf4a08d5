"""Transfer syntaxes: how pixels are packed, and which decoder is trusted with each."""

from __future__ import annotations

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"

_JPEG_AND_MPEG = "1.2.840.10008.1.2.4."
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG})
LOSSY_BY_NAME = frozenset({JPEG_BASELINE, JPEG_EXTENDED, JPEG_LS_NEAR, JPEG_2000, HTJ2K})
"""Syntaxes that may change values (PS3.5, A.4); what a stream proves is in ``lossy.py``."""

DECODERS = {
    RLE: "pydicom",
    JPEG_BASELINE: "python-gdcm",
    JPEG_EXTENDED: "python-gdcm",
    JPEG_LOSSLESS: "python-gdcm",
    JPEG_LOSSLESS_SV1: "python-gdcm",
    JPEG_LS_LOSSLESS: "pyjpegls",
    JPEG_LS_NEAR: "pyjpegls",
    JPEG_2000_LOSSLESS: "pylibjpeg-openjpeg",
    JPEG_2000: "pylibjpeg-openjpeg",
    HTJ2K_LOSSLESS: "pylibjpeg-openjpeg",
    HTJ2K_LOSSLESS_RPCL: "pylibjpeg-openjpeg",
    HTJ2K: "pylibjpeg-openjpeg",
}
"""One distribution per syntax, so that what happens to be installed cannot change a value."""


_UNREAD = {
    "a retired or hierarchical JPEG": ("1.2.840.10008.1.2.4.5", "1.2.840.10008.1.2.4.6"),
    "JPEG 2000 part 2": ("1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"),
    "JPIP, pixels kept elsewhere": (
        "1.2.840.10008.1.2.4.94",
        "1.2.840.10008.1.2.4.95",
        "1.2.840.10008.1.2.4.204",
        "1.2.840.10008.1.2.4.205",
    ),
    "MPEG or HEVC video": ("1.2.840.10008.1.2.4.10",),
    "JPEG XL": ("1.2.840.10008.1.2.4.11",),
    "SMPTE video": ("1.2.840.10008.1.2.7",),
    "deflated image frames": ("1.2.840.10008.1.2.8.1",),
}
"""Families of syntaxes that are known and not read, by how their UIDs begin."""


def is_explicit_little(transfer_syntax_uid: str) -> bool:
    """Whether the elements are written with their VR in little endian (PS3.5, A.2 and A.4)."""
    known = transfer_syntax_uid in {EXPLICIT_LITTLE, RLE}
    return known or transfer_syntax_uid.startswith(_JPEG_AND_MPEG)


def is_readable(transfer_syntax_uid: str) -> bool:
    """Whether pixels of this syntax can be read."""
    return transfer_syntax_uid in NATIVE or transfer_syntax_uid in DECODERS


def unread_name(transfer_syntax_uid: str) -> str:
    """Name, in our own words, of a syntax that is not read."""
    names = (name for name, prefixes in _UNREAD.items() if transfer_syntax_uid.startswith(prefixes))
    return next(names, "a syntax of no known name")
