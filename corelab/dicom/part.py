"""One slice with what it was taken for, and one part of a series: the working records."""

from __future__ import annotations

from dataclasses import dataclass

from corelab.dicom.frame import FrameHeader
from corelab.dicom.header import FileHeader
from corelab.series import Grid, Refusal, SeriesKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One frame of one object, and its kind."""

    header: FileHeader
    frame: FrameHeader
    kind: SeriesKind

    @property
    def order(self) -> tuple[int, int, str]:
        """Place in the order of acquisition, as far as the headers tell it."""
        number = self.header.instance_number
        return (0 if number is None else number, self.frame.index, str(self.header.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Slices of one orientation, kind and weighting; in the order of k where ``grid`` is set."""

    kind: SeriesKind
    slices: tuple[Slice, ...]
    grid: Grid | None
    refusal: Refusal | None
