"""What one received file is: a DICOM object, an archive of more files, or neither."""

from __future__ import annotations

from pathlib import Path

from corelab.dicom.archive import Archive, list_archive
from corelab.dicom.header import FileHeader, read_header
from corelab.errors import ReasonCode
from corelab.series import LooseFile, Refusal

Record = FileHeader | LooseFile | Archive


def read_received(path: Path) -> Record:
    """Header of a DICOM object, or the members of an archive; no bytes make this raise.

    Only a file that does not begin as DICOM does is asked whether it is an archive, so that
    the many others pay nothing.

    Parameters
    ----------
    path
        A regular file, or a member of an archive.
    """
    try:
        record = read_header(path)
        if isinstance(record, FileHeader) or record.refusal.reason is not ReasonCode.NOT_DICOM:
            return record
        return list_archive(path) or record
    except MemoryError:
        message = "reading the file needs more memory than one file is given"
        refusal = Refusal(reason=ReasonCode.PARSE_LIMIT, message=message)
        return LooseFile(path=path, refusal=refusal)
