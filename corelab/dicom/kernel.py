"""Which CT reconstruction kernels are edge enhancing, by each vendor's naming.

A bone or lung kernel raises noise several times and overshoots at the skull, so hypodensity
cannot be measured on it. An unknown name counts as a soft kernel: the reader then sees it.
"""

from __future__ import annotations

import re

_SHARP_SIEMENS = 60
_SIEMENS = re.compile(r"[A-Z][A-Z]?(\d{2})[A-Z]?(\\.*)?")
_GE = re.compile(r"BONE\w*|EDGE|ULTRA|LUNG|HD ?(BONE|EDGE|LUNG)\w*|BONE ?PLUS")
_PHILIPS = re.compile(r"D|E|L|Y[A-D]|IP.*BONE|LUNG.*|BONE.*|SHARP.*|DETAIL.*")
_CANON = re.compile(r"FC(3\d|5\d|8\d|9\d)\D*|(LUNG|BONE)\w*")
_ANY = re.compile(r".*\b(BONE|LUNG|SHARP|KNOCHEN|OS)\b.*")
_RULES = (
    (re.compile(r"GE\b|GENERAL ELECTRIC"), _GE),
    (re.compile(r"PHILIPS|MARCONI|PICKER"), _PHILIPS),
    (re.compile(r"CANON|TOSHIBA"), _CANON),
)


def is_sharp_kernel(kernel: str, manufacturer: str) -> bool:
    """Whether a kernel enhances edges as bone and lung kernels do.

    Parameters
    ----------
    kernel
        First value of ConvolutionKernel (0018,1210).
    manufacturer
        Manufacturer (0008,0070).

    Notes
    -----
    Siemens names hold a sharpness number (``H31s``, ``Hr60f``, ``B70s``): 60 and more is
    bone. GE: BONE, BONEPLUS, EDGE, ULTRA, LUNG. Philips: D, E, L and YA to YD. Canon and
    Toshiba: FC30 to FC39 and FC80 to FC89 for bone, FC50s for lung.
    """
    name = kernel.strip().upper()
    maker = manufacturer.strip().upper()
    if not name:
        return False
    if maker.startswith("SIEMENS"):
        found = _SIEMENS.fullmatch(name)
        return found is not None and int(found[1]) >= _SHARP_SIEMENS
    for vendor, sharp in _RULES:
        if vendor.match(maker):
            return sharp.fullmatch(name) is not None
    return _ANY.fullmatch(name) is not None
