"""A case's mask and volume as DICOM objects that refer to the images a site sent.

They name the patient and the study, so that they are made on the vault's side and lie where the
data manager says, never in OUT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from corelab.blinding.vault import Vault
from corelab.choosing.directions import direction_sets, images_of
from corelab.dicom.header import FileHeader
from corelab.dicom.index import index_headers
from corelab.dicom.received import read_received
from corelab.dicom.segmentation_object import Finding, Segment, dicom_objects
from corelab.errors import ReasonCode, StoreError, UnfitDataError
from corelab.series import Series, SourceVersion
from corelab.stages.read import files_of
from corelab.store.files import sha256_of, write_private_bytes
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask
from corelab.store.record import load_read
from corelab.vocab import LABEL_VALUE, Case, Label, Read
from corelab.volume import Volume
from pipelines.dicom_masks import CaseMask, accepted_masks, automatic_mask
from pipelines.sources import is_of_version

_MASK_ROLE = "infarct_mask"
_SAME_PLACE_MM = 0.05
_READER_ID_DIGITS = 8

MasksOf = Callable[[Read, CaseMask], tuple[CaseMask, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomFiles:
    """Both files of a mask, and whose mask it is."""

    segmentation: Path
    report: Path
    told: str


class DicomWriter:
    """Writes segmentations and reports of cases; an unchanged case gives the same bytes.

    Parameters
    ----------
    layout
        Where OUT lies.
    vault
        The one that the reads were made with.
    masks_of
        Gives, of a read and its automatic mask, the masks that are written.
    """

    def __init__(self, layout: Layout, vault: Vault, masks_of: MasksOf) -> None:
        self._layout = layout
        self._vault = vault
        self._masks_of = masks_of

    @classmethod
    @contextmanager
    def of_automatic(cls, layout: Layout, vault: Vault) -> Iterator[DicomWriter]:
        """Open a writer of the method's masks, whoever read."""
        yield cls(layout, vault, lambda _read, automatic: (automatic,))

    @classmethod
    @contextmanager
    def of_accepted(cls, layout: Layout, vault: Vault) -> Iterator[DicomWriter]:
        """Open a writer of what people signed, and of the method's masks where nothing is accepted.

        Raises
        ------
        StoreError
            When the ledger of reads cannot be read.
        """
        with accepted_masks(layout, lambda name: _reader_id(vault, name)) as accepted:
            yield cls(layout, vault, accepted.of)

    def write(self, case: Case, folder: Path) -> tuple[DicomFiles, ...]:
        """Write the files of a case that has a read into a folder, two a mask.

        Raises
        ------
        StoreError
            When OUT or the delivery is not as it was when the case was measured or read, or
            nothing of it can be written.
        UnfitDataError
            When a file cannot be read, or DICOM has no way to refer to what the case was
            measured on.
        """
        read = load_read(self._layout.read(case))
        automatic = automatic_mask(read, _labels(read, self._layout))
        masks = self._masks_of(read, automatic)
        measured_on = _measured_on(read, self._vault)
        source = _source(measured_on, self._vault)
        _check_place(automatic.labels, source)
        return tuple(
            self._written(mask, read, measured_on=measured_on, source=source, folder=folder)
            for mask in masks
        )

    def _written(
        self,
        mask: CaseMask,
        read: Read,
        *,
        measured_on: SourceVersion,
        source: Series,
        folder: Path,
    ) -> DicomFiles:
        stem, vault = read.case.stem, self._vault
        made_of = _made_of(mask, read, measured_on)
        objects = dicom_objects(
            Finding(
                source=source,
                segments=_segments(mask),
                signed=mask.signed,
                method=read.method,
                software_version=read.software_version,
                device_serial=read.config_digest,
                measured_at=mask.signed_at or _measured_at(measured_on, vault),
                tracking_uid_of=lambda label: vault.uid_of(f"{stem} {label}"),
                uid_of=lambda text: vault.uid_of(f"{made_of} {text}"),
            )
        )
        files = DicomFiles(
            segmentation=folder / f"{stem}_desc-{mask.name}_seg.dcm",
            report=folder / f"{stem}_desc-{mask.name}_report.dcm",
            told=mask.told,
        )
        write_private_bytes(files.segmentation, objects.segmentation)
        write_private_bytes(files.report, objects.report)
        return files


def _labels(read: Read, layout: Layout) -> Volume:
    """Labels that a read's volume was measured on, proved to be these very files."""
    contrast = read.modality.contrast
    files = files_of(layout, read.case, (contrast,))
    digests = {digest.role: digest.sha256 for digest in read.digests}
    for role in (contrast.value, _MASK_ROLE):
        if not files[role].is_file() or sha256_of(files[role]) != digests[role]:
            raise StoreError(f"{files[role].name} is not the file that the case's read rests on")
    image = load_image(files[contrast.value])
    return image.with_data(load_mask(files[_MASK_ROLE], image))


def _measured_on(read: Read, vault: Vault) -> SourceVersion:
    """Pixels that a read was measured on, as the vault keeps them."""
    for known in vault.versions.of(read.case):
        measured = [source for source in known.sources if source.is_measured]
        if known.number == read.version and measured:
            return measured[0]
    raise StoreError(
        f"the vault does not know what version {read.version} of its read was measured on: "
        "is it the vault of this OUT?"
    )


def _source(measured_on: SourceVersion, vault: Vault) -> Series:
    """Part of the delivered series that a mask lies on, proved by its pixels."""
    paths = vault.files_of_series((measured_on.study_uid, measured_on.series_uid))
    headers = _headers(paths)
    parts = [part for part in index_headers(headers).series if part.refusal is None and part.grid]
    for image in images_of(parts, direction_sets(parts)):
        if is_of_version(image, measured_on):
            return image.sources[0]
    raise StoreError(
        "the delivered files are not those that the case was measured on: their pixels differ"
    )


def _headers(paths: Sequence[Path]) -> list[FileHeader]:
    records = {path: read_received(path) for path in paths}
    headers = [record for record in records.values() if isinstance(record, FileHeader)]
    if len(headers) < len(paths) or not paths:
        first = next((p for p, r in records.items() if not isinstance(r, FileHeader)), "none known")
        raise StoreError(
            f"{len(paths) - len(headers)} of {len(paths)} delivered files cannot be read where the "
            f"vault saw them last: {first}"
        )
    return headers


def _check_place(labels: Volume, source: Series) -> None:
    """Refuse a mask whose slices do not lie where the source's do."""
    if source.grid is None:
        raise AssertionError("a source has a grid")
    grid = source.grid
    stack = _empty_stack(grid.shape, grid.affine, grid.slice_positions_mm)
    if not labels.same_grid(stack, tolerance_mm=_SAME_PLACE_MM):
        message = f"the mask {labels.shape} does not lie where the {grid.shape} source does"
        raise UnfitDataError(ReasonCode.GRIDS_DIFFER, message)


def _empty_stack(
    shape: tuple[int, int, int],
    affine: Sequence[Sequence[float]],
    slice_positions_mm: Sequence[float] | None,
) -> Volume:
    """Grid without an image, to compare places with."""
    return Volume(
        data=np.broadcast_to(np.uint8(0), shape),
        affine=np.array(affine),
        slice_positions_mm=None if slice_positions_mm is None else np.array(slice_positions_mm),
    )


def _segments(mask: CaseMask) -> tuple[Segment, ...]:
    """Segment the infarct, blood inside it included, and that blood where there is any."""
    values = np.asarray(mask.labels.data)
    blood = values == LABEL_VALUE[Label.BLOOD_IN_INFARCT]
    parts = {Label.INFARCT: values != 0}
    if blood.any():
        parts[Label.BLOOD_IN_INFARCT] = blood
    return tuple(
        Segment(label=label, mask=part, volume_ml=mask.volumes_ml[label])
        for label, part in parts.items()
    )


def _made_of(mask: CaseMask, read: Read, measured_on: SourceVersion) -> str:
    """Name all that the bytes of both files hang on, but for what the source's header says."""
    made_with = (read.method, read.software_version, read.config_digest)
    writers = (version("corelab"), version("highdicom"))
    return " ".join((read.case.stem, measured_on.digest, mask.made_of, *made_with, *writers))


def _reader_id(vault: Vault, name: str) -> str:
    """Return what stands for a reader: a keyed digest, which nobody undoes without the vault."""
    number = int(vault.uid_of(f"reader {name}").rsplit(".", 1)[1])
    return f"{number:032x}"[:_READER_ID_DIGITS]


def _measured_at(measured_on: SourceVersion, vault: Vault) -> datetime:
    moment = vault.measured_at(measured_on)
    if moment is None:
        raise StoreError("the vault does not know when the case was measured")
    return moment
