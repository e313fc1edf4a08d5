from __future__ import annotations

from dataclasses import replace

from corelab.dicom.index import index_headers
from corelab.series import Delivery, Series
from pipelines.numbering import study_numbers, with_counted_series
from tests.factories import make_series


def numbered(series: Series, number: int | None) -> Series:
    return replace(series, identity=replace(series.identity, series_number=number))


def delivery(*series: Series) -> Delivery:
    return replace(index_headers([]), series=series)


def test_a_study_keeps_its_number_whatever_the_order_of_its_series() -> None:
    parts = [make_series("PAT-2", "1.2.9"), make_series("PAT-1", "1.2.3"), make_series("P", "1.2")]
    assert study_numbers(parts) == study_numbers(reversed(parts))
    assert study_numbers(parts) == {("P", "1.2"): 1, ("PAT-1", "1.2.3"): 2, ("PAT-2", "1.2.9"): 3}


def test_a_number_that_a_header_gives_a_series_is_replaced_by_a_count() -> None:
    """A site could write a patient's own number there."""
    first = numbered(make_series(series_uid="1.2.3.1"), 7113417)
    part = numbered(make_series(series_uid="1.2.3.1"), 7113417)
    other = numbered(make_series(series_uid="1.2.3.2"), None)
    found = with_counted_series(delivery(first, part, other)).series
    assert [series.identity.series_number for series in found] == [1, 1, 2]
