"""The settings of a trial that touch one case: all that the case's stages may know of the trial."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.dwi_parameters import DwiParameters
from corelab.series import CasePlan
from corelab.trial import Trial
from corelab.vocab import Modality, QcFlag


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSettings:
    """What a case is measured by, resolved for this case.

    A case is made anew where its digest is another: a stage that needs one more setting gets it
    by a field here, and so it is in the digest. What the trial says of choosing (limits, order of
    preference, windows) is in the plan of the case already, as what was chosen.
    """

    trial_id: str
    method: CtParameters | DwiParameters
    is_endpoint_eligible: bool

    @property
    def digest(self) -> str:
        """SHA-256 of every field and of every parameter in it, by name."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def settings_of(trial: Trial, plan: CasePlan) -> CaseSettings:
    """Resolve what a trial says for one case.

    Parameters
    ----------
    trial
        All settings.
    plan
        What will be measured, and when it was scanned.
    """
    is_lossy = QcFlag.LOSSY_PIXELS in plan.flags
    return CaseSettings(
        trial_id=trial.trial.id,
        method=_method(trial, plan),
        is_endpoint_eligible=not is_lossy or trial.limits.lossy_pixels_allowed,
    )


def _method(trial: Trial, plan: CasePlan) -> CtParameters | DwiParameters:
    """Parameters of a modality's method, with the hours from the reference time to the scan.

    The trial's own, where it sets any, come first. Where the hours are not known, the middle of
    the visit's window is near enough to tell early infarcts from late ones.
    """
    if plan.modality is Modality.NCCT:
        return trial.methods.ncct
    dwi, visit = trial.methods.dwi, trial.visit(plan.case.visit)
    if dwi.hours_from_onset is not None:
        return dwi
    if plan.hours_from_reference is not None:
        return dwi._replace(hours_from_onset=plan.hours_from_reference)
    return dwi if visit is None else dwi._replace(hours_from_onset=visit.middle_h)
