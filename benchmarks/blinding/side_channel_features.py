"""What can be seen of a case without looking at a pixel, as numbers and words by channel."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np
import pydicom
from nibabel import Nifti1Header
from pydicom.dataset import Dataset

from benchmarks.blinding.side_channel_trial import Subject

Value = float | str
Features = dict[str, Value]
Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_HEADER_BYTES = 348
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_PNG_HEAD_BYTES = 41
_LONGEST_VALUE = 64


class Channel(StrEnum):
    """One way in which something may be told."""

    NAMES = "names and codes"
    SIZES = "sizes"
    TIMES = "times"
    ORDER = "order"
    HEADERS = "headers and records"
    ALL = "all together"


Seen = dict[Channel, Features]
"""What one case shows, by channel."""


def seen_in_out(out: Path, codes: Sequence[str]) -> list[Seen]:
    """Return what a reader or a file browser sees of each case under OUT.

    File states are taken before any file is opened.

    Parameters
    ----------
    out
        A finished OUT.
    codes
        Subject codes, one case each.
    """
    listed = [entry.name for entry in os.scandir(out)]
    tree = {code: sorted(_below(out / f"sub-{code}")) for code in codes}
    born = _births([path for paths in tree.values() for path in paths])
    seen = [
        {
            Channel.NAMES: _code_features(code, codes) | _name_features(tree[code], code),
            Channel.SIZES: _sizes(tree[code], code),
            Channel.TIMES: _times(tree[code], code, born),
            Channel.ORDER: _inodes(tree[code], code)
            | {"place in folder": float(listed.index(f"sub-{code}"))},
            Channel.HEADERS: {},
        }
        for code in codes
    ]
    places, cells = _tables(out, codes)
    for code, of_case in zip(codes, seen, strict=True):
        of_case[Channel.ORDER] |= places[code]
        of_case[Channel.HEADERS] |= cells[code] | _contents(tree[code], code)
    return seen


def seen_in_delivery(subjects: Sequence[Subject], folders: Sequence[Path]) -> list[Seen]:
    """Return what the same eyes would see of each subject in what sites sent.

    Parameters
    ----------
    subjects
        One case each.
    folders
        Where each one's files lie.
    """
    order = {folder: place for place, folder in enumerate(sorted(folders))}
    seen = []
    for subject, folder in zip(subjects, folders, strict=True):
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        names = {f"word {word}": 1.0 for path in (folder, *paths) for word in _split(path.name)}
        sizes = [float(path.stat().st_size) for path in paths]
        seen.append(
            {
                Channel.NAMES: names | {f"folder {folder.parent.name}": 1.0},
                Channel.SIZES: {
                    "files": float(len(paths)),
                    "bytes": sum(sizes),
                    "largest": max(sizes),
                    "smallest": min(sizes),
                },
                Channel.TIMES: {"mtime": paths[0].stat().st_mtime} | _weekday(subject),
                Channel.ORDER: {
                    "place in folder": float(order[folder]),
                    "inode": float(folder.stat().st_ino),
                },
                Channel.HEADERS: _dicom_features(_largest(paths)),
            }
        )
    return seen


def _below(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")


def _role(path: Path, code: str) -> str:
    return path.name.replace(code, "*")


def _code_features(code: str, codes: Sequence[str]) -> Features:
    found: Features = {"length": float(len(code)), "rank": float(sorted(codes).index(code))}
    for place, sign in enumerate(code):
        found[f"sign {place} {sign}"] = 1.0
        found[f"sign {place}"] = float(ord(sign))
    return found


def _name_features(paths: Iterable[Path], code: str) -> Features:
    return {f"name {_role(path, code)}": 1.0 for path in paths}


def _sizes(paths: Iterable[Path], code: str) -> Features:
    found: Features = {}
    for path in paths:
        state, role = path.stat(), _role(path, code)
        found[f"bytes {role}"] = float(state.st_size)
        found[f"blocks {role}"] = float(state.st_blocks)
    return found


def _times(paths: Iterable[Path], code: str, born: dict[Path, float]) -> Features:
    found: Features = {}
    for path in paths:
        state, role = path.stat(), _role(path, code)
        found[f"modified {role}"] = float(state.st_mtime_ns)
        found[f"opened {role}"] = float(state.st_atime_ns)
        found[f"changed {role}"] = float(state.st_ctime_ns)
        found[f"born {role}"] = born.get(path, 0.0)
    return found


def _inodes(paths: Iterable[Path], code: str) -> Features:
    return {f"inode {_role(path, code)}": float(path.stat().st_ino) for path in paths}


def _births(paths: Sequence[Path]) -> dict[Path, float]:
    """Ask the system for times of creation, which Python does not tell on Linux."""
    done = subprocess.run(  # noqa: S603 - fixed program, our own paths
        ["stat", "--format=%.9W", *map(str, paths)],  # noqa: S607 - the system's own
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.split()
    if len(lines) != len(paths):
        return {}
    return {path: float(line) for path, line in zip(paths, lines, strict=True)}


def _tables(out: Path, codes: Sequence[str]) -> tuple[dict[str, Features], dict[str, Features]]:
    """Place of each case in every table and page, and its cells."""
    places: dict[str, Features] = defaultdict(dict)
    cells: dict[str, Features] = defaultdict(dict)
    for table in sorted(out.glob("*.csv")):
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        for place, row in enumerate(rows):
            code = row["subject_code"]
            places[code][f"row in {table.name}"] = float(place)
            cells[code] |= {
                f"{table.name} {name}": _number_or_word(text)
                for name, text in row.items()
                if name != "subject_code"
            }
    page = (out / "qa" / "index.html").read_text("utf-8")
    for code in codes:
        places[code]["place on page"] = float(page.find(f"case-{code}-"))
    return places, cells


def _contents(paths: Iterable[Path], code: str) -> Features:
    found: Features = {}
    for path in paths:
        role = _role(path, code)
        if path.name.endswith(".nii.gz"):
            found |= _nifti_features(path, role)
        elif path.suffix == ".json":
            found |= dict(_flat(json.loads(path.read_text("utf-8")), role, code))
        elif path.suffix == ".png":
            found |= {
                f"{role} {place}": float(b)
                for place, b in enumerate(path.read_bytes()[:_PNG_HEAD_BYTES])
            }
    return found


def _nifti_features(path: Path, role: str) -> Features:
    with path.open("rb") as stream:
        found: Features = {f"{role} gzip {n}": float(b) for n, b in enumerate(stream.read(10))}
    with gzip.open(path) as unpacked:
        header = Nifti1Header(unpacked.read(_HEADER_BYTES), check=False)
    for name in header:
        for place, value in enumerate(np.ravel(header[name])):
            is_number = np.issubdtype(np.asarray(value).dtype, np.number)
            found[f"{role} {name} {place}"] = float(value) if is_number else str(value)
    return found


def _flat(content: Json, name: str, code: str) -> Iterator[tuple[str, Value]]:
    """Every leaf of a JSON text under a name of its own, keys' presence included."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _flat(value, f"{name} {key}", code)
    elif isinstance(content, list):
        yield f"{name} length", float(len(content))
        for place, value in enumerate(content):
            yield from _flat(value, f"{name} {place}", code)
    elif isinstance(content, str) and _DIGEST.fullmatch(content):
        yield name, float(int(content[:8], 16))
    elif isinstance(content, str):
        yield name, content.replace(code, "*")[:_LONGEST_VALUE]
    else:
        yield name, -1.0 if content is None else float(content)


def _number_or_word(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text[:_LONGEST_VALUE]


def _weekday(subject: Subject) -> Features:
    return {"weekday": float(subject.moment.weekday()), "hour": float(subject.moment.hour)}


def _largest(paths: Iterable[Path]) -> Path:
    """Return a file of the series that would be measured on, or of one like it."""
    return max(paths, key=lambda path: path.stat().st_size)


def _dicom_features(path: Path) -> Features:
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    return dict(_elements(dataset)) | dict(_elements(dataset.file_meta))


def _elements(dataset: Dataset) -> Iterator[tuple[str, Value]]:
    for element in dataset.iterall():
        name = element.keyword or str(element.tag)
        yield f"length {name}", float(len(str(element.value)))
        yield name, _number_or_word(str(element.value))
        for word in _split(str(element.value)[:_LONGEST_VALUE]):
            yield f"{name} has {word}", 1.0


def _split(text: str) -> list[str]:
    return [word for word in _WORDS.split(text) if word]
