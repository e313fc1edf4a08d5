"""A planted study in an archive, whose name, comments, extra fields and times are canaries too."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import replace
from pathlib import PurePosixPath

from benchmarks.blinding.canary import Canary, Place
from benchmarks.blinding.canary_planted import Planted
from benchmarks.blinding.canary_planter import YEARS_OF_FILES, Planter, set_time

_YEARS_OF_MEMBERS = (1981, 1999)
_EXTRA_FIELD = 0x5A51


def packed(planted: Planted, *, seed: int = 21) -> Planted:
    """Put the last study into a zip archive whose name, comments and times are canaries too."""
    planter = Planter(seed)
    folder = planted.incoming / planted.images[-1].parts[0]
    name = PurePosixPath(planter.word(Place.ARCHIVE, "name", PurePosixPath()) + ".zip")
    planter.canaries = [replace(c, file=name) for c in planter.canaries]
    with zipfile.ZipFile(planted.incoming / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = planter.word(Place.ARCHIVE, "comment", name).encode()
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            member = path.relative_to(planted.incoming).as_posix()
            archive.writestr(_labelled(member, name, planter), path.read_bytes())
            path.unlink()
    for below in sorted(folder.rglob("*"), reverse=True):
        below.rmdir()
    folder.rmdir()
    day = planter.day(Place.FILE_TIME, "modified", name, YEARS_OF_FILES)
    set_time(planted.incoming / name, day)
    kept = [c for c in planted.canaries if not _is_time_of(c, folder.name)]
    return replace(planted, canaries=(*kept, *planter.canaries))


def _is_time_of(canary: Canary, folder: str) -> bool:
    """Whether a canary is the time of a loose file in a folder, which a member's replaces."""
    return canary.place is Place.FILE_TIME and canary.file.parts[0] == folder


def _labelled(member: str, name: PurePosixPath, planter: Planter) -> zipfile.ZipInfo:
    """Entry of an archive with a canary as its time, its comment and its extra field."""
    day = planter.day(Place.ARCHIVE, "member time", name, _YEARS_OF_MEMBERS)
    entry = zipfile.ZipInfo(member, (day.year, day.month, day.day, 12, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.comment = planter.word(Place.ARCHIVE, "member comment", name).encode()
    extra = planter.word(Place.ARCHIVE, "extra field", name).encode()
    entry.extra = struct.pack("<HH", _EXTRA_FIELD, len(extra)) + extra
    return entry
