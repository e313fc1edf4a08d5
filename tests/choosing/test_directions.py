from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from corelab.choosing.directions import direction_sets, n_directions_of
from corelab.series import Frame, Series, SeriesKind
from corelab.vocab import ValueScale
from tests.factories import FRAME, make_series

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def direction(
    gradient: tuple[float, ...], *, b_value: float = 1000.0, uid: str = "dti", turn: int = 0
) -> Series:
    frame: Frame = dataclasses.replace(FRAME, path=Path(f"{gradient}.{turn}"))
    made = make_series(series_uid=uid, kind=SeriesKind.DIRECTION)
    return dataclasses.replace(
        made,
        b_value_s_mm2=b_value,
        gradient=gradient,
        frames=(frame,),
        value_scale=ValueScale.STORED,
    )


def test_three_axes_make_a_trace() -> None:
    (found,) = direction_sets([direction(axis) for axis in AXES])
    assert found.fault is None
    assert found.n_directions == 3


def test_order_of_parts_does_not_matter() -> None:
    parts = [direction(axis) for axis in AXES]
    assert direction_sets(parts) == direction_sets(parts[::-1])


def test_b_values_that_vary_a_little_are_one_set() -> None:
    values = (995.0, 1000.0, 1005.0)
    parts = [direction(axis, b_value=b) for axis, b in zip(AXES, values, strict=True)]
    (found,) = direction_sets(parts)
    assert found.fault is None


def test_each_b_value_and_each_series_is_a_set_of_its_own() -> None:
    parts = [direction(axis, b_value=b) for b in (1000.0, 2000.0) for axis in AXES]
    parts += [direction(axis, uid="other") for axis in AXES]
    assert [len(found.sources) for found in direction_sets(parts)] == [3, 3, 3]


def test_equal_repetitions_may_enter() -> None:
    parts = [direction(axis, turn=turn) for axis in AXES for turn in (1, 2)]
    (found,) = direction_sets(parts)
    assert found.fault is None
    assert found.n_directions == 3
    assert n_directions_of(found.sources) == 3


def opposite(axis: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(-part for part in axis)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ([direction(AXES[0])], "1 direction at b 1000, 3 needed for a trace"),
        ([direction(axis) for axis in AXES[:2]], "2 directions at b 1000, 3 needed"),
        (
            [direction(AXES[0]), direction(opposite(AXES[0])), direction(AXES[1])],
            "2 directions at b 1000, 3 needed",
        ),
        ([*map(direction, AXES), direction(AXES[0], turn=2)], "repeated 1 to 2 times"),
        ([direction(AXES[0]), direction(AXES[1]), direction(())], "gradients of 3 volumes"),
        ([*map(direction, AXES[:2]), direction((0.6, 0.8, 0.0))], "weight one axis 0.33"),
        (
            [
                *map(direction, AXES[:2]),
                dataclasses.replace(direction(AXES[2]), value_scale=ValueScale.FLOATING_POINT),
            ],
            "share no grid or no scale",
        ),
    ],
)
def test_directions_that_are_no_trace_say_why(parts: list[Series], fault: str) -> None:
    (found,) = direction_sets(parts)
    assert found.fault is not None
    assert fault in found.fault


def test_traces_and_b0_are_passed_over() -> None:
    trace = dataclasses.replace(direction(AXES[0]), kind=SeriesKind.TRACE)
    assert direction_sets([trace]) == []
