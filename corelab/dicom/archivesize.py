"""How much an archive may hold."""

from __future__ import annotations

from typing import NoReturn

from corelab.errors import ReasonCode, UnfitDataError

MOST_MEMBERS = 100_000
LARGEST_BYTES = 32 * 2**30
RATIO_MATTERS_BYTES = 2**28
LARGEST_RATIO = 100


def check_count(n_members: int) -> None:
    """Refuse an archive of too many members.

    Raises
    ------
    UnfitDataError
        ``archive_unsafe``.
    """
    if n_members > MOST_MEMBERS:
        _refuse(f"the archive holds more than {MOST_MEMBERS} files")


def check_inflated(n_bytes: int, packed_bytes: int) -> None:
    """Refuse an archive that inflates to more than a delivery can be.

    Parameters
    ----------
    n_bytes
        Inflated size of the whole, as far as known. One slice of air shrinks 1000-fold; a
        whole delivery does not, so the ratio counts from 256 MB on.
    packed_bytes
        Size of the archive.

    Raises
    ------
    UnfitDataError
        ``archive_unsafe``.
    """
    if n_bytes > LARGEST_BYTES:
        _refuse(f"the archive inflates to more than {LARGEST_BYTES // 2**30} GB")
    if n_bytes > max(RATIO_MATTERS_BYTES, LARGEST_RATIO * packed_bytes):
        _refuse(f"the archive inflates to more than {LARGEST_RATIO} times its size")


def _refuse(message: str) -> NoReturn:
    raise UnfitDataError(ReasonCode.ARCHIVE_UNSAFE, message)
