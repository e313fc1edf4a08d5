"""Numbers that a delivery's studies and series have before any has a code.

They are counted here and say nothing: a series number in a header can be anything that a site
wrote there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from corelab.series import Delivery, Series, StudyKey


def study_numbers(series: Iterable[Series]) -> dict[StudyKey, int]:
    """Count the studies of a delivery from 1, the same for any order of its series."""
    keys = {part.identity.study_key for part in series}
    ordered = sorted(keys, key=lambda key: (key[1], key[0]))
    return {key: number for number, key in enumerate(ordered, start=1)}


def with_counted_series(delivery: Delivery) -> Delivery:
    """Delivery whose series are numbered from 1 in its own order, not as headers say."""
    uids = dict.fromkeys(_place(part) for part in delivery.series)
    numbers = {uid: number for number, uid in enumerate(uids, start=1)}
    parts = (
        replace(part, identity=replace(part.identity, series_number=numbers[_place(part)]))
        for part in delivery.series
    )
    return replace(delivery, series=tuple(parts))


def _place(part: Series) -> tuple[StudyKey, str]:
    return part.identity.study_key, part.identity.series_uid
