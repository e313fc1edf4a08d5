"""What a plan of reads writes: rules, cases, the end of reads that count no more, new reads."""

from __future__ import annotations

from collections.abc import Sequence

from corelab.reading.consequence import is_reader, still_reads
from corelab.reading.event import AmendmentEnded, CaseOffered, ReadSuperseded, RulesSet
from corelab.reading.lifecycle import ReadState
from corelab.reading.records import HumanRead
from corelab.reading.room import Room
from corelab.trial import Trial

IMAGE_CHANGED = "the image of the case has changed"
CASE_EXCLUDED = "the case was excluded"
READER_LEFT = "its reader reads no more in this trial"


def rules_of(trial: Trial) -> RulesSet:
    """Return the rules of reads as a trial file says them."""
    reads = trial.reads
    return RulesSet(
        trial_id=trial.trial.id,
        config_digest=trial.digest,
        readers=reads.readers,
        names=reads.names,
        adjudicators=reads.adjudicators,
        repeat_share=reads.repeat_share,
        discrepancy_ml=reads.discrepancy_ml,
        discrepancy_share=reads.discrepancy_share,
        discrepancy_dice=reads.discrepancy_dice,
        discrepancy_dice_above_ml=reads.discrepancy_dice_above_ml,
        agreeing=reads.agreeing,
        automatic_volume=reads.automatic_volume,
        needs_release=reads.needs_release,
    )


def new_offers(room: Room, offers: Sequence[CaseOffered]) -> tuple[CaseOffered, ...]:
    """Return those that the room does not know, or knows with another image or mask."""
    return tuple(offer for offer in offers if not _is_known(room, offer))


def ended_reads(room: Room) -> tuple[ReadSuperseded | AmendmentEnded, ...]:
    """Return the end of every read that counts no more: image, case or reader have changed.

    What a reader who left has signed stands: of a read that they took up again, the amendment
    ends alone.
    """
    ends = (_end_of(room, read) for read in room.reads.values() if read.is_live)
    return tuple(end for end in ends if end is not None)


def unknown_people(room: Room, rules: RulesSet) -> tuple[str, ...]:
    """Return the people whom the rules name and who may not read."""
    return tuple(
        name
        for name in dict.fromkeys((*rules.names, *rules.adjudicators))
        if not is_reader(room, name)
    )


def _is_known(room: Room, offer: CaseOffered) -> bool:
    known = room.cases.get(offer.case)
    return known is not None and (known.image_sha256, known.mask_sha256) == (
        offer.image_sha256,
        offer.mask_sha256,
    )


def _end_of(room: Room, read: HumanRead) -> ReadSuperseded | AmendmentEnded | None:
    if room.cases[read.case].image_sha256 != read.image_sha256:
        return ReadSuperseded(read_id=read.read_id, reason=IMAGE_CHANGED)
    if read.case in room.exclusions:
        return ReadSuperseded(read_id=read.read_id, reason=CASE_EXCLUDED)
    if read.state is ReadState.SIGNED or still_reads(room, read):
        return None
    if read.state is ReadState.AMENDING:
        return AmendmentEnded(read_id=read.read_id, reason=READER_LEFT)
    return ReadSuperseded(read_id=read.read_id, reason=READER_LEFT)
