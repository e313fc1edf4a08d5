"""How small an infarct is as likely an artefact."""

from __future__ import annotations

from corelab.vocab import Modality

DETECTION_ML = {Modality.NCCT: 10.0, Modality.DWI: 0.3}
"""Below this a find is as likely an artefact. On CT most infarcts of less than 10 mL are missed
and heads without one show pieces of up to 5 mL (``docs/accuracy.md``); on DWI what is smaller
than an embolus of 0.3 mL is a few voxels, as artefacts are."""


def is_below_detection(infarct_volume_ml: float, modality: Modality) -> bool:
    """Whether an infarct was found that is smaller than what is found with certainty."""
    return 0 < infarct_volume_ml < DETECTION_ML[modality]
