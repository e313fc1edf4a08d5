"""Numbers to the automatic read: what a blinded reader would put down for this case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from corelab.kernels.detection import is_below_detection
from corelab.series import CasePlan
from corelab.settings import CaseSettings
from corelab.store.files import sha256_of
from corelab.store.layout import Layout
from corelab.store.record import save_read
from corelab.vocab import (
    Case,
    Contrast,
    Defacing,
    Digest,
    Measurement,
    QcFlag,
    Read,
    ReadStatus,
    SegmentationRecord,
)

AUTO_READER = "auto"
PLAUSIBLE_BRAIN_ML = (900.0, 2000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a read was made with; ``deface`` where its images were released without a face.

    ``config_digest`` is of the whole trial file, also of what does not touch the case.
    """

    case_key: str
    software_version: str
    config_digest: str
    deface: Defacing | None = None


def read_case(
    plan: CasePlan,
    layout: Layout,
    *,
    segmentation: SegmentationRecord,
    measurement: Measurement,
    settings: CaseSettings,
    provenance: Provenance,
) -> Read:
    """Write the automatic read of a case, last of all its files.

    Parameters
    ----------
    plan
        What was measured, and why that.
    layout
        Where the read goes.
    segmentation
        How the mask was made.
    measurement
        Its numbers.
    settings
        Of the trial, those that touch the case.
    provenance
        Key of the case, version of the software, digest of the trial file.
    """
    case = plan.case
    flags = _flags(plan, segmentation, measurement)
    read = Read(
        trial_id=settings.trial_id,
        subject_code=case.subject_code,
        visit=case.visit,
        reader=AUTO_READER,
        modality=plan.modality,
        measurement=measurement,
        hemisphere=segmentation.hemisphere,
        qc_flags=flags,
        read_status=ReadStatus.AUTO,
        method=segmentation.method,
        parameters=segmentation.parameters,
        adc_scale_to_mm2_s=segmentation.adc_scale_to_mm2_s,
        adc_derivation=segmentation.adc_derivation,
        digests=_digests(plan, layout),
        choice=plan.choice,
        case_key=provenance.case_key,
        software_version=provenance.software_version,
        config_digest=provenance.config_digest,
        is_endpoint_eligible=settings.is_endpoint_eligible,
        hours_from_reference=plan.hours_from_reference,
        deface=provenance.deface,
        version=plan.version,
    )
    save_read(layout.read(case), read)
    return read


def _flags(
    plan: CasePlan, segmentation: SegmentationRecord, measurement: Measurement
) -> tuple[QcFlag, ...]:
    low, high = PLAUSIBLE_BRAIN_ML
    unusual = not low <= measurement.brain_volume_ml <= high
    is_small = is_below_detection(measurement.infarct_volume_ml, plan.modality)
    flags = plan.flags + segmentation.flags
    flags += (QcFlag.BRAIN_VOLUME_UNUSUAL,) if unusual else ()
    flags += (QcFlag.BELOW_DETECTION,) if is_small else ()
    return tuple(sorted(set(flags)))


def files_of(layout: Layout, case: Case, contrasts: Iterable[Contrast]) -> dict[str, Path]:
    """Files that a read's numbers rest on, by their role."""
    files = {contrast.value: layout.image(case, contrast) for contrast in contrasts}
    return files | {
        "brain_mask": layout.brain_mask(case),
        "infarct_mask": layout.infarct_mask(case),
        "range_mask": layout.range_mask(case),
    }


def _digests(plan: CasePlan, layout: Layout) -> tuple[Digest, ...]:
    files = files_of(layout, plan.case, (image.contrast for image in plan.images))
    return tuple(Digest(role=role, sha256=sha256_of(path)) for role, path in files.items())
