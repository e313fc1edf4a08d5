"""When an image was acquired, by the scanner's own clock."""

from __future__ import annotations

import re
from datetime import datetime

from corelab.dicom.element import Elements

_PAIRS = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("SeriesDate", "SeriesTime"),
    ("ContentDate", "ContentTime"),
    ("StudyDate", "StudyTime"),
)
_DATE = re.compile(r"(\d{4})[.:-]?(\d{2})[.:-]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?")


def read_moment(elements: Elements) -> datetime | None:
    """Local time of acquisition without zone, ``None`` where no date can be read.

    Parameters
    ----------
    elements
        The data set; the first readable of AcquisitionDateTime and the dates of
        acquisition, series, content and study with their times counts.
    """
    stamp = elements.text("AcquisitionDateTime")
    moment = _moment(stamp[:8], stamp[8:]) if stamp else None
    if moment is not None:
        return moment
    pairs = (_moment(elements.text(day), elements.text(time)) for day, time in _PAIRS)
    return next((moment for moment in pairs if moment is not None), None)


def _moment(day: str, time: str) -> datetime | None:
    date = _DATE.fullmatch(day)
    if date is None:
        return None
    clock = _TIME.match(time)
    parts = clock.groups() if clock is not None else (None, None, None)
    written = "-".join(date.groups()) + "T" + ":".join(part or "00" for part in parts)
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None
