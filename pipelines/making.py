"""The files of one case: from its DICOM series to blinded images, masks, read and pictures."""

from __future__ import annotations

from typing import NamedTuple

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.face import KEPT_MM
from corelab.recall import recalling
from corelab.stages.convert import convert
from corelab.stages.deface import Attempt, deface, prove
from corelab.stages.measure import measure
from corelab.stages.overlay import overlay
from corelab.stages.read import Provenance, read_case
from corelab.stages.segment import segment
from corelab.store.layout import Layout
from corelab.store.nifti import unpacked_once
from corelab.vocab import Contrast, Defacing, Read, SegmentationRecord
from pipelines.case import CaseTask, Face

_RELEASED_FOLDER = "released"


class Made(NamedTuple):
    """A read, where its files lie that may be released, and what decoded each image."""

    read: Read
    released: Layout
    decoders: tuple[tuple[Contrast, str], ...]


def make_files(task: CaseTask, work: Layout, key: str) -> Made:
    """Make the files of a case.

    Parameters
    ----------
    task
        What is measured, and how.
    work
        Where its files are built.
    key
        Key of the case, for its read.

    Raises
    ------
    UnfitDataError
        When the case cannot be measured.
    """
    with recalling(), unpacked_once():
        return _made(task, work, key)


def _made(task: CaseTask, work: Layout, key: str) -> Made:
    plan, settings = task.plan, task.settings
    case, modality = plan.case, plan.modality
    decoders = convert(plan, work)
    segmentation, released, proof = segment(case, modality, work, settings.method), work, None
    if task.face is Face.REMOVED:
        released = Layout(work.root / _RELEASED_FOLDER)
        segmentation, proof = _without_face(task, source=work, out=released)
    provenance = Provenance(
        case_key=key,
        software_version=task.software_version,
        config_digest=task.config_digest,
        deface=proof,
    )
    read = read_case(
        plan,
        released,
        segmentation=segmentation,
        measurement=measure(case, modality, segmentation.hemisphere, released),
        settings=settings,
        provenance=provenance,
    )
    overlay(read, released)
    return Made(read, released, tuple(decoders.items()))


def _without_face(
    task: CaseTask, *, source: Layout, out: Layout
) -> tuple[SegmentationRecord, Defacing]:
    """Take off as much of the face as leaves the infarct the same, voxel for voxel.

    The released images are segmented anew, so that they give every number of their read.
    """
    attempts = [
        Attempt(
            case=task.plan.case,
            modality=task.plan.modality,
            contrasts=[image.contrast for image in task.plan.images],
            source=source,
            out=out,
            kept_mm=kept_mm,
        )
        for kept_mm in KEPT_MM
    ]
    for attempt in attempts[:-1]:
        try:
            return _proved(task, attempt)
        except UnfitDataError as error:
            if error.reason is not ReasonCode.DEFACE_NOT_PROVED:
                raise  # whatever is kept around the brain does not mend it
    return _proved(task, attempts[-1])


def _proved(task: CaseTask, attempt: Attempt) -> tuple[SegmentationRecord, Defacing]:
    deface(attempt)
    try:
        segmentation = segment(attempt.case, attempt.modality, attempt.out, task.settings.method)
    except UnfitDataError as error:
        message = f"without the face the case is not measured: {error.message}"
        raise UnfitDataError(
            ReasonCode.DEFACE_NOT_PROVED, message, evidence=error.evidence
        ) from error
    return segmentation, prove(attempt)
