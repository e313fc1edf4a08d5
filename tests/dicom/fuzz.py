"""Broken codestreams through one decoder, in a process of their own: it may not die of them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from corelab.dicom import syntax
from corelab.dicom.codec import Samples, decode_samples
from corelab.dicom.matrix import Matrix
from corelab.dicom.parse import guarded
from corelab.errors import ReasonCode, UnfitDataError
from tests.dicom import htj2k
from tests.dicom.packed import ENCODERS, SIDE, by_gdcm, codestream, native, smooth

MATRIX = Matrix(
    rows=SIDE,
    columns=SIDE,
    samples=1,
    bits_allocated=16,
    bits_stored=12,
    high_bit=11,
    is_signed=False,
    n_frames=1,
)
REPEATS = 60


def whole(uid: str) -> bytes:
    """One sound frame of a syntax."""
    if uid in {syntax.HTJ2K_LOSSLESS, syntax.HTJ2K_LOSSLESS_RPCL, syntax.HTJ2K}:
        return htj2k.UNSIGNED_16
    slice_ = native(smooth(0, 4000), bits=12, signed=False)
    if uid in ENCODERS:
        return codestream(slice_, uid)
    if uid in syntax.LOSSY_BY_NAME:
        slice_ = native(smooth(0, 250), bits=8, signed=False, allocated=8)
    with tempfile.TemporaryDirectory() as folder:
        return by_gdcm(slice_, uid, Path(folder))


def cut(frame: bytes) -> Iterator[bytes]:
    """Ends taken away, with and without an end mark put there."""
    for length in np.linspace(0, len(frame) - 20, REPEATS).astype(int):
        yield frame[:length]
        yield frame[:length] + b"\xff\xd9"


def flipped(frame: bytes, random: np.random.Generator) -> Iterator[bytes]:
    """A few bits turned over, more often in the markers at the start."""
    for n in range(2 * REPEATS):
        broken = bytearray(frame)
        reach = len(frame) if n % 2 else min(100, len(frame))
        for place in random.integers(0, reach, 4):
            broken[place] ^= 1 << int(random.integers(0, 8))
        yield bytes(broken)


def outcome(frame: bytes, uid: str) -> Samples | ReasonCode:
    """What the decoder makes of a frame; any other error is a bug."""
    try:
        with guarded(ReasonCode.PIXELS_UNDECODABLE, "broken"):
            return decode_samples(frame, uid, MATRIX)
    except UnfitDataError as error:
        return error.reason


def main(uid: str) -> None:
    """Break a frame in every way; a cut one must never decode."""
    frame = whole(uid)
    sound = outcome(frame, uid)
    assert isinstance(sound, Samples)
    for broken in cut(frame):
        assert not isinstance(outcome(broken, uid), Samples), len(broken)
    for broken in flipped(frame, np.random.default_rng(5)):
        found = outcome(broken, uid)
        assert not isinstance(found, Samples) or found.words.shape == sound.words.shape


if __name__ == "__main__":
    main(sys.argv[1])
