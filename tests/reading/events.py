"""One event of each kind."""

from __future__ import annotations

from corelab.reading.event import (
    AmendmentEnded,
    AmendmentStarted,
    CaseExcluded,
    CaseOffered,
    CaseReleased,
    DataLocked,
    DataUnlocked,
    DraftSaved,
    Event,
    OrderCommitted,
    PairCompared,
    Purpose,
    QaVerdictGiven,
    QueryAnswered,
    QueryOpened,
    ReadAssigned,
    ReadOpened,
    ReadSigned,
    ReadSuperseded,
    RulesSet,
    UnlockAsked,
    UserAdded,
    UserDisabled,
)
from corelab.reading.result import Result
from corelab.reading.roles import Role
from corelab.trial import Agreeing, AutomaticVolume
from corelab.vocab import Hemisphere, Modality, QaVerdict

CODE, VISIT = "KX4M7P", "fu24h"
READ_ID, QUERY_ID = "0" * 16, "9" * 16
LOCK_ID = "0f" * 8
IMAGE, MASK, OTHER_MASK, KEY = "a" * 64, "b" * 64, "c" * 64, "d" * 64

RULES = RulesSet(
    trial_id="NCT0",
    config_digest="f" * 16,
    readers=2,
    names=("ada", "ben"),
    adjudicators=("cleo",),
    repeat_share=0.1,
    discrepancy_ml=5.0,
    discrepancy_share=0.2,
    discrepancy_dice=0.6,
    discrepancy_dice_above_ml=5.0,
    agreeing=Agreeing.MEAN,
    automatic_volume=AutomaticVolume.HIDDEN,
    needs_release=False,
)
SIGNED = ReadSigned(
    read_id=READ_ID,
    version=1,
    edition=1,
    result=Result.INFARCT,
    reasons=(),
    comment="",
    mask_sha256=MASK,
    image_sha256=IMAGE,
    infarct_volume_ml=12.5,
    haemorrhage_in_infarct_ml=0.5,
    n_components=2,
    hemisphere=Hemisphere.LEFT,
    software_version="0.1.0",
    meaning="I read this scan myself.",
)
_EVENTS: tuple[Event, ...] = (
    UserAdded(name="ada", role=Role.READER, public_key_hex=KEY),
    UserDisabled(name="ada", reason="left the lab"),
    RULES,
    OrderCommitted(seed_sha256=KEY),
    CaseOffered(
        subject_code=CODE,
        visit=VISIT,
        image_sha256=IMAGE,
        mask_sha256=MASK,
        modality=Modality.NCCT,
    ),
    ReadAssigned(
        subject_code=CODE,
        visit=VISIT,
        read_id=READ_ID,
        reader="ada",
        number=1,
        image_sha256=IMAGE,
        purpose=Purpose.INDEPENDENT,
    ),
    ReadOpened(read_id=READ_ID),
    DraftSaved(read_id=READ_ID, edition=1, mask_sha256=MASK),
    SIGNED,
    AmendmentStarted(read_id=READ_ID, reason="wrong side"),
    AmendmentEnded(read_id=READ_ID, reason="its reader left"),
    ReadSuperseded(read_id=READ_ID, reason="image changed"),
    PairCompared(first_mask_sha256=MASK, second_mask_sha256=OTHER_MASK, dice=0.8),
    QaVerdictGiven(
        subject_code=CODE,
        visit=VISIT,
        image_sha256=IMAGE,
        mask_sha256=MASK,
        verdict=QaVerdict.WARN,
        reasons=("spill_over_bone",),
        comment="looks wide",
    ),
    QueryOpened(subject_code=CODE, visit=VISIT, query_id=QUERY_ID, text="Is this the right head?"),
    QueryAnswered(query_id=QUERY_ID, text="It is."),
    CaseReleased(subject_code=CODE, visit=VISIT, image_sha256=IMAGE),
    CaseExcluded(subject_code=CODE, visit=VISIT, reason="consent withdrawn"),
    DataLocked(lock_id=LOCK_ID, manifest_sha256=MASK, reason="database lock"),
    UnlockAsked(lock_id=LOCK_ID, reason="a site found another scan"),
    DataUnlocked(lock_id=LOCK_ID),
)
EXAMPLES: dict[str, Event] = {event.kind: event for event in _EVENTS}
