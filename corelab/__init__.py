"""Open imaging core lab for infarct volume: head CT and MRI in, blinded volumes in mL out.

The three calls of the Python interface are loaded when they are first used, so that
``import corelab`` is quick::

    volume = corelab.load_volume(path)
    made = corelab.segment_ct(volume)
    corelab.volume_ml(made.infarct)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corelab.stages.measure import volume_ml
    from corelab.stages.segment import segment_ct, segment_dwi
    from corelab.store.nifti import load_volume, save_volume

__all__ = ["load_volume", "save_volume", "segment_ct", "segment_dwi", "volume_ml"]

_HOME = {
    "load_volume": "corelab.store.nifti",
    "save_volume": "corelab.store.nifti",
    "segment_ct": "corelab.stages.segment",
    "segment_dwi": "corelab.stages.segment",
    "volume_ml": "corelab.stages.measure",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name not in _HOME:
        raise AttributeError(f"module 'corelab' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
