"""Which attributes an object holds, whatever they say: for the report on what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import islice

from pydicom.datadict import keyword_for_tag

from corelab.dicom.dataset import DataSet, Layout
from corelab.errors import UnfitDataError
from corelab.series import Attribute

MOST_ITEMS = 64
"""Items of one sequence that are looked into: those of one object's frames are alike."""
_DEEPEST = 8
_MOST_LAYOUTS = 4096
_known: dict[Layout, tuple[Attribute, ...]] = {}


def attributes_of(dataset: DataSet) -> tuple[Attribute, ...]:
    """Every attribute of a data set and of its sequences' items, each once.

    Objects of one layout (the same top-level tags and VRs, and sequences of the same length)
    share one answer, from the first of them: walking the sequences of each of some hundred
    slices again would cost as much as all else that is read of them. What stands behind the
    pixels is not read, and so not told.

    Parameters
    ----------
    dataset
        An object's.
    """
    layout = dataset.layout()
    known = _known.get(layout)
    if known is None:
        if len(_known) >= _MOST_LAYOUTS:
            _known.clear()
        known = _known[layout] = tuple(dict.fromkeys(_walk(dataset, (), _DEEPEST)))
    return known


@cache
def keyword_of(tag: int) -> str:
    """Keyword of a standard attribute, empty for a private or unknown one."""
    return keyword_for_tag(tag)


def _walk(dataset: DataSet, within: tuple[int, ...], depth: int) -> Iterator[Attribute]:
    for tag in dataset.tags():
        raw = dataset.get(tag)
        if raw is not None:
            yield Attribute((*within, tag), raw.vr)
    for tag in dataset.sequences() if depth else ():
        items: tuple[DataSet, ...] = ()
        with suppress(UnfitDataError):  # named already; what it holds cannot be told
            items = dataset.items(tag)
        for item in islice(items, MOST_ITEMS):
            yield from _walk(item, (*within, tag), depth - 1)
