"""Masks of the ledger of reads: a short head, then a label a voxel."""

from __future__ import annotations

from collections.abc import Iterator

from corelab.blinding.audit.needle import Passage, Standing
from corelab.blinding.audit.reading.reader import Content, Found
from corelab.blinding.audit.reading.values import read_values

MASK_MARK = b"corelab mask 1\n\0"
_HEAD_BYTES = len(MASK_MARK) + 12


def read_mask(content: Content) -> Iterator[Found]:
    """Read the head as text and labels as values."""
    head = content.data[:_HEAD_BYTES].decode("latin-1")
    yield Passage(head, content.at("mask head"), Standing.CODED)
    yield from read_values(memoryview(content.data)[_HEAD_BYTES:], content.at("labels"))
