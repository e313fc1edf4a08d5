"""Received bytes, wherever they lie: the one place that opens a delivered file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from corelab.dicom.archive import open_member
from corelab.errors import ReasonCode, UnfitDataError


def open_source(path: Path) -> BinaryIO:
    """Open a delivered file for reading; the stream can be sought.

    Parameters
    ----------
    path
        A file of its own, or a member below the path of its archive.

    Raises
    ------
    UnfitDataError
        ``unreadable`` where it cannot be opened, ``archive_broken`` for a damaged member.
    """
    try:
        return path.open("rb")
    except NotADirectoryError:
        return open_member(path)
    except OSError as error:
        message = "the file cannot be opened"
        raise UnfitDataError(ReasonCode.UNREADABLE, message, evidence=str(error)) from error
