from __future__ import annotations

import math
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from corelab.errors import StoreError
from corelab.store.exchange.sheet import Sheet
from corelab.store.exchange.xpt import to_xpt
from tests.sheets import CODE, FORM, PIECES, SIDE, VOLUME

pyreadstat = pytest.importorskip("pyreadstat", reason="pyreadstat is not installed (extra xpt)")


def ibm_value(content: bytes) -> float:
    """Read a double of the IBM 360, as SAS transport files hold it; a missing one is nan."""
    if content[0] == ord(".") and not any(content[1:]):
        return math.nan
    (bits,) = struct.unpack(">Q", content)
    sign = -1.0 if bits >> 63 else 1.0
    return sign * (bits & ((1 << 56) - 1)) / 2.0**56 * 16.0 ** (((bits >> 56) & 0x7F) - 64)


def test_every_cell_comes_back_and_missing_is_not_zero(sheet: Sheet, tmp_path: Path) -> None:
    path = tmp_path / "volumes.xpt"
    path.write_bytes(to_xpt(sheet))

    columns, meta = pyreadstat.read_xport(str(path), output_format="dict")

    assert meta.table_name == "VOLUMES"
    assert meta.column_names_to_labels["INFVOL"] == "Infarct volume, mL"
    assert list(columns["SUBJCODE"]) == ["KX4M7P", "ZZ9ZZ9", "AB2CD3"]
    assert list(columns["INFVOL"])[:2] == [12.3456, 0.0]
    assert columns["INFVOL"][2] is None
    assert list(columns["HEMISPH"]) == ["left", "", ""]


def test_the_same_sheet_gives_the_same_bytes_without_a_time(sheet: Sheet) -> None:
    content = to_xpt(sheet)

    assert content == to_xpt(sheet)
    assert content.count(b"01JAN60:00:00:00") == 4


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 2_000).map(lambda volume: round(volume, 4)) | st.floats(-1e9, 1e9))
@example(12.3)
@example(1 / 3)
def test_a_number_is_stored_to_its_last_bit(volume_ml: float) -> None:
    assume(volume_ml == 0 or abs(volume_ml) > 1e-70)
    sheet = Sheet(form=FORM, variables=(VOLUME,), rows=((volume_ml,),))

    # The one observation stands in the last record of 80 bytes.
    assert ibm_value(to_xpt(sheet)[-80:-72]) == volume_ml


@pytest.mark.parametrize("number", [7.1e75, -1e71, 1e-79, 2**53 + 1])
def test_a_number_that_the_format_would_change_is_refused(number: float) -> None:
    kind = PIECES if isinstance(number, int) else VOLUME
    sheet = Sheet(form=FORM, variables=(kind,), rows=((number,),))

    with pytest.raises(StoreError, match=f"row 1, {kind.name}: .* is no number of the format"):
        to_xpt(sheet)


@pytest.mark.parametrize("number", [1e70, -1e70, 1e-70, 2**53])
def test_the_largest_and_smallest_numbers_are_held(number: float) -> None:
    sheet = Sheet(form=FORM, variables=(VOLUME,), rows=((number,),))

    assert ibm_value(to_xpt(sheet)[-80:-72]) == number


def test_without_pyreadstat_the_extra_is_named(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyreadstat", None)

    with pytest.raises(StoreError, match=r"pip install corelab\[xpt\]"):
        to_xpt(sheet)


def test_the_file_carries_the_label_of_the_table(sheet: Sheet, tmp_path: Path) -> None:
    path = tmp_path / "volumes.xpt"
    path.write_bytes(to_xpt(sheet))

    _, meta = pyreadstat.read_xport(str(path), metadataonly=True)

    assert meta.file_label == "Infarct volumes"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Übel", "row 1, hemisphere: 'Übel'"),
        ("a\tb", "row 1, hemisphere"),
        ("left ", "without a blank at its end"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_by_row_and_column(text: str, told: str) -> None:
    sheet = Sheet(form=FORM, variables=(SIDE,), rows=((text,),))

    with pytest.raises(StoreError, match=told):
        to_xpt(sheet)


def test_names_and_labels_that_do_not_fit_are_refused_all_at_once() -> None:
    bad = (
        replace(CODE, short="SUBJECT_CODE", short_label="x" * 41),
        replace(SIDE, short="SIDE"),
        replace(SIDE, short="SIDE"),
    )
    sheet = Sheet(form=FORM, variables=bad, rows=())

    with pytest.raises(StoreError) as caught:
        to_xpt(sheet)

    message = str(caught.value)
    assert "'SUBJECT_CODE' is no name" in message
    assert "two variables are named SIDE" in message
    assert "is not ASCII of 40 characters" in message
