from __future__ import annotations

import pytest

from corelab.reading.discrepancy import needs_adjudication


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (10.0, 15.0, False),
        (10.0, 15.1, True),
        (100.0, 122.0, False),
        (100.0, 123.0, True),
        (0.0, 0.0, False),
        (0.0, 0.5, True),
    ],
)
def test_readers_disagree_beyond_5_ml_or_20_percent(
    first: float, second: float, *, expected: bool
) -> None:
    for one, other in ((first, second), (second, first)):
        found = needs_adjudication(one, other, discrepancy_ml=5.0, discrepancy_share=0.2)
        assert found is expected
