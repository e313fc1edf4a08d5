"""Which masks of a case are written as DICOM: those that people signed and the trial accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from corelab.dicom.segmentation_object import Drawing, Signed
from corelab.errors import StoreError
from corelab.reading.acceptance import Accepted, Awaiting
from corelab.reading.fold import fold
from corelab.reading.records import HumanRead, Signature
from corelab.reading.result import Result
from corelab.reading.room import Room
from corelab.stages.measure import infarct_numbers
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger, read_ledger
from corelab.store.ledger_mask import unpack_mask
from corelab.vocab import Label, Read
from corelab.volume import Volume

_MASK_ROLE = "infarct_mask"
_NAME_OF_AUTOMATIC = "infarct"
_SAME_ML = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseMask:
    """A mask of a case, and all that its DICOM objects say of it.

    Parameters
    ----------
    name
        Its part of the files' names.
    told
        Whose it is, for whoever asked for it.
    labels
        On the grid of the measured image.
    volumes_ml
        As they were measured or signed.
    made_of
        Tells it from every other mask.
    signed, signed_at
        ``None`` for the automatic mask.
    """

    name: str
    told: str
    labels: Volume
    volumes_ml: Mapping[Label, float]
    made_of: str
    signed: Signed | None = None
    signed_at: datetime | None = None


class AcceptedMasks:
    """Masks that accepted volumes rest on.

    Parameters
    ----------
    room
        After every entry of the ledger; an empty one where nobody reads.
    ledger
        Holds the masks.
    reader_id_of
        Gives what stands for a person's name.
    """

    def __init__(
        self, room: Room, ledger: Ledger | None, reader_id_of: Callable[[str], str]
    ) -> None:
        self._room = room
        self._ledger = ledger
        self._reader_id_of = reader_id_of

    def of(self, read: Read, automatic: CaseMask) -> tuple[CaseMask, ...]:
        """Return the masks of a case that are to be written.

        The mean of two readers' volumes has no mask of its own: each reader's is written, with
        its own volume.

        Parameters
        ----------
        read
            The automatic one.
        automatic
            Its mask, which is given back where no person's is accepted.

        Raises
        ------
        StoreError
            Where the case is accepted as not assessable, people read another image than OUT
            has, or a mask has not the volume that was signed.
        """
        found = self._room.accepted(read.case)
        if not isinstance(found, Accepted):
            return (_told_why(automatic, found),)
        if found.result is Result.NOT_ASSESSABLE:
            raise StoreError(
                "people found it not assessable, so that no mask is accepted; "
                "--mask automatic writes the method's"
            )
        return tuple(self._signed_mask(one, found, read, automatic) for one in found.reads)

    def _signed_mask(
        self, one: HumanRead, found: Accepted, read: Read, automatic: CaseMask
    ) -> CaseMask:
        last = one.signatures[-1]
        labels = self._labels(last, read, automatic.labels)
        version = f"read{one.read_id}v{last.signed.version}"
        return CaseMask(
            name=version,
            told=f"{found.read_status} read",
            labels=labels,
            volumes_ml={
                Label.INFARCT: last.signed.infarct_volume_ml or 0.0,
                Label.BLOOD_IN_INFARCT: last.signed.haemorrhage_in_infarct_ml or 0.0,
            },
            made_of=f"{last.signed.mask_sha256} {version} {found.read_status}",
            signed=Signed(
                reader_id=self._reader_id_of(one.reader),
                read_status=found.read_status,
                drawing=_drawing_of(labels, automatic.labels),
            ),
            signed_at=datetime.fromisoformat(last.at_utc),
        )

    def _labels(self, last: Signature, read: Read, image: Volume) -> Volume:
        """Labels as they were signed, proved to be of this image and of the signed volume."""
        signed = last.signed
        if signed.image_sha256 != read.sha256_of(read.modality.contrast):
            raise StoreError("people read another image than it is measured on now")
        if self._ledger is None or signed.mask_sha256 is None:
            raise AssertionError("an assessed read has a mask in the ledger")
        labels = unpack_mask(self._ledger.blob(signed.mask_sha256))
        if labels.shape != image.shape:
            raise StoreError(f"the signed mask has {labels.shape} voxels, its image {image.shape}")
        volume = image.with_data(labels)
        found_ml = infarct_numbers(volume).infarct_volume_ml
        if abs(found_ml - (signed.infarct_volume_ml or 0.0)) > _SAME_ML:
            told = f"found {found_ml} mL, signed {signed.infarct_volume_ml} mL"
            raise StoreError(f"the signed mask has not the volume that was signed: {told}")
        return volume


@contextmanager
def accepted_masks(layout: Layout, reader_id_of: Callable[[str], str]) -> Iterator[AcceptedMasks]:
    """Open what people signed under OUT; nothing where nobody reads."""
    if not layout.ledger.exists():
        yield AcceptedMasks(Room(), None, reader_id_of)
        return
    with read_ledger(layout.ledger) as ledger:
        yield AcceptedMasks(fold(ledger.entries()), ledger, reader_id_of)


def automatic_mask(read: Read, labels: Volume) -> CaseMask:
    """Return the method's mask of a case."""
    return CaseMask(
        name=_NAME_OF_AUTOMATIC,
        told="automatic",
        labels=labels,
        volumes_ml={
            Label.INFARCT: read.measurement.infarct_volume_ml,
            Label.BLOOD_IN_INFARCT: read.measurement.haemorrhage_in_infarct_ml,
        },
        made_of=read.sha256_of(_MASK_ROLE),
    )


def _told_why(automatic: CaseMask, found: Awaiting | None) -> CaseMask:
    """Say beside an automatic mask why no accepted one is there."""
    if found is None:
        return automatic
    return replace(automatic, told=f"automatic: {found.awaited.value.replace('_', ' ')} awaited")


def _drawing_of(labels: Volume, automatic: Volume) -> Drawing:
    """Whether anything of a mask is the method's: every read begins with the method's mask."""
    mask = np.asarray(labels.data) != 0
    is_shared = bool((mask & (np.asarray(automatic.data) != 0)).any())
    return Drawing.CORRECTED if is_shared or not mask.any() else Drawing.BY_HAND
