"""Which CT reconstruction kernels are edge enhancing, by each vendor's naming.

A bone or lung kernel raises noise several times and overshoots at the skull, so hypodensity
cannot be measured on it. An unknown name counts as a soft kernel: the reader then sees it.
"""

from __future__ import annotations

import re
from functools import lru_cache

_REMEMBERED = 1024
_SHARP_SIEMENS = 60
_SIEMENS = re.compile(r"[A-Z][A-Z]?(\d{2})[A-Z]?(\\.*)?")
_GE = re.compile(r"BONE.*|EDGE\+?|ULTRA.*|LUNG.*|HD ?(BONE|EDGE|LUNG|ULTRA).*")
_PHILIPS = re.compile(r"D|E|L|Y[A-D]|IP.*BONE|LUNG.*|BONE.*|SHARP.*|DETAIL.*")
_CANON = re.compile(r"FC(3\d|5\d|8\d|9\d)\D*|(LUNG|BONE|INNER ?EAR).*")
_ANY = re.compile(r".*(?<![A-Z])(V?SHARP|BONE|LUNG|KNOCHEN|OS|HUESO|OSSO|OSSEUX)(?![A-Z]).*")
_RULES = (
    (re.compile(r"GE\b|GENERAL ELECTRIC"), _GE),
    (re.compile(r"PHILIPS|MARCONI|PICKER"), _PHILIPS),
    (re.compile(r"CANON|TOSHIBA"), _CANON),
)


@lru_cache(maxsize=_REMEMBERED)
def is_sharp_kernel(kernel: str, manufacturer: str) -> bool:
    """Whether a kernel enhances edges as bone and lung kernels do.

    Parameters
    ----------
    kernel
        First value of ConvolutionKernel (0018,1210); its content is the vendor's own
        (PS3.3, C.8.2.1).
    manufacturer
        Manufacturer (0008,0070). Where it is empty, Siemens' and Canon's numbers are read
        all the same, as no other vendor writes them with another meaning.

    Notes
    -----
    Siemens names hold a sharpness number (``H31s``, ``J30s``, ``Hr60f``, ``B70s``): 60 and
    more is bone. GE: BONE, BONEPLUS, EDGE, ULTRA, LUNG. Philips: D, E, L and YA to YD. Canon
    and Toshiba: FC30 to FC39 and FC80 to FC89 for bone, FC50s for lung. United Imaging and
    others write the word. Iterative reconstruction (SAFIRE, ASIR, iDose) keeps the name.
    """
    name = kernel.strip().upper()
    maker = manufacturer.strip().upper()
    if not name:
        return False
    if maker.startswith("SIEMENS"):
        return _is_sharp_siemens(name)
    for vendor, sharp in _RULES:
        if vendor.match(maker):
            return sharp.fullmatch(name) is not None
    if not maker and (_is_sharp_siemens(name) or _CANON.fullmatch(name)):
        return True
    return _ANY.fullmatch(name) is not None


def names_bone(text: str) -> bool:
    """Whether a description says that a series shows bone, in one of a few languages."""
    return _ANY.fullmatch(text.upper()) is not None


def _is_sharp_siemens(name: str) -> bool:
    found = _SIEMENS.fullmatch(name)
    return found is not None and int(found[1]) >= _SHARP_SIEMENS
