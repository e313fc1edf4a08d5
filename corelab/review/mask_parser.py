"""A child process that parses what browsers send: ended when it takes too long or too much."""

from __future__ import annotations

import math
import subprocess
import sys
import weakref
from functools import cache
from threading import Lock, Timer

import numpy as np
from numpy.typing import NDArray

from corelab.review.denial import DenialCode, DeniedError
from corelab.review.incidents import ToldError
from corelab.review.mask_child import ASKED, TOLD
from corelab.review.screen_grid import ScreenGrid

LONGEST_S = 20.0
COPIES = 6
"""Memory of a mask while it is unpacked: so many times its voxels, and a little."""

_LITTLE_BYTES = 1 << 25
_LONGEST_WORDS = 500


class MaskParser:
    """Unpacks masks in one child, started when it is first needed and anew after it died.

    Parameters
    ----------
    longest_s
        Time that a mask may take, a start included.
    copies
        How many times a mask's voxels the child may take of memory.
    """

    def __init__(self, *, longest_s: float = LONGEST_S, copies: int = COPIES) -> None:
        self._longest_s = longest_s
        self._copies = copies
        self._turn = Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def warm_up(self) -> None:
        """Start the child, so that the first mask need not wait for it."""
        with self._turn:
            self._running()

    def labels(self, content: bytes, grid: ScreenGrid) -> NDArray[np.uint8]:
        """Return the labels of a NIfTI-1 file, in the order of the screen.

        Raises
        ------
        DeniedError
            When it is no whole mask of 8-bit labels on this grid.
        ToldError
            When the child died of it or was ended.
        """
        with self._turn:
            child = self._running()
            timer = Timer(self._longest_s, child.kill)
            timer.start()
            try:
                is_mask, told = self._asked(child, content, grid)
            except (OSError, EOFError) as error:
                child.kill()
                child.wait()
                message = "The mask could not be checked, and nothing was changed"
                raise ToldError(message) from error
            finally:
                timer.cancel()
        if not is_mask:
            words = told[:_LONGEST_WORDS].decode("utf-8", "replace")
            raise DeniedError(DenialCode.MASK_UNFIT, words)
        return np.frombuffer(told, dtype=np.uint8).reshape(grid.shape, order="F")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            # In a session of its own: the key that ends the server must not end it before. It
            # takes no module from the folder that the server happens to be started in (-P).
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "corelab.review.mask_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            weakref.finalize(self, _end, self._child)
        return self._child

    def _asked(
        self, child: subprocess.Popen[bytes], content: bytes, grid: ScreenGrid
    ) -> tuple[bool, bytes]:
        """Ask, and take no more than an answer of this grid may be."""
        if child.stdin is None or child.stdout is None:
            raise AssertionError("a child has pipes")
        n_voxels = math.prod(grid.shape)
        memory_bytes = self._copies * n_voxels + len(content) + _LITTLE_BYTES
        child.stdin.write(ASKED.pack(*grid.shape, *grid.spacing_mm, memory_bytes, len(content)))
        child.stdin.write(content)
        child.stdin.flush()
        head = child.stdout.read(TOLD.size)
        if len(head) < TOLD.size:
            raise EOFError
        is_mask, n_bytes = TOLD.unpack(head)
        told = child.stdout.read(min(n_bytes, n_voxels + _LITTLE_BYTES))
        if len(told) < n_bytes or (is_mask and n_bytes != n_voxels):
            raise EOFError
        return is_mask, told


@cache
def mask_parser() -> MaskParser:
    """Return the one parser of this process."""
    return MaskParser()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
