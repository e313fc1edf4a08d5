from __future__ import annotations

import pytest

from corelab.store.exchange.sheet import Sheet
from tests.sheets import CODE, FLAGS, FORM, PIECES, SIDE, VOLUME


@pytest.fixture
def sheet() -> Sheet:
    return Sheet(
        form=FORM,
        variables=(CODE, VOLUME, PIECES, SIDE, FLAGS),
        rows=(
            ("KX4M7P", 12.3456, 3, "left", "a;b"),
            ("ZZ9ZZ9", 0.0, 0, None, None),
            ("AB2CD3", None, None, None, "a"),
        ),
    )
