"""What people have read, in the words of the tables."""

from __future__ import annotations

from collections.abc import Iterator

from corelab.reading.acceptance import Accepted, Awaited, Awaiting
from corelab.reading.event import Purpose, ReadSigned
from corelab.reading.records import HumanRead
from corelab.reading.result import UNASSESSABLE_WORDS, Result, Unassessable
from corelab.reading.room import Block, Room
from corelab.vocab import (
    AcceptedValue,
    Case,
    CaseReading,
    EndpointReason,
    HumanVersion,
    People,
    VerdictGiven,
)

_AWAITED: dict[Awaited, EndpointReason] = {
    Awaited.READS: EndpointReason.READS_AWAITED,
    Awaited.AMENDMENT: EndpointReason.AMENDMENT_AWAITED,
    Awaited.COMPARISON: EndpointReason.COMPARISON_AWAITED,
    Awaited.ADJUDICATION: EndpointReason.ADJUDICATION_AWAITED,
}
_BLOCKED: dict[Block, EndpointReason] = {
    Block.QA_FAIL: EndpointReason.QA_FAIL,
    Block.QA_NOT_ASSESSABLE: EndpointReason.QA_NOT_ASSESSABLE,
    Block.QUERY_OPEN: EndpointReason.QUERY_OPEN,
    Block.NOT_RELEASED: EndpointReason.NOT_RELEASED,
}
_PURPOSES = tuple(Purpose)


def people_of(room: Room) -> People:
    """Return all that the tables say of people's reads."""
    queried = (query.opened.case for query in room.queries.values())
    known = {*room.cases, *room.ratings, *queried, *room.exclusions}
    return People(
        readings=tuple(_reading(room, case) for case in sorted(known)),
        versions=tuple(_versions(room)),
        verdicts=tuple(_verdicts(room)),
    )


def _reading(room: Room, case: Case) -> CaseReading:
    found = room.accepted(case)
    offered = room.cases.get(case)
    reasons = [_BLOCKED[block] for block in room.blocks_of(case)]
    if isinstance(found, Awaiting):
        reasons.append(_AWAITED[found.awaited])
    if isinstance(found, Accepted) and found.result is Result.NOT_ASSESSABLE:
        reasons.append(EndpointReason.NOT_ASSESSABLE)
    if case in room.exclusions:
        reasons.append(EndpointReason.EXCLUDED)
    return CaseReading(
        case=case,
        image_sha256=offered.image_sha256 if offered else None,
        value=_value(found) if isinstance(found, Accepted) else None,
        reasons=tuple(reasons),
    )


def _value(found: Accepted) -> AcceptedValue:
    is_lost = found.result is Result.NOT_ASSESSABLE
    return AcceptedValue(
        read_status=found.read_status,
        infarct_volume_ml=found.infarct_volume_ml,
        haemorrhage_in_infarct_ml=found.haemorrhage_in_infarct_ml,
        n_components=found.n_components,
        hemisphere=found.hemisphere,
        why_not=_why_not(found) if is_lost else "",
    )


def _why_not(found: Accepted) -> str:
    """Coded reasons of all who could not assess it, in words; no text that anybody wrote."""
    signed = [read.standing for read in found.reads]
    reasons = {reason for one in signed if one for reason in one.reasons}
    words = [UNASSESSABLE_WORDS[reason] for reason in Unassessable if reason in reasons]
    return f"read by people and not assessable ({found.read_status}): " + "; ".join(words)


def _versions(room: Room) -> Iterator[HumanVersion]:
    """Every signed version, case by case, independent reads first."""
    accepted_ids = {
        case: {read.read_id for read in found.reads}
        for case in room.cases
        if isinstance(found := room.accepted(case), Accepted)
    }
    reads = sorted(
        room.reads.values(),
        key=lambda read: (read.case, _PURPOSES.index(read.purpose), read.reader, read.number),
    )
    for read in reads:
        for signature in read.signatures:
            stands = signature.signed == read.standing and read in room.reads_of_case(read.case)
            is_accepted = stands and read.read_id in accepted_ids.get(read.case, set())
            yield _version(room, read, signature.signed, stands=stands, is_accepted=is_accepted)


def _verdicts(room: Room) -> Iterator[VerdictGiven]:
    """Every verdict, case by case, in the order that they were given."""
    for case in sorted(room.ratings):
        standing = room.qa_of(case)
        for rating in room.ratings[case]:
            yield VerdictGiven(
                case=case,
                rater=rating.rater,
                verdict=rating.given.verdict,
                reasons=tuple(rating.given.reasons),
                image_sha256=rating.given.image_sha256,
                mask_sha256=rating.given.mask_sha256,
                stands=any(rating is one for one in standing),
            )


def _version(
    room: Room, read: HumanRead, signed: ReadSigned, *, stands: bool, is_accepted: bool
) -> HumanVersion:
    return HumanVersion(
        read_id=read.read_id,
        reader=read.reader,
        purpose=read.purpose.value,
        case=read.case,
        modality=room.cases[read.case].modality,
        version=signed.version,
        stands=stands,
        is_accepted=is_accepted,
        result=signed.result.value,
        reasons=tuple(reason.value for reason in signed.reasons),
        infarct_volume_ml=signed.infarct_volume_ml,
        haemorrhage_in_infarct_ml=signed.haemorrhage_in_infarct_ml,
        n_components=signed.n_components,
        hemisphere=signed.hemisphere,
        image_sha256=signed.image_sha256,
        mask_sha256=signed.mask_sha256,
        software_version=signed.software_version,
    )
