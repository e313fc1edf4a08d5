"""An OUT with one CT of any grid, read by one reader alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.reading.event import (
    CaseOffered,
    OrderCommitted,
    Purpose,
    ReadAssigned,
    RulesSet,
)
from corelab.reading.roles import Role
from corelab.review.keeper import RoomKeeper, Step
from corelab.stages.measure import measurement_of
from corelab.store.files import sha256_of
from corelab.store.image import save_image
from corelab.store.layout import Layout
from corelab.store.ledger import create_ledger, open_ledger
from corelab.store.ledger_mask import unpack_mask
from corelab.store.nifti import save_volume
from corelab.store.record import save_read
from corelab.store.users import add_user, unlock
from corelab.trial import Agreeing, AutomaticVolume
from corelab.vocab import (
    Acquisition,
    Case,
    Contrast,
    Hemisphere,
    Modality,
    Read,
    ReadStatus,
    SubjectCode,
    VisitLabel,
)
from corelab.volume import Volume
from tests.review.browser import PASSPHRASE

CASE = Case(SubjectCode("QZ7XW4"), VisitLabel("fu24h"))
READ_ID = "a1" * 8
READER = "ada"
RULES = RulesSet(
    trial_id="NCT07070707",
    config_digest="0" * 16,
    readers=1,
    names=(READER,),
    adjudicators=(),
    repeat_share=0.0,
    discrepancy_ml=5.0,
    discrepancy_share=0.2,
    discrepancy_dice=0.6,
    discrepancy_dice_above_ml=5.0,
    agreeing=Agreeing.MEAN,
    automatic_volume=AutomaticVolume.SHOWN,
    needs_release=False,
)


def make_out(out: Path, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    """Make an OUT whose only CT has these automatic labels.

    Parameters
    ----------
    out
        Folder to make.
    labels : (I, J, K) uint8 array
        Automatic mask.
    affine : (4, 4) array
        Voxel index to RAS+ mm.
    """
    layout = Layout(out)
    save_case(layout, CASE, labels, affine)
    _plan(layout)


def save_case(
    layout: Layout, case: Case, labels: NDArray[np.uint8], affine: NDArray[np.float64]
) -> None:
    """Save a CT with its masks and automatic read, as a run leaves a case.

    Parameters
    ----------
    layout
        Where OUT lies.
    case
        Whose CT.
    labels : (I, J, K) uint8 array
        Automatic mask.
    affine : (4, 4) array
        Voxel index to RAS+ mm.
    """
    brain = _ellipsoid(labels.shape)
    values = np.where(brain, 36 - 8 * (labels > 0), -1000).astype(np.int16)
    acquisition = Acquisition(contrast=Contrast.CT)
    image = Volume(data=values, affine=affine, acquisition=acquisition)
    masks = {
        layout.brain_mask(case): brain.astype(np.uint8),
        layout.infarct_mask(case): labels,
        layout.range_mask(case): (2 * (labels > 0)).astype(np.uint8),
    }
    save_image(layout.image(case, Contrast.CT), image)
    for path, mask in masks.items():
        save_volume(path, image.with_data(mask))
    save_read(layout.read(case), _automatic(case, image, *masks.values()))


def draft_of(out: Path, read_id: str = READ_ID) -> NDArray[np.uint8]:
    """Labels of the last saved mask of a read, in the image file's own order."""
    with open_ledger(Layout(out).ledger) as ledger:
        sha256 = RoomKeeper(ledger).room().reads[read_id].draft_mask_sha256
        assert sha256 is not None
        return unpack_mask(ledger.blob(sha256))


def _plan(layout: Layout) -> None:
    image_sha256 = sha256_of(layout.image(CASE, Contrast.CT))
    code = {"subject_code": CASE.subject_code, "visit": CASE.visit, "image_sha256": image_sha256}
    with create_ledger(layout.ledger) as ledger:
        add_user(ledger, "mara", Role.DATA_MANAGER, PASSPHRASE, by=None)
        manager = unlock(ledger, "mara", PASSPHRASE)
        add_user(ledger, READER, Role.READER, PASSPHRASE, by=manager)
        keeper = RoomKeeper(ledger)
        for event in (
            RULES,
            OrderCommitted(seed_sha256=hashlib.sha256(b"seed").hexdigest()),
            CaseOffered(
                **code,
                mask_sha256=sha256_of(layout.infarct_mask(CASE)),
                modality=Modality.NCCT,
            ),
            ReadAssigned(
                **code, read_id=READ_ID, reader=READER, number=1, purpose=Purpose.INDEPENDENT
            ),
        ):
            step = Step(event=event)
            keeper.write(manager, lambda _, step=step: step)


def _ellipsoid(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    parts = (((axis - (n - 1) / 2) / (0.42 * n)) ** 2 for axis, n in zip(axes, shape, strict=True))
    return np.asarray(sum(parts) < 1)


def _automatic(
    case: Case,
    image: Volume,
    brain: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    nested: NDArray[np.uint8],
) -> Read:
    measurement = measurement_of(
        labels=image.with_data(labels),
        nested=image.with_data(nested),
        brain=image.with_data(brain),
    )
    return Read(
        trial_id=RULES.trial_id,
        subject_code=case.subject_code,
        visit=case.visit,
        reader="auto",
        modality=Modality.NCCT,
        measurement=measurement,
        hemisphere=Hemisphere.LEFT,
        qc_flags=(),
        read_status=ReadStatus.AUTO,
        method="hand",
        parameters=(),
        adc_scale_to_mm2_s=None,
        digests=(),
        choice="",
        software_version="0.1.0",
        config_digest=RULES.config_digest,
    )
