"""What one received file says of itself: small frozen records, fit to cross processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from corelab.dicom.attribute import attributes_of
from corelab.dicom.element import Elements
from corelab.dicom.extent import pixel_fault
from corelab.dicom.frame import FrameHeader, read_frames
from corelab.dicom.leaktext import identifying_texts, loose_texts
from corelab.dicom.lossy import is_lossy
from corelab.dicom.matrix import Matrix, read_matrix, size_fault
from corelab.dicom.moment import read_moment
from corelab.dicom.mosaic import Tiling, read_tiling, tile_frames
from corelab.dicom.parse import Parsed, parse, read_behind
from corelab.dicom.sopclass import IMAGE_CLASSES
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Attribute, Identifier, LooseFile, Refusal

_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who and which scan an object says it belongs to."""

    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    study_uid: str
    series_uid: str
    sop_uid: str
    frame_of_reference_uid: str
    acquired_at: datetime | None
    series_number: int | None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What tells the kind of an image."""

    kernel: str
    contrast_agent: str
    texts: tuple[str, ...]
    manufacturer: str
    is_lossy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """One DICOM object that names its series. ``fault`` says why it cannot be measured.

    ``texts`` are what the leak audit looks for, ``attributes`` what the object holds before its
    pixels; ``frames`` is empty where they could not be read, and holds one frame a tile where
    ``tiling`` says that the object is a sheet.
    """

    path: Path
    owner: Owner
    texts: tuple[Identifier, ...]
    matrix: Matrix
    tiling: Tiling | None
    hints: Hints
    modality: str
    sop_class_uid: str
    transfer_syntax_uid: str
    instance_number: int | None
    acquisition_number: int | None
    images_in_acquisition: int | None
    kilovolts: float | None
    frames: tuple[FrameHeader, ...]
    fault: Refusal | None
    begins_as_program: bool
    attributes: tuple[Attribute, ...]

    @property
    def slice_shape(self) -> tuple[int, int]:
        """Rows and columns of one slice."""
        if self.tiling is None:
            return self.matrix.rows, self.matrix.columns
        return self.tiling.rows, self.tiling.columns


def read_header(path: Path) -> FileHeader | LooseFile:
    """Header of one received file; nothing that its bytes hold makes this raise.

    Parameters
    ----------
    path
        A regular file.

    Returns
    -------
    FileHeader or LooseFile
        A loose file is not DICOM, or does not say which series it belongs to.
    """
    try:
        parsed = parse(path)
        elements = Elements(parsed.dataset)
        owner = _owner(elements)
    except UnfitDataError as error:
        return LooseFile(path=path, refusal=Refusal.of(error))
    if not owner.series_uid or not owner.study_uid:
        return LooseFile(path=path, refusal=_homeless(parsed))
    return _header(path, parsed, elements, owner)


def _header(path: Path, parsed: Parsed, elements: Elements, owner: Owner) -> FileHeader:
    matrix = read_matrix(elements)
    sop_class_uid = elements.text("SOPClassUID")
    fault = (
        _class_fault(parsed, sop_class_uid)
        or size_fault(matrix)
        or pixel_fault(path, parsed, matrix)
    )
    texts: tuple[Identifier, ...] = ()
    tiling: Tiling | None = None
    frames: tuple[FrameHeader, ...] = ()
    try:
        texts = _texts(path, parsed, elements)
        if fault is None or fault.reason is not ReasonCode.SIZE_BEYOND_SCANNER:
            tiling = read_tiling(elements)
            frames = _frames(elements, matrix, tiling)
    except UnfitDataError as error:
        fault = fault or Refusal.of(error)
    return FileHeader(
        path=path,
        owner=owner,
        texts=texts,
        matrix=matrix,
        tiling=tiling,
        hints=_hints(elements, is_lossy=is_lossy(path, parsed, elements)),
        modality=elements.text("Modality").upper(),
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=parsed.transfer_syntax_uid,
        instance_number=elements.whole("InstanceNumber"),
        acquisition_number=elements.whole("AcquisitionNumber"),
        images_in_acquisition=elements.whole("ImagesInAcquisition"),
        kilovolts=elements.number("KVP"),
        frames=frames,
        fault=fault,
        begins_as_program=parsed.begins_as_program,
        attributes=attributes_of(parsed.dataset),
    )


def _texts(path: Path, parsed: Parsed, elements: Elements) -> tuple[Identifier, ...]:
    """Texts of all elements, of the preamble and of what follows the pixels."""
    loose = loose_texts(parsed.preamble) if parsed.preamble.strip(b"\0") else ()
    return identifying_texts(elements, parsed.meta) + loose + _behind(path, parsed)


def _behind(path: Path, parsed: Parsed) -> tuple[Identifier, ...]:
    """Texts behind pixels of known length; where compressed ones end is not asked here."""
    pixels = parsed.pixels
    if pixels is None or pixels.length is None or pixels.offset + pixels.length >= parsed.size:
        return ()
    return loose_texts(read_behind(path, parsed, pixels.offset + pixels.length))


def _homeless(parsed: Parsed) -> Refusal:
    """Why an object names no series: an image must, a directory or an odd object need not."""
    is_cut = parsed.is_cut or not parsed.dataset.tags()
    if is_cut or parsed.sop_class_uid in {"", *IMAGE_CLASSES}:
        message = "the header does not say which study and series the image belongs to"
        return Refusal(reason=ReasonCode.HEADER_CUT, message=message)
    message = "the object belongs to no series"
    return Refusal(reason=ReasonCode.UNSUPPORTED_CLASS, message=message)


def _class_fault(parsed: Parsed, sop_class_uid: str) -> Refusal | None:
    if not sop_class_uid:
        message = "the header does not say what the object is"
    elif sop_class_uid in IMAGE_CLASSES and parsed.pixels is None:
        message = "the file ends before its pixels"
    else:
        return None
    return Refusal(reason=ReasonCode.HEADER_CUT, message=message)


def _frames(elements: Elements, matrix: Matrix, tiling: Tiling | None) -> tuple[FrameHeader, ...]:
    frames = tuple(read_frames(elements))
    if len(frames) != matrix.n_frames:
        message = f"{matrix.n_frames} frames declared, {len(frames)} described"
        raise UnfitDataError(ReasonCode.UNSUPPORTED_LAYOUT, message)
    return frames if tiling is None else tile_frames(elements, tiling, frames[0])


def _owner(elements: Elements) -> Owner:
    return Owner(
        patient_id=elements.text("PatientID"),
        patient_name=elements.text("PatientName"),
        birth_date=elements.text("PatientBirthDate"),
        sex=elements.text("PatientSex").upper(),
        study_uid=elements.text("StudyInstanceUID"),
        series_uid=elements.text("SeriesInstanceUID"),
        sop_uid=elements.text("SOPInstanceUID"),
        frame_of_reference_uid=elements.text("FrameOfReferenceUID"),
        acquired_at=read_moment(elements),
        series_number=elements.whole("SeriesNumber"),
        description=elements.text("SeriesDescription"),
    )


# The slices of a series share one record, which then crosses processes once.
_shared_hints = lru_cache(maxsize=_REMEMBERED)(Hints)


def _hints(elements: Elements, *, is_lossy: bool) -> Hints:
    names = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
    texts = (elements.text(keyword) for keyword in names)
    return _shared_hints(
        kernel=_kernel(elements),
        contrast_agent=elements.text("ContrastBolusAgent"),
        texts=tuple(text for text in texts if text),
        manufacturer=elements.text("Manufacturer"),
        is_lossy=is_lossy,
    )


def _kernel(elements: Elements) -> str:
    """Kernel of a classic object, or of an enhanced one's reconstruction macro."""
    if elements.has("ConvolutionKernel"):
        return elements.text("ConvolutionKernel")
    shared = elements.item("SharedFunctionalGroupsSequence")
    reconstruction = shared.item("CTReconstructionSequence") if shared is not None else None
    return "" if reconstruction is None else reconstruction.text("ConvolutionKernel")
