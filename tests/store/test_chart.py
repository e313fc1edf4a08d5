from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.store.chart import (
    PLOT_LEFT,
    PLOT_RIGHT,
    Point,
    cube_root_axis,
    linear_axis,
    strip_chart,
)

volumes = st.lists(st.floats(0, 2000), min_size=1, max_size=40)


def points(values: list[float]) -> list[Point]:
    return [
        Point(group="fu24h DWI", value=value, case_id=f"case-{n:02d}", label="", is_flagged=False)
        for n, value in enumerate(values)
    ]


def test_cube_root_axis_gives_0_a_place_and_8_twice_the_room_of_1() -> None:
    axis = cube_root_axis("", [50.0])
    assert axis.place(0) == PLOT_LEFT
    assert axis.place(8) - PLOT_LEFT == pytest.approx(2 * (axis.place(1) - PLOT_LEFT))


def test_linear_axis_ends_on_whole_steps_around_the_values() -> None:
    axis = linear_axis("", [1043.0, 1391.0])
    assert (axis.low, axis.high) == (1000.0, 1400.0)
    assert axis.ticks == (1000.0, 1100.0, 1200.0, 1300.0, 1400.0)


def test_a_single_value_still_has_an_axis() -> None:
    axis = linear_axis("", [1200.0])
    assert axis.low < axis.high
    assert PLOT_LEFT <= axis.place(1200.0) <= PLOT_RIGHT


@given(volumes)
def test_dots_stand_at_their_values_in_the_plot(values: list[float]) -> None:
    for axis in (cube_root_axis("", values), linear_axis("", values)):
        (strip,) = strip_chart(points(values), axis).strips
        assert len(strip.dots) == len(values)
        for dot in strip.dots:
            assert dot.x == pytest.approx(axis.place(dot.point.value))
            assert PLOT_LEFT - 1e-6 <= dot.x <= PLOT_RIGHT + 1e-6
            assert abs(dot.y - strip.y) <= strip.half_height


def test_equal_values_stand_apart() -> None:
    (strip,) = strip_chart(points([5.0] * 7), cube_root_axis("", [5.0])).strips
    places = {(dot.x, dot.y) for dot in strip.dots}
    assert len(places) == 7
    assert all(abs(a[1] - b[1]) >= 8 for a, b in combinations(places, 2))


def test_groups_are_strips_below_each_other_in_order() -> None:
    values = points([1.0, 2.0])
    other = [Point(group="baseline CT", value=3.0, case_id="x", label="", is_flagged=True)]
    chart = strip_chart([*values, *other], cube_root_axis("", [3.0]))
    assert [strip.label for strip in chart.strips] == ["baseline CT", "fu24h DWI"]
    first, second = chart.strips
    assert first.y + first.half_height < second.y - second.half_height
    assert second.median_label == "median 1.5 mL of 2"


def test_ticks_never_touch() -> None:
    chart = strip_chart(points([2000.0]), cube_root_axis("", [2000.0]))
    places = [tick.x for tick in chart.ticks]
    assert all(b - a >= 30 for a, b in pairwise(places))
    assert chart.ticks[0].label == "0"
