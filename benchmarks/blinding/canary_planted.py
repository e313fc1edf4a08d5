"""A delivery full of canaries, and the proof that each of them stands in it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from benchmarks.blinding.canary import Canary, Place, value_of


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
