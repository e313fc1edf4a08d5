"""NIfTI-1 and -2: every field of the header, extensions, voxels and what follows them."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.blob import read_field
from corelab.blinding.audit.reading.reader import Content, Found, UnreadableError
from corelab.blinding.audit.reading.values import read_values

_EXTENDER_BYTES = 4
_EXTENSION_FRAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Form:
    """Where a version of NIfTI keeps its texts and what is needed to walk a file."""

    header_bytes: int
    magic_at: int
    dim_at: int
    dim_format: str
    bitpix_at: int
    offset_at: int
    offset_format: str
    texts_at: tuple[tuple[int, int], ...]


_FORMS = (
    _Form(
        348, 344, 40, "8h", 72, 108, "f", ((4, 14), (14, 32), (148, 228), (228, 252), (328, 344))
    ),
    _Form(540, 4, 16, "8q", 14, 168, "q", ((240, 320), (320, 344), (508, 524), (525, 540))),
)


def is_nifti(data: bytes) -> bool:
    """Whether bytes begin as a NIfTI header of either version and byte order does."""
    return _form_of(data) is not None


def read_nifti(content: Content) -> Iterator[Found]:
    """Header as text, each extension, voxels as values, and bytes behind the voxels."""
    found = _form_of(content.data)
    if found is None:
        raise UnreadableError
    form, order = found
    data = content.data
    for begin, end in form.texts_at:
        yield from read_field(content, data[begin:end], "NIfTI header")
    header = data[: form.header_bytes].decode("latin-1")
    yield Passage(header, content.at("NIfTI header"), Standing.CODED)
    start, end = _voxels(data, form, order)
    yield from _extensions(content, form.header_bytes, start, order)
    yield from read_values(memoryview(data)[start:end], content.at("voxel values"))
    if end < len(data):
        yield content.inner(data[end:], "bytes after the voxels")


def _form_of(data: bytes) -> tuple[_Form, str] | None:
    for form in _FORMS:
        for order in "<>":
            size = struct.pack(f"{order}i", form.header_bytes)
            if data.startswith(size) and data[form.magic_at :][:2] in {b"n+", b"ni"}:
                return form, order
    return None


def _voxels(data: bytes, form: _Form, order: str) -> tuple[int, int]:
    """Where voxels begin and end, by the header; all is voxels where it makes no sense."""
    try:
        count, *sizes = struct.unpack_from(order + form.dim_format, data, form.dim_at)
        (bits,) = struct.unpack_from(f"{order}h", data, form.bitpix_at)
        (offset,) = struct.unpack_from(order + form.offset_format, data, form.offset_at)
        start = int(offset)
    except (struct.error, ValueError, OverflowError) as error:
        raise UnreadableError from error
    size = math.prod(sizes[: max(count, 0)]) * bits // 8
    if not form.header_bytes <= start <= len(data) or size < 0:
        raise UnreadableError
    return start, min(start + size, len(data))


def _extensions(content: Content, place: int, end: int, order: str) -> Iterator[Found]:
    """Content of every extension, and what is left where their sizes make no sense."""
    place += _EXTENDER_BYTES
    while place + _EXTENSION_FRAME_BYTES <= end:
        (size,) = struct.unpack_from(f"{order}i", content.data, place)
        if not _EXTENSION_FRAME_BYTES <= size <= end - place:
            break
        yield content.inner(
            content.data[place + _EXTENSION_FRAME_BYTES : place + size], "NIfTI extension"
        )
        place += size
    if place < end:
        yield content.inner(content.data[place:end], "bytes before the voxels")
