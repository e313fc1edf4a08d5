"""Which attributes an object holds, whatever they say: for the report on what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache, lru_cache
from itertools import islice

from pydicom.datadict import keyword_for_tag

from corelab.dicom.dataset import DataSet, Layout
from corelab.errors import UnfitDataError
from corelab.series import Attribute

MOST_ITEMS = 64
"""Items of one sequence that are looked into: those of one object's frames are alike."""
_DEEPEST = 8
_REMEMBERED = 4096
_Level = tuple[tuple[int, ...], Layout]
"""Tags of the sequences that a data set lies in, and its own layout."""


def attributes_of(dataset: DataSet) -> tuple[Attribute, ...]:
    """Every attribute of a data set and of its sequences' items, each once.

    Objects that are alike in all of it share one answer. What stands behind the pixels is not
    read, and so not told.

    Parameters
    ----------
    dataset
        An object's.
    """
    return _told(tuple(_levels(dataset, (), _DEEPEST)))


@cache
def keyword_of(tag: int) -> str:
    """Keyword of a standard attribute, empty for a private or unknown one."""
    return keyword_for_tag(tag)


@lru_cache(maxsize=_REMEMBERED)
def _told(levels: tuple[_Level, ...]) -> tuple[Attribute, ...]:
    told = (
        Attribute((*within, tag), vr)
        for within, layout in levels
        for tag, vr in zip(*layout, strict=True)
    )
    return tuple(dict.fromkeys(told))


def _levels(dataset: DataSet, within: tuple[int, ...], depth: int) -> Iterator[_Level]:
    yield within, dataset.layout()
    for tag in dataset.sequences() if depth else ():
        items: tuple[DataSet, ...] = ()
        with suppress(UnfitDataError):  # named already; what it holds cannot be told
            items = dataset.items(tag)
        for item in islice(items, MOST_ITEMS):
            yield from _levels(item, (*within, tag), depth - 1)
