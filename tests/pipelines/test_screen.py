from __future__ import annotations

import dataclasses
from io import StringIO

import pytest
from rich.console import Console

from corelab.vocab import QcFlag
from pipelines.screen import counted, show_volumes
from tests.store.conftest import READ

LARGE = dataclasses.replace(
    READ,
    measurement=dataclasses.replace(READ.measurement, infarct_volume_ml=120.87),
    qc_flags=(QcFlag.SECOND_CHOICE_MODALITY, QcFlag.UNEVEN_SLICES),
    is_endpoint_eligible=False,
)


@pytest.mark.parametrize("width", [40, 80, 119, 120, 160])
def test_no_terminal_cuts_a_volume_a_code_or_a_warning(width: int) -> None:
    stream = StringIO()
    show_volumes(Console(width=width, file=stream), [LARGE])
    words = stream.getvalue()
    assert {"120.87", LARGE.subject_code, LARGE.visit} <= set(words.split())
    assert "NOT ELIGIBLE" in words
    assert "uneven" in words
    assert "…" not in words


def test_no_read_is_no_table() -> None:
    stream = StringIO()
    show_volumes(Console(file=stream), [])
    assert stream.getvalue() == ""


def test_one_is_singular() -> None:
    assert [counted(n, "case") for n in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]
