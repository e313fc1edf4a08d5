"""A parsed data set as raw bytes by tag number, whoever parsed it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple, Protocol

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.values import convert_SQ

from corelab.dicom.guard import guarded
from corelab.errors import ReasonCode

UNKNOWN_VR = "UN"
SEQUENCE = "SQ"
FIRST_ITEM = b"\xfe\xff\x00\xe0"
_UNREADABLE = "a sequence in the header cannot be read"


class Raw(NamedTuple):
    """One element: its VR (the dictionary's where the file does not tell), value and order."""

    vr: str
    value: bytes
    is_little_endian: bool


Layout = tuple[tuple[int, ...], tuple[str, ...]]
"""Tags of a data set, and the VR of each; what its sequences hold is not in it."""


class DataSet(Protocol):
    """The elements of one data set or sequence item."""

    def get(self, tag: int) -> Raw | None:
        """Element of a tag; ``None`` where absent; no bytes for a sequence or what is too long."""

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """Items of a sequence, none where absent.

        Raises
        ------
        UnfitDataError
            ``header_cut`` where the sequence cannot be walked.
        """

    def tags(self) -> Iterable[int]:
        """Tag of every element."""

    def sequences(self) -> list[int]:
        """Tag of every sequence."""

    def layout(self) -> Layout:
        """Tags and VRs of a data set's own elements."""

    def values_of(self, vrs: frozenset[str]) -> list[tuple[int, str, bytes]]:
        """Tag, VR and value of all elements of some VRs."""


@cache
def standard_vr(tag: int) -> str:
    """VR that the dictionary gives a tag, ``UN`` where it knows none."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return UNKNOWN_VR


class PydicomDataSet:
    """A data set as pydicom read it.

    Parameters
    ----------
    dataset
        With raw elements.
    """

    __slots__ = ("_dataset", "_elements")

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        # Not Dataset.get_item(), which reads values again that were too long to keep.
        self._elements = {int(element.tag): element for element in dataset.values()}

    def get(self, tag: int) -> Raw | None:
        """Element of a tag, ``None`` where absent."""
        element = self._elements.get(tag)
        return None if element is None else _raw(element)

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """Items of a sequence, none where absent."""
        element = self._elements.get(tag)
        if element is None or not _is_sequence(element):
            return ()
        if isinstance(element, RawDataElement):
            with guarded(ReasonCode.HEADER_CUT, _UNREADABLE):
                element = self._dataset[element.tag]
        if element.VR != SEQUENCE:
            return ()
        return tuple(PydicomDataSet(item) for item in element.value)

    def tags(self) -> Iterable[int]:
        """Tag of every element."""
        return self._elements.keys()

    def sequences(self) -> list[int]:
        """Tag of every sequence."""
        return [tag for tag, element in self._elements.items() if _raw(element).vr == SEQUENCE]

    def layout(self) -> Layout:
        """Tags and VRs of the data set's own elements."""
        kinds = tuple(_raw(element).vr for element in self._elements.values())
        return tuple(self._elements), kinds

    def values_of(self, vrs: frozenset[str]) -> list[tuple[int, str, bytes]]:
        """Tag, VR and value of all elements of some VRs."""
        found = ((tag, _raw(element)) for tag, element in self._elements.items())
        return [(tag, raw.vr, raw.value) for tag, raw in found if raw.vr in vrs]


def read_items(value: bytes) -> tuple[DataSet, ...]:
    """Items of a sequence from the bytes of its value, explicit VR little endian.

    Raises
    ------
    UnfitDataError
        ``header_cut`` where they cannot be walked.
    """
    with guarded(ReasonCode.HEADER_CUT, _UNREADABLE):
        return tuple(
            PydicomDataSet(item)
            for item in convert_SQ(value, is_implicit_VR=False, is_little_endian=True)
        )


def _raw(element: RawDataElement | DataElement) -> Raw:
    if not isinstance(element, RawDataElement):
        return Raw(element.VR, _written(element), is_little_endian=True)
    told = element.VR if element.VR not in {None, UNKNOWN_VR} else standard_vr(int(element.tag))
    value = b"" if told == SEQUENCE else element.value or b""
    return Raw(str(told), value, element.is_little_endian)


def _is_sequence(element: RawDataElement | DataElement) -> bool:
    """Whether an element is a sequence, or private and begins as one where no VR is told."""
    raw = _raw(element)
    is_untold = raw.vr == UNKNOWN_VR and bool(element.tag >> 16 & 1)
    return raw.vr == SEQUENCE or (is_untold and raw.value.startswith(FIRST_ITEM))


def _written(element: DataElement) -> bytes:
    """Bytes of a text that pydicom converts on its own: character set and private creators."""
    words = [element.value] if isinstance(element.value, str) else element.value
    if element.VR == SEQUENCE or not isinstance(words, Iterable):
        return b""
    text = "\\".join(str(word) for word in words)
    return (text + " " * (len(text) % 2)).encode("utf-8", "replace")
