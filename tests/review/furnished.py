"""A small OUT with two cases, a ledger with people, and reads that are planned."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.reading.event import (
    CaseOffered,
    Event,
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
from corelab.store.ledger import Ledger, create_ledger
from corelab.store.nifti import save_volume
from corelab.store.record import save_read
from corelab.store.signing import Signer
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

CT_CASE = Case(SubjectCode("QZ7XW4"), VisitLabel("fu24h"))
MR_CASE = Case(SubjectCode("JV9KX2"), VisitLabel("baselineq"))
CASES = {CT_CASE: Modality.NCCT, MR_CASE: Modality.DWI}
TRIAL_ID = "NCT07070707"
SECRETS = ("QZ7XW4", "JV9KX2", "fu24h", "baselineq", TRIAL_ID)
"""What no reader may learn, and no other word holds."""

SHAPE = (24, 30, 8)
CT_AFFINE = np.array([[-6.0, 0, 0, 70], [0, -6.0, -1.0, 90], [0, 0, 12.0, -40], [0, 0, 0, 1]])
"""Left and back, as scanners count, and sheared by a gantry's tilt."""

_LEAN = np.radians(15.0)
MR_AFFINE = np.array(
    [
        [-6.0, 0, 0, 70],
        [0, 6 * np.cos(_LEAN), -12 * np.sin(_LEAN), -90],
        [0, 6 * np.sin(_LEAN), 12 * np.cos(_LEAN), -40],
        [0, 0, 0, 1],
    ]
)
"""Oblique."""

PEOPLE = {
    "mara": Role.DATA_MANAGER,
    "ada": Role.READER,
    "ben": Role.READER,
    "cleo": Role.READER,
    "quin": Role.QA,
    "stan": Role.STATISTICIAN,
}
RULES = RulesSet(
    trial_id=TRIAL_ID,
    config_digest="0" * 16,
    readers=2,
    names=("ada", "ben"),
    adjudicators=("cleo",),
    repeat_share=0.0,
    discrepancy_ml=5.0,
    discrepancy_share=0.2,
    discrepancy_dice=0.6,
    discrepancy_dice_above_ml=5.0,
    agreeing=Agreeing.MEAN,
    automatic_volume=AutomaticVolume.HIDDEN,
    needs_release=False,
)
READS = {
    ("ada", 1): "a1" * 8,
    ("ada", 2): "a2" * 8,
    ("ben", 1): "b1" * 8,
    ("ben", 2): "b2" * 8,
}
"""Ids by reader and number: ada begins with the CT, ben with the MR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnished:
    """An OUT with its ledger open, and the data manager's key."""

    layout: Layout
    ledger: Ledger
    keeper: RoomKeeper
    manager: Signer

    def write(self, event: Event) -> None:
        """Write an event of the data manager."""
        self.keeper.write(self.manager, lambda _: Step(event=event))


def furnish(out: Path, rules: RulesSet = RULES) -> None:
    """Make the whole."""
    layout = Layout(out)
    for case, modality in CASES.items():
        _make_case(layout, case, modality)
    with create_ledger(layout.ledger) as ledger:
        manager = _add_people(ledger)
        room = Furnished(layout=layout, ledger=ledger, keeper=RoomKeeper(ledger), manager=manager)
        room.write(rules)
        room.write(OrderCommitted(seed_sha256=hashlib.sha256(b"seed").hexdigest()))
        for case in CASES:
            room.write(offer_of(layout, case))
        for (reader, number), read_id in READS.items():
            order = list(CASES) if reader == "ada" else list(reversed(CASES))
            room.write(_assignment(layout, order[number - 1], reader, number, read_id))


def offer_of(layout: Layout, case: Case) -> CaseOffered:
    """Offer of a case as it lies in OUT."""
    return CaseOffered(
        subject_code=case.subject_code,
        visit=case.visit,
        image_sha256=sha256_of(layout.image(case, CASES[case].contrast)),
        mask_sha256=sha256_of(layout.infarct_mask(case)),
        modality=CASES[case],
    )


def _assignment(layout: Layout, case: Case, reader: str, number: int, read_id: str) -> ReadAssigned:
    return ReadAssigned(
        read_id=read_id,
        reader=reader,
        number=number,
        subject_code=case.subject_code,
        visit=case.visit,
        image_sha256=offer_of(layout, case).image_sha256,
        purpose=Purpose.INDEPENDENT,
    )


def _add_people(ledger: Ledger) -> Signer:
    manager = None
    for name, role in PEOPLE.items():
        add_user(ledger, name, role, PASSPHRASE, by=manager)
        manager = manager or unlock(ledger, name, PASSPHRASE)
    assert manager is not None
    return manager


def ellipsoid(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.bool_]:
    """A head that is the same on both sides of the middle of i."""
    i, j, k = np.indices(shape)
    middle = [(n - 1) / 2 for n in shape]
    radii = [0.42 * n for n in shape]
    parts = zip((i, j, k), middle, radii, strict=True)
    return np.asarray(sum(((x - m) / r) ** 2 for x, m, r in parts) < 1)


def infarct() -> NDArray[np.uint8]:
    """Labels on the patient's left: i grows to the left on both grids."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[15:19, 12:18, 3:5] = 1
    labels[16, 14, 3] = 2
    return labels


def _make_case(layout: Layout, case: Case, modality: Modality) -> None:
    brain = ellipsoid()
    rng = np.random.default_rng(len(case.subject_code))
    affine = CT_AFFINE if modality is Modality.NCCT else MR_AFFINE
    values = np.where(brain, 35, -1000) + rng.integers(-3, 4, SHAPE)
    image = _image(values.astype(np.int16), affine, modality.contrast)
    if modality is Modality.DWI:
        bright = np.where(brain, 400, 10) + rng.integers(0, 9, SHAPE) + 300 * (infarct() > 0)
        image = _image(bright.astype(np.int16), affine, Contrast.DWI)
        _save_beside(layout, case, affine, brain)
    save_image(layout.image(case, modality.contrast), image)
    masks = {
        layout.brain_mask(case): brain.astype(np.uint8),
        layout.infarct_mask(case): infarct(),
        layout.range_mask(case): 2 * (infarct() > 0).astype(np.uint8),
    }
    for path, mask in masks.items():
        save_volume(path, image.with_data(mask))
    save_read(layout.read(case), _read(case, modality, image, brain))


def _save_beside(
    layout: Layout, case: Case, affine: NDArray[np.float64], brain: NDArray[np.bool_]
) -> None:
    adc = np.where(brain, 800, 0).astype(np.int16)
    image = _image(adc, affine, Contrast.ADC)
    assert image.acquisition is not None
    told = replace(image.acquisition, adc_scale_to_mm2_s=1e-6)
    scaled = Volume(data=image.data, affine=image.affine, acquisition=told)
    save_image(layout.image(case, Contrast.ADC), scaled)
    b0 = _image(np.where(brain, 900, 15).astype(np.int16), affine, Contrast.B0)
    save_image(layout.image(case, Contrast.B0), b0)
    moved = affine.copy()
    moved[:3, 3] += 1.5
    flair = _image(np.where(brain, 500, 12).astype(np.int16), moved, Contrast.FLAIR)
    save_image(layout.image(case, Contrast.FLAIR), flair)


def _image(values: NDArray[np.int16], affine: NDArray[np.float64], contrast: Contrast) -> Volume:
    b_value = 1000.0 if contrast is Contrast.DWI else None
    told = Acquisition(contrast=contrast, b_value_s_mm2=b_value)
    return Volume(data=values, affine=affine, acquisition=told)


def _read(case: Case, modality: Modality, image: Volume, brain: NDArray[np.bool_]) -> Read:
    measurement = measurement_of(
        labels=image.with_data(infarct()),
        nested=image.with_data(2 * (infarct() > 0).astype(np.uint8)),
        brain=image.with_data(brain.astype(np.uint8)),
    )
    return Read(
        trial_id=TRIAL_ID,
        subject_code=case.subject_code,
        visit=case.visit,
        reader="auto",
        modality=modality,
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
        config_digest="0" * 16,
    )
