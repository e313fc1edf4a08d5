"""Rows are those that trying every row finds, and shapes without company are in none."""

from __future__ import annotations

from itertools import compress

from hypothesis import given
from hypothesis import strategies as st

from corelab.kernels.letter_rows import LARGEST_GAP, have_company, may_be_in_threes, rows_of
from corelab.kernels.strokes import Shape


def shape(top: int, left: int, height: int, width: int) -> Shape:
    return Shape(top, top + height, left, left + width, n_pixels=9, n_core=9, clean=1.0)


SHAPES = st.lists(
    st.builds(shape, *[st.integers(0, 40)] * 2, *[st.integers(1, 12)] * 2), max_size=30
)


def follows(later: Shape, before: Shape) -> bool:
    low, high = sorted((later.height, before.height))
    overlap = min(later.bottom, before.bottom) - max(later.top, before.top)
    is_close = later.left - before.right <= LARGEST_GAP * high
    return overlap > 0 and 2 * low >= high and 2 * overlap >= low and is_close


def rows_of_all(shapes: list[Shape]) -> list[list[Shape]]:
    """Try every row for every shape."""
    rows: list[list[Shape]] = []
    for one in sorted(shapes, key=lambda shape: shape.left):
        fit = [row for row in rows if any(follows(one, before) for before in row[-2:])]
        if fit:
            fit[0].append(one)
        else:
            rows.append([one])
    return rows


def rows_of_at_least(fewest: int, shapes: list[Shape]) -> list[list[Shape]]:
    return [row for row in rows_of(shapes) if len(row) >= fewest]


@given(SHAPES)
def test_rows_are_those_that_trying_every_row_finds(shapes: list[Shape]) -> None:
    assert rows_of(shapes) == rows_of_all(shapes)


@given(SHAPES)
def test_leaving_out_what_stands_alone_or_in_twos_leaves_the_same_rows(shapes: list[Shape]) -> None:
    for judge, fewest in ((have_company, 2), (may_be_in_threes, 3)):
        kept = list(compress(shapes, judge(shapes)))
        assert rows_of_at_least(fewest, kept) == rows_of_at_least(fewest, shapes)
        turned = [shape.turned() for shape in shapes]
        turned_kept = [shape.turned() for shape in kept]
        assert rows_of_at_least(fewest, turned_kept) == rows_of_at_least(fewest, turned)


@given(SHAPES)
def test_company_is_what_one_pair_at_a_time_has(shapes: list[Shape]) -> None:
    turned = [shape.turned() for shape in shapes]
    pairs = [(n, m) for n in range(len(shapes)) for m in range(len(shapes)) if n != m]
    expected = {
        member
        for plane in (shapes, turned)
        for n, m in pairs
        if plane[n].left >= plane[m].left and follows(plane[n], plane[m])
        for member in (n, m)
    }
    assert {n for n, has in enumerate(have_company(shapes)) if has} == expected


def test_a_gap_of_a_letter_is_bridged_and_a_wider_one_is_not() -> None:
    letters = [shape(0, 0, 10, 5), shape(0, 18, 10, 5), shape(0, 37, 10, 5)]
    assert [len(row) for row in rows_of(letters)] == [2, 1]
    assert have_company(letters).tolist() == [True, True, False]
    assert not may_be_in_threes(letters).any()


def test_all_of_a_word_and_nothing_of_a_pair_may_be_in_threes() -> None:
    word = [shape(0, 0, 10, 5), shape(1, 8, 10, 5), shape(0, 16, 10, 5)]
    pair = [shape(60, 0, 10, 5), shape(60, 8, 10, 5)]
    assert may_be_in_threes([*word, *pair]).tolist() == [True] * 3 + [False] * 2
