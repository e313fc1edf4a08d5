"""The leak audit: search for identifying text of any delivery in everything under OUT.

Every name and every byte is read that can hold text: NIfTI headers after unpacking, PNG chunks,
tables, pages, JSON. Encoded picture and voxel values are decoded numbers and are left out.

A text counts when it has at least six characters, or at least four of which one is a digit;
shorter ones (a sex, a body part, an initial) are ordinary words and would be found everywhere.
Words that corelab itself writes into OUT never count: they are read from its own source.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LONG_TEXT = 6
_SHORT_TEXT = 4
_NIFTI_HEADER_BYTES = 352
_GZIP_WBITS = 31
_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNK_FRAME_BYTES = 12
_PARTS = re.compile(r"[\s^=\\/,;:_()\[\]-]+")
_WORD = re.compile(r"[a-z0-9_]+")
_DIGEST = re.compile(rb"\b[0-9a-f]{64}\b")
_DATA_URI = re.compile(rb"data:image/[a-z]+;base64,[a-z0-9+/=]+")
_WRITERS_OF_OUT = ("errors.py", "vocab.py", "trial.py", "store", "stages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Where an identifying text stands: the file under OUT, never the text itself."""

    path: Path
    place: str


def audit(
    out: Path, identifiers: Iterable[str], *, own_words: Container[str] = ()
) -> tuple[Leak, ...]:
    """Look for identifying texts in every byte and name under a folder.

    Parameters
    ----------
    out
        The blinded output folder.
    identifiers
        Every identifying text that the vault has seen.
    own_words
        Words in lower case that OUT holds on purpose: trial, subject codes, visits.

    Returns
    -------
    tuple of Leak
        Empty when nothing identifying crossed.
    """
    needles = _needles(identifiers, own_words)
    leaks = []
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        relative = path.relative_to(out)
        name = os.fsencode(relative).lower()
        if any(_stands_in(needle, name) for needle in needles):
            leaks.append(Leak(path=relative, place="name"))
        content = _DIGEST.sub(b"", _content(path).lower())
        if any(_stands_in(needle, content) for needle in needles):
            leaks.append(Leak(path=relative, place="content"))
    return tuple(leaks)


def counts_as_identifying(text: str) -> bool:
    """Whether a text is long or odd enough that finding it means a leak."""
    if text.lower() in _own_words():
        return False
    has_digit = any(character.isdigit() for character in text)
    return len(text) >= (_SHORT_TEXT if has_digit else _LONG_TEXT) and not _is_plain_number(text)


def _is_plain_number(text: str) -> bool:
    """Short numbers (1000, 512.0) stand everywhere; long ones are IDs or dates."""
    return len(text) < _LONG_TEXT and bool(re.fullmatch(r"[\d.+-]+", text))


def _stands_in(needle: bytes, content: bytes) -> bool:
    """Whether a text stands somewhere, other than buried between letters or digits."""
    place = content.find(needle)
    while place >= 0:
        end = place + len(needle)
        around = content[max(place - 1, 0) : place] + content[end : end + 1]
        if not around.isalnum():
            return True
        place = content.find(needle, place + 1)
    return False


def _needles(identifiers: Iterable[str], own_words: Container[str]) -> tuple[bytes, ...]:
    texts: set[str] = set()
    for identifier in identifiers:
        texts.update(_with_parts(identifier))
    encoded: set[bytes] = set()
    for text in filter(counts_as_identifying, texts):
        if text.lower() in own_words:
            continue
        encoded.add(text.lower().encode("utf-8"))
        encoded.add(text.lower().encode("utf-16-le"))
    return tuple(sorted(encoded))


def _with_parts(identifier: str) -> Iterator[str]:
    yield identifier.strip()
    yield from (part for part in _PARTS.split(identifier) if part)


@cache
def _own_words() -> frozenset[str]:
    package = Path(__file__).parents[1]
    texts = [
        path.read_text("utf-8").lower()
        for name in _WRITERS_OF_OUT
        for path in sorted([package / name, *(package / name).rglob("*.*")])
        if path.suffix in {".py", ".html", ".css", ".js"}
    ]
    return frozenset(word for text in texts for word in _WORD.findall(text))


def _content(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.name.endswith(".nii.gz"):
        return raw[:10] + zlib.decompressobj(_GZIP_WBITS).decompress(raw, _NIFTI_HEADER_BYTES)
    if path.suffix == ".png":
        return _png_text(raw)
    if path.suffix == ".html":
        return _DATA_URI.sub(b"", raw.lower())
    return raw


def _png_text(raw: bytes) -> bytes:
    """Every chunk but the pixels (PNG specification, section 5)."""
    kept, place = [], _PNG_SIGNATURE_BYTES
    while place < len(raw):
        length, kind = struct.unpack_from(">I4s", raw, place)
        if kind != b"IDAT":
            kept.append(raw[place : place + length + _PNG_CHUNK_FRAME_BYTES])
        place += length + _PNG_CHUNK_FRAME_BYTES
    return b"".join(kept)
