"""What a reader may do with their own reads: see, save, sign and amend."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from corelab.errors import LedgerError
from corelab.reading.event import AmendmentStarted, DraftSaved, ReadOpened, ReadSigned
from corelab.reading.lifecycle import ReadState
from corelab.reading.records import HumanRead, OfferedCase, ReadKind
from corelab.reading.result import (
    FAULT_WORDS,
    Result,
    SigningFault,
    Unassessable,
    signing_faults,
)
from corelab.reading.room import Room
from corelab.review.answers import not_there
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.hemisphere import hemisphere_of
from corelab.review.keeper import RoomKeeper, Step
from corelab.review.mask_check import checked_mask
from corelab.review.mask_parser import mask_parser
from corelab.review.masks import Masks, begins_otherwise
from corelab.review.scene import Scene
from corelab.review.scenes import Scenes, image_changed
from corelab.stages.measure import InfarctNumbers, infarct_numbers
from corelab.store.layout import Layout
from corelab.store.ledger_mask import PackedMask, pack_mask
from corelab.store.signing import Signer

MEANING: dict[ReadKind, str] = {
    ReadKind.READ: "I read this scan myself. The result and the mask are my own assessment.",
    ReadKind.ADJUDICATION: (
        "I judged the two masks of this scan. The result and the mask are my own decision."
    ),
}
PAIR = ("A", "B")

_BEGUN = frozenset({ReadState.OPENED, ReadState.DRAFT, ReadState.AMENDING})
_FIELDS = {SigningFault.COMMENT_MISSING: "comment", SigningFault.REASON_MISSING: "reason"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """A read that its reader has open, with all that is shown of it."""

    room: Room
    read: HumanRead
    offered: OfferedCase
    scene: Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningForm:
    """What a reader fills in to sign."""

    edition: int
    result: Result
    reasons: tuple[Unassessable, ...]
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A draft that was saved: its edition and its numbers."""

    edition: int
    numbers: InfarctNumbers


class Reader:
    """Every act of readers on their own reads; other people's are not there.

    Parameters
    ----------
    layout
        Where images lie.
    keeper
        The ledger and its room.
    """

    def __init__(self, layout: Layout, keeper: RoomKeeper) -> None:
        self._layout = layout
        self._keeper = keeper
        self._scenes = Scenes(layout)
        self._masks = Masks(layout, keeper.ledger)
        self._parser = mask_parser()

    def room(self) -> Room:
        """Return the room, unless nothing may be done in it any more."""
        room = self._keeper.room()
        if room.lock_id is not None or self._layout.lock.exists():
            raise DeniedError(DenialCode.OUT_LOCKED, "The trial is locked: reading has ended.")
        return room

    def open(self, signer: Signer, read_id: str) -> Sight:
        """Open a read; written down the first time, and where it begins with another mask."""

        def decide(room: Room) -> Step | None:
            is_new = _is_unseen(room, _own(room, signer.name, read_id))
            return Step(event=ReadOpened(read_id=read_id)) if is_new else None

        room = self.room()
        read = _own(room, signer.name, read_id)
        if _is_unseen(room, read):
            self._see(room, read)
            self._keeper.write(signer, decide)
        self._parser.warm_up()
        return self.see(signer.name, read_id)

    def see(self, name: str, read_id: str) -> Sight:
        """Return a read that was opened before."""
        room = self.room()
        read = _own(room, name, read_id)
        if read.state is ReadState.ASSIGNED:
            raise DeniedError(DenialCode.STATE, "This read has not been opened.")
        return self._see(room, read)

    def mask(self, sight: Sight) -> NDArray[np.uint8]:
        """Return the mask that a read shows."""
        return self._masks.of(sight.read, sight.offered, sight.scene)

    def pair(self, sight: Sight) -> dict[str, ReadSigned]:
        """Return the two signed reads that an adjudication is of, by A and B."""
        if sight.read.kind is not ReadKind.ADJUDICATION:
            return {}
        try:
            both = sight.room.adjudication_of(sight.read.read_id)
        except LedgerError as error:
            raise _ended() from error
        signed = [read.standing for read in both]
        return {name: one for name, one in zip(PAIR, signed, strict=True) if one is not None}

    def pair_mask(self, sight: Sight, name: str) -> NDArray[np.uint8]:
        """Return one of the two masks of an adjudication."""
        signed = self.pair(sight).get(name)
        if signed is None or signed.mask_sha256 is None:
            raise not_there()
        return self._masks.named(signed.mask_sha256)

    def save(self, signer: Signer, sight: Sight, *, edition: int, content: bytes) -> Saved:
        """Save a mask over the edition that it was drawn on."""
        labels = checked_mask(content, sight.scene.grid, self._parser)
        packed = pack_mask(labels)
        room = self._keeper.write(
            signer,
            lambda room: _draft(_own(room, signer.name, sight.read.read_id), edition, packed),
        )
        return Saved(
            edition=room.read(sight.read.read_id).edition,
            numbers=infarct_numbers(sight.scene.image.with_data(labels)),
        )

    def sign(self, signer: Signer, read_id: str, form: SigningForm) -> HumanRead:
        """Sign a read, with all that follows from it; signing the same twice changes nothing."""
        sight = self.see(signer.name, read_id)
        self._scenes.check_image(sight.read.case, sight.offered.modality, sight.read.image_sha256)

        def decide(room: Room) -> Step | None:
            read = _own(room, signer.name, read_id)
            if _is_signed_so(read, form):
                return None
            _refuse_signing(read, form)
            return self._signature(room, read, sight.scene, form)

        room = self._keeper.write(signer, decide)
        self._keeper.follow(signer, sight.read.case)
        return room.read(read_id)

    def amend(self, signer: Signer, read_id: str, reason: str) -> HumanRead:
        """Take a signed read up again; its signed version stays."""
        read = self.see(signer.name, read_id).read

        def decide(room: Room) -> Step | None:
            if _own(room, signer.name, read_id).state is ReadState.AMENDING:
                return None
            return Step(event=AmendmentStarted(read_id=read_id, reason=reason))

        room = self._keeper.write(signer, decide)
        self._keeper.follow(signer, read.case)
        return room.read(read_id)

    def _see(self, room: Room, read: HumanRead) -> Sight:
        offered = room.cases.get(read.case)
        if offered is None or offered.image_sha256 != read.image_sha256:
            raise image_changed()
        scene = self._scenes.of(read.case, offered.modality, read.image_sha256)
        return Sight(room=room, read=read, offered=offered, scene=scene)

    def _signature(self, room: Room, read: HumanRead, scene: Scene, form: SigningForm) -> Step:
        sight = Sight(room=room, read=read, offered=room.cases[read.case], scene=scene)
        is_read = form.result is not Result.NOT_ASSESSABLE
        labels = scene.image.with_data(self.mask(sight)) if is_read else None
        numbers = infarct_numbers(labels) if labels else None
        _refuse_result(form, None if numbers is None else numbers.infarct_volume_ml)
        packed = pack_mask(np.asarray(labels.data, np.uint8)) if labels else None
        side = hemisphere_of(labels, scene.brain, sight.offered.modality) if labels else None
        event = ReadSigned(
            read_id=read.read_id,
            version=read.version + 1,
            edition=read.edition,
            result=form.result,
            reasons=form.reasons,
            comment=form.comment,
            mask_sha256=packed.sha256 if packed else None,
            image_sha256=read.image_sha256,
            infarct_volume_ml=numbers.infarct_volume_ml if numbers else None,
            haemorrhage_in_infarct_ml=numbers.haemorrhage_in_infarct_ml if numbers else None,
            n_components=len(numbers.components) if numbers else None,
            hemisphere=side,
            software_version=version("corelab"),
            meaning=MEANING[read.kind],
        )
        return Step(event=event, blobs={packed.sha256: packed.content} if packed else {})


def _own(room: Room, name: str, read_id: str) -> HumanRead:
    """Return a reader's own read; other people's reads are absent."""
    read = room.reads.get(read_id)
    if read is None or read.reader != name:
        raise not_there()
    if read.state is ReadState.SUPERSEDED:
        raise _ended()
    if not room.may_open(read):
        message = "Your reads are opened in their order: this one comes later."
        raise DeniedError(DenialCode.STATE, message)
    return read


def _is_unseen(room: Room, read: HumanRead) -> bool:
    """Whether a reader may work on a read, and has not seen what it begins with."""
    is_begun = read.state in _BEGUN
    changed = is_begun and begins_otherwise(read, room.cases[read.case])
    return read.state is ReadState.ASSIGNED or changed


def _draft(read: HumanRead, edition: int, packed: PackedMask) -> Step | None:
    if read.state not in _BEGUN:
        message = "This read is signed: to change it, amend it."
        raise DeniedError(DenialCode.STATE, message)
    is_same = read.draft_mask_sha256 == packed.sha256
    # The answer to a save may have been lost, and the same mask sent again.
    if is_same and read.edition in {edition, edition + 1}:
        return None
    if read.edition != edition:
        raise _stale()
    replaced = () if read.draft_mask_sha256 is None else (read.draft_mask_sha256,)
    return Step(
        event=DraftSaved(read_id=read.read_id, edition=edition + 1, mask_sha256=packed.sha256),
        blobs={packed.sha256: packed.content},
        drop=replaced,
    )


def _is_signed_so(read: HumanRead, form: SigningForm) -> bool:
    signed = read.standing
    return signed is not None and form == SigningForm(
        edition=signed.edition,
        result=signed.result,
        reasons=signed.reasons,
        comment=signed.comment,
    )


def _refuse_signing(read: HumanRead, form: SigningForm) -> None:
    if read.state not in _BEGUN:
        raise DeniedError(DenialCode.STATE, "This read is signed already: to change it, amend it.")
    if read.edition != form.edition:
        raise _stale()


def _refuse_result(form: SigningForm, infarct_volume_ml: float | None) -> None:
    faults = signing_faults(
        form.result,
        infarct_volume_ml=infarct_volume_ml,
        reasons=form.reasons,
        comment=form.comment,
    )
    if faults:
        words = "; ".join(FAULT_WORDS[fault] for fault in faults)
        field = _FIELDS.get(faults[0], "result")
        raise DeniedError(DenialCode.FAULT, f"This cannot be signed: {words}.", field=field)


def _ended() -> DeniedError:
    message = "This read has ended: what it was of has changed. Go back to your list."
    return DeniedError(DenialCode.STATE, message)


def _stale() -> DeniedError:
    return DeniedError(
        DenialCode.STALE, "This read was changed in another window: load it again to go on."
    )
