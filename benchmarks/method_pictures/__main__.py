"""Write the pictures named, or all."""

from __future__ import annotations

import sys

from benchmarks.method_pictures.ct import ct_steps
from benchmarks.method_pictures.dwi import dwi_steps
from benchmarks.method_pictures.failures import ct_failures, dwi_failures

PICTURES = {
    "ct": ct_steps,
    "dwi": dwi_steps,
    "ct-failures": ct_failures,
    "dwi-failures": dwi_failures,
}

for name in sys.argv[1:] or PICTURES:
    PICTURES[name]()
