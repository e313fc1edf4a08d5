"""Archives of a folder, in every format that sites send."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

from backports import zstd

FORMATS = ("zip", "stored.zip", "tar", "tar.gz", "tgz", "tar.zst")


def pack(folder: Path, target: Path) -> Path:
    """Put a folder into an archive; the target's ending says which kind."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if target.suffix == ".zip":
        is_stored = target.name.endswith("stored.zip")
        with zipfile.ZipFile(target, "w", 0 if is_stored else zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(folder))
        return target
    target.write_bytes(_compressed(tar_of(folder, files), target.name))
    return target


def tar_of(folder: Path, files: list[Path]) -> bytes:
    """Bytes of a plain tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, ".", recursive=False)
        for path in files:
            archive.add(path, path.relative_to(folder).as_posix())
    return stream.getvalue()


def zip_with(target: Path, **members: bytes) -> Path:
    """Write a zip of some members; ``name`` may hold anything that zipfile writes."""
    return zip_of(target, list(members.items()))


def zip_of(target: Path, members: list[tuple[str, bytes]]) -> Path:
    """Write a zip of members in this order, names twice allowed."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target


def tar_with(target: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Write a tar of entries as they are."""
    with tarfile.open(target, "w") as archive:
        for entry, content in members:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target


def move_into_archive(folder: Path, target: Path) -> Path:
    """Pack a folder and take it away."""
    pack(folder, target)
    shutil.rmtree(folder)
    return target


def _compressed(content: bytes, name: str) -> bytes:
    if name.endswith("zst"):
        return zstd.compress(content)
    return gzip.compress(content) if name.endswith("gz") else content
