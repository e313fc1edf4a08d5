"""Files made to hurt who reads them, small as they come, and work that does not bear them."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from pydicom.dataset import Dataset

from corelab.dicom.received import Record, read_received
from tests.dicom.tiny import ct_slice, write

DEFLATED = "1.2.840.10008.1.2.1.99"
FATAL_NAME = "fatal.dcm"


def stranger() -> Dataset:
    """One slice that belongs to no series of the other test files."""
    slice_ = ct_slice(0)
    slice_.SeriesInstanceUID, slice_.SOPInstanceUID = "2.25.9", "2.25.10"
    return slice_


def header_of_many_elements(path: Path, n_elements: int) -> Path:
    """Write DICOM with millions of empty elements before its pixels: each costs memory and time."""
    write(stranger(), path)
    content = path.read_bytes()
    pixels = content.rfind(b"\xe0\x7f\x10\x00OW")
    element = b"LO" + struct.pack("<H", 0)
    many = b"".join(
        struct.pack("<HH", 0x2011 + 2 * (n >> 16), n & 0xFFFF) + element for n in range(n_elements)
    )
    path.write_bytes(content[:pixels] + many + content[pixels:])
    return path


def deflate_bomb(path: Path, n_mb: int) -> Path:
    """Write a deflated object that inflates to many megabytes of zeros."""
    write(stranger(), path, DEFLATED)
    content = path.read_bytes()
    meta_length = struct.unpack("<I", content[140:144])[0]
    start = 144 + meta_length
    inflated = zlib.decompress(content[start:], -zlib.MAX_WBITS)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(inflated) + b"".join(
        packer.compress(bytes(2**20)) for _ in range(n_mb)
    )
    path.write_bytes(content[:start] + packed + packer.flush())
    return path


def nested_sequences(path: Path, depth: int) -> Path:
    """Write sequences of undefined length inside each other."""
    write(stranger(), path)
    content = path.read_bytes()
    pixels = content.rfind(b"\xe0\x7f\x10\x00OW")
    opening = b"\x00\x54\x10\x10SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    path.write_bytes(content[:pixels] + opening * depth)
    return path


def huge_length(path: Path) -> Path:
    """Write an element that claims 0xFFFFFFF0 bytes."""
    write(stranger(), path)
    content = path.read_bytes()
    pixels = content.rfind(b"\xe0\x7f\x10\x00OW")
    claim = b"\x09\x00\x10\x10OB\0\0" + struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(content[:pixels] + claim + content[pixels:])
    return path


def read_or_die(path: Path) -> Record:
    """Read a file as usual; one name takes the process with it, as a broken decoder might."""
    if path.name == FATAL_NAME:
        os._exit(139)
    return read_received(path)
