"""A delivery with a canary in every public text attribute, and yet one that can be measured.

A CT and two diffusion studies of the synthetic sample, one of them of multi-frame objects, are
written anew. Each image carries some dozens of canaries, and all images together every attribute
at top level, in a sequence and in a private block.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from datetime import time as clock
from itertools import cycle
from pathlib import Path, PurePosixPath

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from benchmarks.blinding.canary import FORM_OF_VR, Canary, Form, Mint, Place, value_of
from benchmarks.blinding.canary_attributes import (
    OF_FILE,
    OF_SERIES,
    OF_STUDY,
    ON_CT,
    ON_MR,
    UNPLANTED_IN_SEQUENCE,
    Attribute,
    byte_attributes,
    repeating_attributes,
    spread,
    text_attributes,
)
from benchmarks.blinding.canary_odd import (
    add_annotation,
    add_bytes,
    add_drawings,
    add_file_meta,
    add_private,
    comment_pixels,
    encapsulated_document,
    lengthen_native_pixels,
    secondary_capture,
)

_CONTAINERS = (
    ("RequestAttributesSequence",),
    ("ProcedureCodeSequence",),
    ("ReferencedStudySequence",),
    ("AnatomicRegionSequence", "AnatomicRegionModifierSequence"),
    ("OtherPatientIDsSequence",),
    ("PerformedProtocolCodeSequence", "ProtocolContextSequence"),
)
"""Where nested canaries stand: sequences that PS3.15 lists, and others, one and two deep."""
_YEARS_OF_FILES = (1905, 1965)
_YEARS_OF_MEMBERS = (1981, 1999)
_EXTRA_FIELD = 0x5A51
SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study of the sample that is planted, and what the trial calls it."""

    folder: str
    subject_code: str
    visit: str


STUDIES = (
    Study(folder="Soerbye_Ingeborg MRN-2225682", subject_code="LDJGHF", visit="fu24h"),
    Study(folder="Delacourt_Rosamund 009809779", subject_code="GYC4D4", visit="fu24h"),
    Study(folder="CD MRN-7113417 2024-06-24", subject_code="TPGCGY", visit="fu24h"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A delivery full of canaries.

    Parameters
    ----------
    incoming
        The folder to run.
    subjects_file
        Subject codes of its patients.
    canaries
        Everything that was planted.
    images
        Files of the measured images, below the folder as it was before it was packed.
    """

    incoming: Path
    subjects_file: Path
    canaries: tuple[Canary, ...]
    images: tuple[PurePosixPath, ...]

    def absent(self) -> list[Canary]:
        """Canaries that do not stand where they were planted."""
        contents = self._contents()
        return [c for c in self.canaries if not self._stands(c, contents)]

    def _contents(self) -> dict[PurePosixPath, bytes]:
        """Every file by where it lay before it was packed, and every archive with its extras."""
        found: dict[PurePosixPath, bytes] = {}
        for path in (p for p in self.incoming.rglob("*") if p.is_file()):
            found[PurePosixPath(path.relative_to(self.incoming).as_posix())] = path.read_bytes()
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    for member in archive.infolist():
                        found[PurePosixPath(member.filename)] = archive.read(member)
        return found

    def _stands(self, canary: Canary, contents: dict[PurePosixPath, bytes]) -> bool:
        path = self.incoming / canary.file
        if canary.place in {Place.FILE_NAME, Place.FOLDER_NAME}:
            return canary.text in f"{self.incoming.name}/{canary.file}"
        if canary.place is Place.FILE_TIME:
            return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y%m%d}" == canary.text
        if canary.place is Place.ARCHIVE:
            return canary.text in _labels(path)
        return value_of(canary).encode() in contents[canary.file]


def _labels(path: Path) -> str:
    """Name, comments, extra fields and member days of an archive."""
    with zipfile.ZipFile(path) as archive:
        parts = [path.name, archive.comment.decode()]
        for member in archive.infolist():
            year, month, day, *_ = member.date_time
            parts += [f"{year}{month:02}{day:02}", member.comment.decode(), repr(member.extra)]
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class _Image:
    """One image on its way into the delivery."""

    dataset: Dataset
    file: PurePosixPath
    study: str
    series: str
    is_ct: bool


class Planter:
    """Draws canaries and remembers them."""

    def __init__(self, seed: int) -> None:
        self.mint = Mint(seed)
        self.canaries: list[Canary] = []

    def plant(self, place: Place, name: str, vr: str, file: PurePosixPath) -> Canary:
        """Draw a canary that is legal for a VR."""
        form = FORM_OF_VR.get(vr, Form.WORD)
        text = self.mint.draw(form)
        canary = Canary(text=text, form=form, place=place, name=name, vr=vr, file=file)
        self.canaries.append(canary)
        return canary

    def word(self, place: Place, name: str, file: PurePosixPath) -> str:
        """Draw a word for a place that has no VR."""
        return self.plant(place, name, "", file).text

    def day(self, place: Place, name: str, file: PurePosixPath, years: tuple[int, int]) -> datetime:
        """Draw a day that files can bear as their time."""
        day = datetime.combine(self.mint.day(years), clock(12), UTC)
        text = f"{day:%Y%m%d}"
        self.canaries.append(
            Canary(text=text, form=Form.DATE, place=place, name=name, vr="", file=file)
        )
        return day


def plant_delivery(sample: Path, folder: Path, *, seed: int = SEED) -> Planted:
    """Write a planted delivery of loose files.

    Parameters
    ----------
    sample
        ``sample_data``.
    folder
        A new folder; the delivery's own name below it is a canary.
    seed
        Same seed, same canaries.
    """
    planter = Planter(seed)
    incoming = folder / planter.word(Place.FOLDER_NAME, "delivery", PurePosixPath())
    images = [image for study in STUDIES for image in _received(sample, study, planter)]
    _plant_top(images, planter)
    _plant_nested(images, planter)
    _plant_private(images, planter)
    _plant_odd(images, planter)
    for image in images:
        _write(incoming, image.dataset, image.file)
    for image in _first_of_each_series(images):
        word = planter.word(Place.BEHIND_PIXELS, "end of file", image.file)
        with (incoming / image.file).open("ab") as stream:
            stream.write(word.encode())
    _write_beside(incoming, images, planter)
    for path in sorted(p for p in incoming.rglob("*") if p.is_file()):
        file = PurePosixPath(path.relative_to(incoming).as_posix())
        _set_time(path, planter.day(Place.FILE_TIME, "modified", file, _YEARS_OF_FILES))
    subjects = folder / "subjects.csv"
    subjects.write_text(_crosswalk(images), encoding="utf-8")
    return Planted(
        incoming=incoming,
        subjects_file=subjects,
        canaries=tuple(planter.canaries),
        images=tuple(image.file for image in images),
    )


def packed(planted: Planted, *, seed: int = SEED + 1) -> Planted:
    """Put the last study into a zip archive whose name, comments and times are canaries too."""
    planter = Planter(seed)
    folder = planted.incoming / planted.images[-1].parts[0]
    name = PurePosixPath(planter.word(Place.ARCHIVE, "name", PurePosixPath()) + ".zip")
    planter.canaries = [replace(c, file=name) for c in planter.canaries]
    with zipfile.ZipFile(planted.incoming / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = planter.word(Place.ARCHIVE, "comment", name).encode()
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            _pack(archive, path, path.relative_to(planted.incoming).as_posix(), name, planter)
            path.unlink()
    for below in sorted(folder.rglob("*"), reverse=True):
        below.rmdir()
    folder.rmdir()
    day = planter.day(Place.FILE_TIME, "modified", name, _YEARS_OF_FILES)
    _set_time(planted.incoming / name, day)
    kept = [c for c in planted.canaries if not _is_time_of(c, folder.name)]
    return replace(planted, canaries=(*kept, *planter.canaries))


def _is_time_of(canary: Canary, folder: str) -> bool:
    """Whether a canary is the time of a loose file in a folder, which a member's replaces."""
    return canary.place is Place.FILE_TIME and canary.file.parts[0] == folder


def _pack(
    archive: zipfile.ZipFile, path: Path, member: str, name: PurePosixPath, planter: Planter
) -> None:
    day = planter.day(Place.ARCHIVE, "member time", name, _YEARS_OF_MEMBERS)
    entry = zipfile.ZipInfo(member, (day.year, day.month, day.day, 12, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.comment = planter.word(Place.ARCHIVE, "member comment", name).encode()
    extra = planter.word(Place.ARCHIVE, "extra field", name).encode()
    entry.extra = struct.pack("<HH", _EXTRA_FIELD, len(extra)) + extra
    archive.writestr(entry, path.read_bytes())


def _received(sample: Path, study: Study, planter: Planter) -> Iterator[_Image]:
    """Images of a study of the sample, each under a name that is a canary."""
    top = sample / "incoming" / study.folder
    names: dict[Path, PurePosixPath] = {top: _folder(planter, PurePosixPath())}
    for path in sorted(p for p in top.rglob("*") if p.is_file()):
        if path.parent not in names:
            names[path.parent] = _folder(planter, names[top])
        word = planter.word(Place.FILE_NAME, "image", PurePosixPath())
        file = names[path.parent] / f"{word}.dcm"
        planter.canaries[-1] = replace(planter.canaries[-1], file=file)
        dataset = pydicom.dcmread(path)
        yield _Image(
            dataset, file, study.folder, str(dataset.SeriesInstanceUID), dataset.Modality == "CT"
        )


def _folder(planter: Planter, above: PurePosixPath) -> PurePosixPath:
    word = planter.word(Place.FOLDER_NAME, "folder", PurePosixPath())
    planter.canaries[-1] = replace(planter.canaries[-1], file=above / word)
    return above / word


def _plant_top(images: list[_Image], planter: Planter) -> None:
    attributes = text_attributes()
    for key, shared in (("study", OF_STUDY), ("series", OF_SERIES), ("file", OF_FILE)):
        groups: dict[str, list[_Image]] = {}
        for image in images:
            groups.setdefault(str(getattr(image, key)), []).append(image)
        for attribute in (a for a in attributes if a.keyword in shared):
            for group in groups.values():
                _set_on_all(group, attribute, planter)
    turns = {
        "ct": cycle([image for image in images if image.is_ct]),
        "mr": cycle([image for image in images if not image.is_ct]),
        "any": cycle(images),
    }
    for attribute in spread(attributes):
        image = next(turns[_carrier_of(attribute)])
        _set(image.dataset, attribute, planter.plant(Place.TOP, *_named(attribute), image.file))


def _carrier_of(attribute: Attribute) -> str:
    if attribute.keyword in ON_CT:
        return "ct"
    return "mr" if attribute.keyword in ON_MR else "any"


def _set_on_all(images: list[_Image], attribute: Attribute, planter: Planter) -> None:
    canary = planter.plant(Place.TOP, *_named(attribute), images[0].file)
    for image in images:
        _set(image.dataset, attribute, canary)


def _named(attribute: Attribute) -> tuple[str, str]:
    return attribute.keyword or f"{attribute.tag:08X}", attribute.vr


def _set(dataset: Dataset, attribute: Attribute, canary: Canary) -> None:
    value: str | list[str] = value_of(canary)
    if attribute.keyword == "ImageType":
        value = [*dataset.ImageType, canary.text]
    dataset[attribute.tag] = DataElement(attribute.tag, attribute.vr, value)
    if attribute.keyword == "SOPInstanceUID":
        dataset.file_meta.MediaStorageSOPInstanceUID = value


def _plant_nested(images: list[_Image], planter: Planter) -> None:
    attributes = [a for a in text_attributes() if a.keyword not in UNPLANTED_IN_SEQUENCE]
    containers = cycle(_CONTAINERS)
    for first, image in enumerate(images):
        item = Dataset()
        for attribute in attributes[first :: len(images)]:
            canary = planter.plant(Place.NESTED, *_named(attribute), image.file)
            _set_plain(item, attribute, canary)
        for keyword in reversed(next(containers)):
            outer = Dataset()
            setattr(outer, keyword, [item])
            item = outer
        image.dataset.update(item)


def _set_plain(item: Dataset, attribute: Attribute, canary: Canary) -> None:
    item[attribute.tag] = DataElement(attribute.tag, attribute.vr, value_of(canary))


def _plant_private(images: list[_Image], planter: Planter) -> None:
    attributes = text_attributes()
    for first, image in enumerate(images):
        mine = attributes[first :: len(images)]
        creator = planter.word(Place.PRIVATE_CREATOR, "creator", image.file)
        block = image.dataset.private_block(0x0011, creator, create=True)
        for offset, attribute in enumerate(mine, start=1):
            canary = planter.plant(Place.PRIVATE, *_named(attribute), image.file)
            block.add_new(offset, attribute.vr, value_of(canary))


def _plant_odd(images: list[_Image], planter: Planter) -> None:
    for number, image in enumerate(images):
        dataset, file = image.dataset, image.file
        add_private(dataset, file, planter)
        add_file_meta(dataset, file, planter)
        spoil_pixels = comment_pixels if number else lengthen_native_pixels
        spoil_pixels(dataset, file, planter)
        for attribute in byte_attributes()[number :: len(images)]:
            add_bytes(dataset, attribute, file, planter)
    for image in _first_of_each_series(images):
        add_annotation(image.dataset, image.file, planter)
        add_drawings(image.dataset, repeating_attributes(), image.file, planter)


def _first_of_each_series(images: list[_Image]) -> list[_Image]:
    return list({image.series: image for image in reversed(images)}.values())


def _write_beside(incoming: Path, images: list[_Image], planter: Planter) -> None:
    """Write what lies in a delivery beside its images, and is measured by nobody."""
    model = images[0].dataset
    for make in (encapsulated_document, secondary_capture):
        word = planter.word(Place.FILE_NAME, "object", PurePosixPath())
        file = images[0].file.parent / f"{word}.dcm"
        planter.canaries[-1] = replace(planter.canaries[-1], file=file)
        _write(incoming, make(model, file, planter), file)
    file = PurePosixPath("README.txt")
    note = planter.word(Place.OTHER_OBJECT, "text file", file)
    (incoming / file).write_text(f"images of {note}\n", encoding="utf-8")


def _write(incoming: Path, dataset: Dataset, file: PurePosixPath) -> None:
    path = incoming / file
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def _set_time(path: Path, moment: datetime) -> None:
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def _crosswalk(images: list[_Image]) -> str:
    lines = ["patient_id,subject_code,visit,study_instance_uid"]
    for study in STUDIES:
        dataset = next(image.dataset for image in images if image.study == study.folder)
        patient, uid = dataset.PatientID, dataset.StudyInstanceUID
        lines.append(f"{patient},{study.subject_code},{study.visit},{uid}")
    return "\n".join(lines) + "\n"
