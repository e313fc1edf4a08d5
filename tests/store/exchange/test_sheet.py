from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.errors import StoreError
from corelab.store.column import Cell
from corelab.store.exchange.sheet import LONGEST_TEXT_BYTES, Sheet, sheet_of, with_short_texts
from corelab.store.exchange.short_names import SHORT_NAMES
from corelab.store.growth import GROWTH_COLUMNS
from corelab.store.schema import READ_COLUMNS, VERDICT_COLUMNS, VOLUME_COLUMNS
from tests.sheets import CODE, FLAGS, FORM, PIECES, SIDE, VOLUME

words = st.lists(st.text("abcdefgh_", min_size=1, max_size=60), min_size=0, max_size=30)


def test_every_column_has_a_short_name_that_fits_and_no_two_share_one() -> None:
    for columns in (VOLUME_COLUMNS, GROWTH_COLUMNS, READ_COLUMNS, VERDICT_COLUMNS):
        shorts = [SHORT_NAMES[column.name][0] for column in columns]
        labels = [SHORT_NAMES[column.name][1] or column.label for column in columns]
        assert len(set(shorts)) == len(columns)
        assert max(map(len, shorts)) <= 8
        assert max(map(len, labels)) <= 40


@given(st.lists(words, min_size=1, max_size=4))
def test_parts_of_a_long_list_joined_are_the_list(lists: list[list[str]]) -> None:
    texts = [";".join(words) for words in lists]
    sheet = Sheet(form=FORM, variables=(FLAGS,), rows=tuple((text,) for text in texts))

    short = with_short_texts(sheet)

    assert ["".join(str(part) for part in row if part) for row in short.rows] == texts
    assert all(len(str(part or "")) <= LONGEST_TEXT_BYTES for row in short.rows for part in row)


def test_a_long_text_that_is_no_list_is_refused_by_name(sheet: Sheet) -> None:
    long = replace(sheet, rows=(("x" * 201, 1.0, 1, "left", ""),))

    with pytest.raises(StoreError, match=r"volumes: a text of subject_code has 201 bytes"):
        with_short_texts(long)


@pytest.mark.parametrize("cell", [float("nan"), float("inf"), "12.5", True])
def test_what_is_no_number_never_passes_for_one(cell: Cell) -> None:
    with pytest.raises(StoreError, match="volumes: infarct_volume_ml of row 2"):
        Sheet(form=FORM, variables=(VOLUME,), rows=((0.0,), (cell,)))


def test_a_share_is_no_count() -> None:
    with pytest.raises(StoreError, match=r"n_components of row 1 is 1\.5; expected an integer"):
        Sheet(form=FORM, variables=(PIECES,), rows=((1.5,),))


def test_an_empty_text_is_missing_and_zero_has_no_sign() -> None:
    found = sheet_of(FORM, (SIDE, VOLUME), [{"hemisphere": "", "infarct_volume_ml": -0.0}])

    assert found.rows == ((None, 0.0),)
    assert str(found.rows[0][1]) == "0.0"


def test_a_row_that_lacks_a_cell_is_no_sheet() -> None:
    with pytest.raises(ValueError, match="has 1 variables, a row 2 cells"):
        Sheet(form=FORM, variables=(CODE,), rows=(("KX4M7P", 1.0),))
